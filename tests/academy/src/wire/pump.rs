//! One direction of a connection, with its delay, rate, cut and hole.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::faults::{Close, Direction};
use super::lines::Readable;
use super::{Line, Setting};

const CHUNK: usize = 16 * 1024;
/// Chunks in flight, so that delay costs time and not throughput.
const IN_FLIGHT: usize = 64;

/// What travels, in order. The end is one of the things that can be late.
enum Piece {
    Bytes(Vec<u8>),
    End,
    Broken(Close),
}

/// Carries bytes until the sender ends them, and that end too. `Err` says how the whole connection shall end.
pub(super) async fn carry<R, W>(
    line: &Line,
    direction: Direction,
    readable: Readable,
    from: R,
    to: W,
) -> Result<(), Close>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    let reading = async {
        read(line, direction, readable, from, sender).await;
        Ok(())
    };
    let writing = Writer { direction, settings: line.setting.subscribe(), to, sent: 0, free_at: Instant::now() };
    tokio::try_join!(reading, writing.run(receiver)).map(|_| ())
}

async fn read<R: AsyncRead + Unpin>(
    line: &Line,
    direction: Direction,
    mut readable: Readable,
    mut from: R,
    sender: mpsc::Sender<(Instant, Piece)>,
) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await;
        let due = Instant::now() + line.setting.borrow().faults.delay[direction.index()];
        let last = match read {
            Ok(0) => Piece::End,
            Ok(count) => {
                let passed = readable.pass(&chunk[..count], &line.counters);
                if !passed.is_empty() && sender.send((due, Piece::Bytes(passed))).await.is_err() {
                    return;
                }
                continue;
            }
            // TLS without close_notify: pass the truncation on as one.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Piece::Broken(Close::Fin),
            Err(_) => Piece::Broken(Close::Reset),
        };
        let rest = readable.finish();
        if rest.is_empty() || sender.send((due, Piece::Bytes(rest))).await.is_ok() {
            let _ = sender.send((due, last)).await;
        }
        return;
    }
}

struct Writer<W> {
    direction: Direction,
    settings: watch::Receiver<Setting>,
    to: W,
    sent: u64,
    /// When the throttle lets the next byte pass.
    free_at: Instant,
}

/// The faults as they concern one direction now.
struct Rules {
    cut: Option<(u64, Close)>,
    hole: Option<u64>,
    rate: Option<u64>,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    async fn run(mut self, mut queue: mpsc::Receiver<(Instant, Piece)>) -> Result<(), Close> {
        let mut next = None;
        loop {
            let rules = self.rules();
            if let Some((after, close)) = rules.cut
                && self.sent >= after
            {
                return Err(close);
            }
            let Some((due, piece)) = next.take() else {
                tokio::select! {
                    _ = self.settings.changed() => {}
                    arrived = queue.recv() => match arrived {
                        Some(arrived) => next = Some(arrived),
                        None => return Ok(()),
                    },
                }
                continue;
            };
            let holed = rules.hole.is_some_and(|after| self.sent >= after);
            let until = if rules.rate.is_some() { due.max(self.free_at) } else { due };
            if holed || until > Instant::now() {
                next = Some((due, piece));
                tokio::select! {
                    _ = self.settings.changed() => {}
                    () = sleep_until(until), if !holed => {}
                }
                continue;
            }
            match piece {
                Piece::Bytes(bytes) => next = self.write(bytes, &rules).await?.map(|rest| (due, Piece::Bytes(rest))),
                // A failed shutdown means that the other side is gone already; its own direction says how.
                Piece::End => return self.to.shutdown().await.or(Ok(())),
                Piece::Broken(close) => return Err(close),
            }
        }
    }

    fn rules(&mut self) -> Rules {
        let index = self.direction.index();
        let setting = self.settings.borrow_and_update();
        let faults = &setting.faults;
        Rules { cut: faults.cut[index], hole: faults.hole[index], rate: faults.rate[index] }
    }

    /// Writes what the rules let pass now and returns the rest.
    async fn write(&mut self, mut bytes: Vec<u8>, rules: &Rules) -> Result<Option<Vec<u8>>, Close> {
        let limits = [
            rules.cut.map(|(after, _)| after - self.sent),
            rules.hole.map(|after| after - self.sent),
            rules.rate.map(|rate| (rate / 20).max(1)),
        ];
        let limit = limits.into_iter().flatten().min().unwrap_or(u64::MAX);
        let rest = bytes.split_off(bytes.len().min(usize::try_from(limit).unwrap_or(usize::MAX)));
        let written = async {
            self.to.write_all(&bytes).await?;
            self.to.flush().await
        };
        written.await.map_err(|_| Close::Reset)?;
        self.sent += bytes.len() as u64;
        if let Some(rate) = rules.rate {
            self.free_at = Instant::now() + Duration::from_secs_f64(bytes.len() as f64 / rate as f64);
        }
        Ok(Some(rest).filter(|rest| !rest.is_empty()))
    }
}
