//! A sync that finds nothing new: what all mailboxes together cost after the login.

use std::net::SocketAddr;

use academy::wire::Wire;

use crate::Failure;
use crate::figure::Figure;
use crate::phone::after_login;
use crate::place::{LOOPBACK, Place};

const COUNT: u32 = 1_000;
const TIMES: usize = 5;

pub(crate) async fn measure(place: &mut Place) -> Result<Vec<Figure>, Failure> {
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
    Ok(vec![
        Figure::new("mail-quiet/bytes", bytes as f64, "B").at_most(2048.0),
        Figure::new("mail-quiet/round-trips", trips as f64, "").at_most(3.0),
        Figure::new("mail-quiet/mailboxes", mailboxes as f64, ""),
    ])
}
