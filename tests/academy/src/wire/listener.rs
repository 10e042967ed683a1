//! The port: opened, closed and opened again as the faults say.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::faults::Refusal;
use super::tap::Tap;
use super::{Line, relay};

/// Accepts until aborted. Owns the connections: they end with it.
pub(super) async fn run(line: Arc<Line>, listener: TcpListener, address: SocketAddr, target: SocketAddr) {
    let mut listener = Some(listener);
    let mut settings = line.setting.subscribe();
    let mut running = JoinSet::new();
    loop {
        let (number, closed) = {
            let setting = settings.borrow_and_update();
            (setting.number, setting.faults.refusal == Some(Refusal::Port))
        };
        if closed {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        if closed || listener.is_some() {
            line.settled.send_replace(number);
        }
        let reopen = !closed && listener.is_none();
        tokio::select! {
            biased;
            changed = settings.changed() => if changed.is_err() { return },
            accepted = accept(listener.as_ref()) => match accepted {
                Ok(socket) => {
                    let client = Tap::new(socket, Arc::clone(&line));
                    running.spawn(relay::run(Arc::clone(&line), client, target, line.cuts.subscribe()));
                }
                // Out of descriptors: the condition passes when connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = running.join_next() => {}
            () = tokio::time::sleep(Duration::from_millis(20)), if reopen => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(socket, _)| socket),
        None => pending().await,
    }
}
