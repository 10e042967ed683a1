//! The client's socket, counted.

use std::io;
use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::Line;
use super::faults::{Close, Direction};

const RECORD_LIMIT: usize = 1 << 20;

/// Sums over all connections of a wire.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) opened: AtomicU64,
    pub(super) running: AtomicU64,
    pub(super) bytes: [AtomicU64; 2],
    pub(super) round_trips: AtomicU64,
    recorded: [Mutex<Vec<u8>>; 2],
}

impl Counters {
    pub(super) fn record(&self, direction: Direction, bytes: &[u8]) {
        let mut kept = self.recorded[direction.index()].lock().unwrap_or_else(PoisonError::into_inner);
        let room = RECORD_LIMIT.saturating_sub(kept.len());
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    pub(super) fn recorded(&self, direction: Direction) -> Vec<u8> {
        self.recorded[direction.index()].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The client's leg of one connection: a TCP stream that counts bytes and changes of direction.
#[derive(Debug)]
pub(super) struct Tap {
    socket: TcpStream,
    line: Arc<Line>,
    last: Option<Direction>,
}

impl Tap {
    pub(super) fn new(socket: TcpStream, line: Arc<Line>) -> Self {
        line.counters.opened.fetch_add(1, Relaxed);
        line.counters.running.fetch_add(1, Relaxed);
        // A proxy that held back small writes would add delays nobody asked for.
        let _ = socket.set_nodelay(true);
        Self { socket, line, last: None }
    }

    /// Ends the connection below TLS, so that no `close_notify` softens the cut.
    pub(super) async fn end(mut self, close: Close) {
        if close == Close::Reset {
            let _ = self.socket.set_zero_linger();
            return;
        }
        // Closing with unread bytes would make the kernel send RST after all: read on until the client has seen the FIN.
        let _ = self.socket.shutdown().await;
        let mut sink = [0; 4096];
        let drained = async { while matches!(self.socket.read(&mut sink).await, Ok(1..)) {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), drained).await;
    }

    fn count(&mut self, direction: Direction, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let counters = &self.line.counters;
        counters.bytes[direction.index()].fetch_add(bytes as u64, Relaxed);
        if direction == Direction::ToServer && self.last != Some(Direction::ToServer) {
            counters.round_trips.fetch_add(1, Relaxed);
        }
        self.last = Some(direction);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.line.counters.running.fetch_sub(1, Relaxed);
    }
}

impl AsyncRead for Tap {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        self.count(Direction::ToServer, buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write(cx, buf))?;
        self.count(Direction::ToClient, written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
