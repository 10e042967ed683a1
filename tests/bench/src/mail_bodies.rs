//! All messages of a full inbox, kept safe from a crash: the product, a bare socket that throws them away, and the peers in
//! turns.

use crate::Failure;
use crate::child::Errand;
use crate::figure::{Figure, Rounds};
use crate::peers::{Kept, Peers};
use crate::place::Place;

const COUNT: u32 = 20_000;
/// What offlineimap is given: it takes minutes for the other.
const FEW: u32 = 1_000;
const ROUNDS: usize = 3;
const MB: f64 = 1e6;

pub(crate) async fn measure(
    place: &mut Place,
    rounds: Option<usize>,
    peers: Option<&Peers>,
) -> Result<Vec<Figure>, Failure> {
    let (usual, few) = (place.inbox_of(COUNT).await?, place.inbox_of(FEW).await?);
    let lines = vec!["a1 SELECT INBOX".to_owned(), "a2 UID FETCH 1:* (UID BODY.PEEK[])".to_owned()];
    let drain = Errand::Drain(usual.clone(), lines);
    // Not counted: what the server reads first it reads from the disk.
    drain.run().await?;
    let (mut ours, mut drains, mut memory, mut bytes) = (Rounds::default(), Rounds::default(), 0, 0);
    let (mut safe, mut unsafely) = (Rounds::default(), Rounds::default());
    let (mut mbsync_few, mut offlineimap_few) = (Rounds::default(), Rounds::default());
    for _ in 0..rounds.unwrap_or(ROUNDS) {
        let fetched = Errand::Bodies(usual.clone()).run().await?;
        if fetched.messages != u64::from(COUNT) {
            return Err(format!("{} of {COUNT} messages came", fetched.messages).into());
        }
        ours.push(fetched.process_seconds);
        memory = memory.max(fetched.peak_bytes);
        let drained = drain.run().await?;
        drains.push(drained.process_seconds);
        bytes = drained.bytes;
        let Some(peers) = peers else { continue };
        safe.push(peers.mbsync(&usual, &Kept::nothing()?, true, COUNT).await?);
        unsafely.push(peers.mbsync(&usual, &Kept::nothing()?, false, COUNT).await?);
        mbsync_few.push(peers.mbsync(&few, &Kept::nothing()?, true, FEW).await?);
        offlineimap_few.push(peers.offlineimap(&few, &Kept::nothing()?, FEW).await?);
    }
    let mut figures = vec![
        Figure::ratio("mail-bodies/ratio", &ours, &drains).at_most(2.0),
        Figure::median("mail-bodies/ours-20000", &ours, "s"),
        Figure::median("mail-bodies/drain-20000", &drains, "s"),
        Figure::new("mail-bodies/drained", bytes as f64 / MB, "MB"),
        Figure::new("mail-bodies/memory-20000", memory as f64 / MB, "MB"),
    ];
    if peers.is_some() {
        figures.extend([
            Figure::ratio("mail-bodies/mbsync-to-ours", &safe, &ours).at_least(4.0),
            Figure::ratio("mail-bodies/mbsync-no-fsync-to-ours", &unsafely, &ours),
            Figure::median("mail-bodies/mbsync-20000", &safe, "s"),
            Figure::median("mail-bodies/mbsync-no-fsync-20000", &unsafely, "s"),
            Figure::median("mail-bodies/mbsync-1000", &mbsync_few, "s"),
            Figure::median("mail-bodies/offlineimap-1000", &offlineimap_few, "s"),
        ]);
    }
    Ok(figures)
}
