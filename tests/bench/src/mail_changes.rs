//! Five hundred flags and two hundred expunged of twenty thousand: what they cost, against what a perfect client needs.
//!
//! A perfect client has kept UIDVALIDITY and the highest mod-sequence, and knows what the server can do. It says so in two
//! commands that travel together: ENABLE, without which the server tells no expunged UID (RFC 7162, 3.2.3), and SELECT with both
//! numbers. The answer is one VANISHED (EARLIER) with the expunged UIDs and one FETCH with UID, flags and mod-sequence for each
//! message that changed. Without compression nothing in the protocol says the same in less. It looks at no other mailbox; ours
//! does, and pays.

use std::net::SocketAddr;

use academy::wire::Wire;

use crate::Failure;
use crate::drain::drain;
use crate::figure::Figure;
use crate::phone::{Setup, Traffic, after_login};
use crate::place::{LOOPBACK, Place};

const COUNT: u32 = 20_000;
const FLAGS: usize = 500;
const EXPUNGED: u32 = 200;

pub(crate) async fn measure(place: &mut Place) -> Result<Vec<Figure>, Failure> {
    let setup = place.inbox_of(COUNT).await?;
    // As many as will go, so that the mailbox is as it was for what is measured next.
    place.add(EXPUNGED).await?;
    let wire = Wire::to(SocketAddr::new(LOOPBACK, setup.port)).await?;
    let folder = tempfile::tempdir()?;
    let over = setup.over(wire.address());
    let (mail, store) = over.mail(folder.path())?;
    mail.sync().await?;
    mail.disconnect().await;

    let mut other = place.academy().await?.mailbox(&setup.user).await?;
    let told = other.command("STATUS INBOX (UIDVALIDITY HIGHESTMODSEQ)").await?;
    let number = |name: &str| {
        let line = told.iter().find_map(|line| line.split_once(name));
        line.and_then(|(_, rest)| rest.trim().split([' ', ')']).next()?.parse::<u64>().ok()).ok_or("no status")
    };
    let (validity, mod_seq) = (number("UIDVALIDITY ")?, number("HIGHESTMODSEQ ")?);
    other.command("SELECT INBOX").await?;
    let every = |from: u32, step: u32, count: usize| {
        (from..).step_by(step as usize).take(count).map(|number| number.to_string()).collect::<Vec<_>>().join(",")
    };
    other.command(&format!("STORE {} +FLAGS.SILENT (\\Flagged)", every(7, 40, FLAGS))).await?;
    other.command(&format!("STORE {} +FLAGS.SILENT (\\Deleted)", every(20, 100, EXPUNGED as usize))).await?;
    other.command("EXPUNGE").await?;

    let spent = after_login(&mail, &wire).await?;
    let inbox = mail.mailboxes().await?.into_iter().next().ok_or("no inbox")?;
    if inbox.known != u64::from(COUNT) {
        return Err(format!("the phone knows {} messages", inbox.known).into());
    }
    store.close().await?;
    let select = format!("a2 SELECT INBOX (QRESYNC ({validity} {mod_seq}))");
    let needed = on_socket(&over, &wire, vec!["a1 ENABLE QRESYNC".to_owned(), select]).await?;
    let login = on_socket(&over, &wire, vec!["a1 NOOP".to_owned(), "a2 NOOP".to_owned()]).await?;
    let needed = needed.beyond(login);
    Ok(vec![
        Figure::new("mail-changes/ratio", spent.bytes as f64 / needed.bytes as f64, "x").at_most(1.2),
        Figure::new("mail-changes/bytes", spent.bytes as f64, "B"),
        Figure::new("mail-changes/bytes-needed", needed.bytes as f64, "B"),
        Figure::new("mail-changes/round-trips", spent.round_trips as f64, ""),
    ])
}

async fn on_socket(setup: &Setup, wire: &Wire, lines: Vec<String>) -> Result<Traffic, Failure> {
    let (setup, start) = (setup.clone(), Traffic::of(wire));
    tokio::task::spawn_blocking(move || drain(&setup, &lines).map(drop)).await??;
    Ok(Traffic::of(wire).beyond(start))
}
