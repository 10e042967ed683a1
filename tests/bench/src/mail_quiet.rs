//! A sync that finds nothing new: what all mailboxes together cost after the login, and what a background job takes for it in a
//! process of its own.

use std::net::SocketAddr;

use academy::wire::Wire;

use crate::Failure;
use crate::child::{Errand, Report};
use crate::figure::{Figure, Rounds};
use crate::peers::{Kept, Peers};
use crate::phone::after_login;
use crate::place::{LOOPBACK, Place};

const COUNT: u32 = 1_000;
const FULL: u32 = 20_000;
const LARGE: u32 = 200_000;
const TIMES: usize = 5;
const MB: f64 = 1e6;

pub(crate) async fn measure(
    place: &mut Place,
    rounds: Option<usize>,
    peers: Option<&Peers>,
) -> Result<Vec<Figure>, Failure> {
    let setup = place.inbox_of(COUNT).await?;
    let wire = Wire::to(SocketAddr::new(LOOPBACK, setup.port)).await?;
    let folder = tempfile::tempdir()?;
    let (mail, store) = setup.over(wire.address()).mail(folder.path())?;
    mail.sync().await?;
    mail.disconnect().await;
    let (mut bytes, mut trips) = (u64::MAX, u64::MAX);
    for _ in 0..TIMES {
        // What nobody asked for, as the tickets of TLS, splits a round trip now and then: the least is the true one.
        let quiet = after_login(&mail, &wire).await?;
        (bytes, trips) = (bytes.min(quiet.bytes), trips.min(quiet.round_trips));
    }
    let mailboxes = mail.mailboxes().await?.len();
    store.close().await?;
    let mut figures = vec![
        Figure::new("mail-quiet/bytes", bytes as f64, "B").at_most(2048.0),
        Figure::new("mail-quiet/round-trips", trips as f64, "").at_most(3.0),
        Figure::new("mail-quiet/mailboxes", mailboxes as f64, ""),
    ];
    figures.extend(background_job(place, rounds).await?);
    if let Some(peers) = peers {
        figures.extend(beside(place, rounds, peers).await?);
    }
    Ok(figures)
}

/// The whole app in a fresh process, which signs in, sends, syncs and ends, as an extension of the phone's system would.
///
/// `memory` counts all that is resident: also the clean pages of this program, which is larger than what a phone carries and is not
/// built for size, and of the system's libraries. `own-memory` is without them: what a phone cannot take back, and what iOS counts
/// against an extension's limit.
async fn background_job(place: &mut Place, rounds: Option<usize>) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for count in [FULL, LARGE] {
        let folder = tempfile::tempdir()?;
        let home = place.home_of(count, folder.path()).await?;
        let errand = Errand::SyncOnce(home);
        let first = errand.run().await?;
        if first.messages != u64::from(count) {
            return Err(format!("{} of {count} messages were synced", first.messages).into());
        }
        let (mut memory, mut own_memory) = (Rounds::default(), Rounds::default());
        let (mut seconds, mut cpu) = (Rounds::default(), Rounds::default());
        for _ in 0..rounds.unwrap_or(TIMES) {
            let report = quiet(errand.run().await?)?;
            let Report { seconds: took, cpu_seconds, peak_bytes, own_peak_bytes, .. } = report;
            memory.push(peak_bytes as f64 / MB);
            own_memory.push(own_peak_bytes as f64 / MB);
            seconds.push(took);
            cpu.push(cpu_seconds);
        }
        figures.push(Figure::median(&format!("mail-quiet/sync-once-memory-{count}"), &memory, "MB").at_most(12.0));
        figures.push(Figure::median(&format!("mail-quiet/sync-once-own-memory-{count}"), &own_memory, "MB"));
        figures.push(Figure::median(&format!("mail-quiet/sync-once-{count}"), &seconds, "s"));
        figures.push(Figure::median(&format!("mail-quiet/sync-once-cpu-{count}"), &cpu, "s"));
    }
    Ok(figures)
}

/// Whole processes in turns: the product looks at all mailboxes, the peers at the inbox alone.
async fn beside(place: &mut Place, rounds: Option<usize>, peers: &Peers) -> Result<Vec<Figure>, Failure> {
    let (full, few) = (place.inbox_of(FULL).await?, place.inbox_of(COUNT).await?);
    let (for_full, for_few) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let ours_full = Errand::Sync(full.clone(), Some(for_full.path().to_owned()));
    let ours_few = Errand::Sync(few.clone(), Some(for_few.path().to_owned()));
    let (mbsync_full, offlineimap_few) = (Kept::nothing()?, Kept::nothing()?);
    // The first time everything comes.
    ours_full.run().await?;
    ours_few.run().await?;
    peers.mbsync(&full, &mbsync_full, false, FULL).await?;
    peers.offlineimap(&few, &offlineimap_few, COUNT).await?;
    let (mut ours, mut mbsync) = (Rounds::default(), Rounds::default());
    let (mut ours_1000, mut offlineimap) = (Rounds::default(), Rounds::default());
    for _ in 0..rounds.unwrap_or(TIMES) {
        ours.push(quiet(ours_full.run().await?)?.process_seconds);
        mbsync.push(peers.mbsync(&full, &mbsync_full, true, FULL).await?);
        ours_1000.push(quiet(ours_few.run().await?)?.process_seconds);
        offlineimap.push(peers.offlineimap(&few, &offlineimap_few, COUNT).await?);
    }
    Ok(vec![
        Figure::ratio("mail-quiet/mbsync-to-ours-20000", &mbsync, &ours).at_least(1.0),
        Figure::median("mail-quiet/ours-20000-process", &ours, "s"),
        Figure::median("mail-quiet/mbsync-20000", &mbsync, "s"),
        Figure::ratio("mail-quiet/offlineimap-to-ours-1000", &offlineimap, &ours_1000).at_least(1.0),
        Figure::median("mail-quiet/offlineimap-1000", &offlineimap, "s"),
    ])
}

fn quiet(report: Report) -> Result<Report, Failure> {
    if report.arrived == 0 { Ok(report) } else { Err(format!("{} headers were new", report.arrived).into()) }
}
