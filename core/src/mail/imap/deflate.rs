//! COMPRESS=DEFLATE (RFC 4978), below the guard: its bounds hold for what comes out of it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const CHUNK: usize = 16 * 1024;
/// What may wait to be written before more is taken.
const WAITING: usize = 64 * 1024;

/// A stream that goes over to DEFLATE at some moment.
pub(super) struct Deflated<S> {
    inner: S,
    codec: Option<Box<Codec>>,
    garbled: bool,
}

struct Codec {
    inflate: Decompress,
    /// What came, up to `taken` already inflated.
    input: Vec<u8>,
    taken: usize,
    /// Whether the server has ended its side.
    ended: bool,
    deflate: Compress,
    /// What is to be written, up to `sent` already gone.
    output: Vec<u8>,
    sent: usize,
    /// Whether something is still in the compressor.
    unflushed: bool,
}

impl<S> Deflated<S> {
    /// As it is, for now.
    pub(super) fn new(inner: S) -> Self {
        Self { inner, codec: None, garbled: false }
    }

    /// Everything is deflated from here on, both ways. `behind` came already.
    pub(super) fn begin(&mut self, behind: Vec<u8>) {
        self.codec = Some(Box::new(Codec {
            // Neither header nor checksum (RFC 4978, 4).
            inflate: Decompress::new(false),
            input: behind,
            taken: 0,
            ended: false,
            deflate: Compress::new(Compression::default(), false),
            output: Vec::new(),
            sent: 0,
            unflushed: false,
        }));
    }

    /// Whether what came was not DEFLATE.
    pub(super) fn garbled(&self) -> bool {
        self.garbled
    }
}

impl Codec {
    /// Inflates some of what is here; how much came out, `None` where it is no DEFLATE.
    fn inflate(&mut self, buf: &mut ReadBuf<'_>) -> Option<usize> {
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let input = self.input.get(self.taken..).unwrap_or_default();
        let left = !input.is_empty();
        let status = self.inflate.decompress(input, buf.initialize_unfilled(), FlushDecompress::None).ok()?;
        let read = usize::try_from(self.inflate.total_in() - before_in).ok()?;
        let made = usize::try_from(self.inflate.total_out() - before_out).ok()?;
        self.taken += read;
        self.ended = status == Status::StreamEnd;
        buf.advance(made);
        // Neither reads nor writes, and is not at its end: it would stay so for ever.
        (read > 0 || made > 0 || self.ended || !left).then_some(made)
    }

    fn compress(&mut self, buf: &[u8]) -> io::Result<()> {
        let before = self.deflate.total_in();
        self.unflushed = true;
        loop {
            let taken = usize::try_from(self.deflate.total_in() - before).map_err(io::Error::other)?;
            let Some(rest) = buf.get(taken..).filter(|rest| !rest.is_empty()) else { return Ok(()) };
            self.output.reserve(CHUNK);
            self.deflate.compress_vec(rest, &mut self.output, FlushCompress::None).map_err(io::Error::other)?;
        }
    }

    /// Puts all that the compressor holds where it can be written: the server waits for it.
    fn flush(&mut self) -> io::Result<()> {
        while self.unflushed {
            self.output.reserve(CHUNK);
            self.deflate.compress_vec(&[], &mut self.output, FlushCompress::Sync).map_err(io::Error::other)?;
            // Where room was left, it had no more to say.
            self.unflushed = self.output.len() == self.output.capacity();
        }
        Ok(())
    }

    fn poll_send<S: AsyncWrite + Unpin>(&mut self, inner: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.output.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *inner).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.sent += written,
            }
        }
        self.output.clear();
        self.output.shrink_to(WAITING);
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Deflated<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { inner, codec, garbled } = self.get_mut();
        let Some(codec) = codec else { return Pin::new(inner).poll_read(cx, buf) };
        loop {
            if codec.ended || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            match codec.inflate(buf) {
                Some(0) => {}
                Some(_) => return Poll::Ready(Ok(())),
                None => {
                    *garbled = true;
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
            }
            if codec.ended || codec.taken < codec.input.len() {
                continue;
            }
            codec.input.resize(CHUNK, 0);
            codec.taken = CHUNK;
            let mut chunk = ReadBuf::new(&mut codec.input);
            ready!(Pin::new(&mut *inner).poll_read(cx, &mut chunk))?;
            let read = chunk.filled().len();
            codec.input.truncate(read);
            codec.taken = 0;
            if read == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Deflated<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Self { inner, codec, .. } = self.get_mut();
        let Some(codec) = codec else { return Pin::new(inner).poll_write(cx, buf) };
        if codec.output.len() >= WAITING {
            ready!(codec.poll_send(inner, cx))?;
        }
        codec.compress(buf)?;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { inner, codec, .. } = self.get_mut();
        if let Some(codec) = codec {
            codec.flush()?;
            ready!(codec.poll_send(inner, cx))?;
        }
        Pin::new(inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { inner, codec, .. } = self.get_mut();
        if let Some(codec) = codec {
            codec.flush()?;
            ready!(codec.poll_send(inner, cx))?;
        }
        Pin::new(inner).poll_shutdown(cx)
    }
}
