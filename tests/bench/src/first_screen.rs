//! From nothing to fifty rows on the screen: round trips and time, in a small inbox and in a huge one.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use academy::wire::Wire;
use cartable_core::store::Change;
use tokio::time::timeout;

use crate::Failure;
use crate::figure::{Figure, Rounds};
use crate::phone::Setup;
use crate::place::{LOOPBACK, Place};

const SMALL: u32 = 1_000;
const LARGE: u32 = 200_000;
const ROUNDS: usize = 21;
const COUNTED: usize = 5;
const ROWS: u32 = 50;
const LIMIT: Duration = Duration::from_secs(60);
/// With TLS 1.3 the hello; the client's last word of it travels with what follows.
const HANDSHAKE: u64 = 1;

pub(crate) async fn measure(place: &mut Place, rounds: Option<usize>) -> Result<Vec<Figure>, Failure> {
    let (small, large) = (place.inbox_of(SMALL).await?, place.inbox_of(LARGE).await?);
    for warm_up in [&small, &large] {
        screen(warm_up, None).await?;
    }
    let (mut smalls, mut larges) = (Rounds::default(), Rounds::default());
    for _ in 0..rounds.unwrap_or(ROUNDS) {
        smalls.push(screen(&small, None).await?.0.as_secs_f64());
        larges.push(screen(&large, None).await?.0.as_secs_f64());
    }
    let wire = Wire::to(SocketAddr::new(LOOPBACK, large.port)).await?;
    let over = large.over(wire.address());
    let mut trips = u64::MAX;
    for _ in 0..COUNTED {
        // The next command may be on the wire before the count is read: the least of several is the true one.
        trips = trips.min(screen(&over, Some(&wire)).await?.1);
    }
    Ok(vec![
        Figure::new("first-screen/round-trips", trips.saturating_sub(HANDSHAKE) as f64, "").at_most(6.0),
        Figure::ratio("first-screen/ratio-200000-to-1000", &larges, &smalls).at_most(1.2),
        Figure::median("first-screen/time-1000", &smalls, "s"),
        Figure::median("first-screen/time-200000", &larges, "s"),
    ])
}

/// Time and round trips until fifty rows can be read, while the sync goes on; then the sync is dropped.
pub(crate) async fn screen(setup: &Setup, wire: Option<&Wire>) -> Result<(Duration, u64), Failure> {
    let folder = tempfile::tempdir()?;
    let (mail, store) = setup.mail(folder.path())?;
    let mut listening = store.notices().listen();
    let before = wire.map_or(0, Wire::round_trips);
    let started = Instant::now();
    let shown = async {
        loop {
            let Some(change) = listening.next().await else { return Err("the store closed".into()) };
            let trips = wire.map_or(0, Wire::round_trips).saturating_sub(before);
            let Change::Messages { mailbox } = change else { continue };
            let rows = mail.page(mailbox, None, ROWS).await?;
            if rows.len() == ROWS as usize {
                return Ok::<_, Failure>((started.elapsed(), trips));
            }
        }
    };
    // A sync that fails ends the wait; one that ends well leaves its notices to be read.
    let synced = async {
        match mail.sync().await {
            Ok(_) => std::future::pending().await,
            Err(error) => error,
        }
    };
    let shown = timeout(LIMIT, async {
        tokio::select! {
            shown = shown => shown,
            error = synced => Err(error.into()),
        }
    });
    let shown = shown.await.map_err(|_| Failure::from("fifty rows never came"))?;
    store.close().await?;
    shown
}
