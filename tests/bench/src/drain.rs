//! The limit that nothing can beat: the same commands on a bare TLS socket, the answers thrown away.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::{ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

use crate::Failure;
use crate::phone::Setup;
use crate::place::trusting;

const SILENCE: Duration = Duration::from_secs(60);
/// Longer than any tagged line that a server writes here.
const TAIL: usize = 512;

/// What a drain took.
pub(crate) struct Drained {
    /// From before the connection to the last byte.
    pub(crate) whole: Duration,
    /// From the first of the given commands on.
    pub(crate) commands: Duration,
    /// What the commands brought, decrypted.
    pub(crate) bytes: u64,
}

/// Signs in, sends `lines` all at once and reads until the last of them is answered.
pub(crate) fn drain(setup: &Setup, lines: &[String]) -> Result<Drained, Failure> {
    let config = Arc::new(trusting(&setup.ca_pem)?);
    let started = Instant::now();
    let socket = TcpStream::connect_timeout(&SocketAddr::new(setup.address, setup.port), SILENCE)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(SILENCE))?;
    socket.set_write_timeout(Some(SILENCE))?;
    let connection = ClientConnection::new(config, ServerName::try_from(setup.host.clone())?)?;
    let mut stream = StreamOwned::new(connection, socket);
    read_to(&mut stream, b"* OK")?;
    let secret = STANDARD.encode(format!("\0{}\0{}", setup.user, setup.password));
    stream.write_all(format!("login AUTHENTICATE PLAIN {secret}\r\n").as_bytes())?;
    read_to(&mut stream, b"login OK")?;
    let commands = Instant::now();
    let last = lines.last().and_then(|line| line.split(' ').next()).ok_or("no command to send")?;
    stream.write_all((lines.join("\r\n") + "\r\n").as_bytes())?;
    let bytes = read_to(&mut stream, format!("\r\n{last} OK").as_bytes())?;
    Ok(Drained { whole: started.elapsed(), commands: commands.elapsed(), bytes })
}

/// Reads until what came ends with a line that begins with `mark`; how much it was.
fn read_to(stream: &mut impl Read, mark: &[u8]) -> Result<u64, Failure> {
    let (mut chunk, mut tail, mut bytes) = (vec![0; 64 * 1024], Vec::new(), 0);
    loop {
        let some = match stream.read(&mut chunk)? {
            0 => return Err("the server hung up".into()),
            length => &chunk[..length],
        };
        bytes += some.len() as u64;
        tail.extend_from_slice(&some[some.len().saturating_sub(TAIL)..]);
        tail.drain(..tail.len().saturating_sub(TAIL));
        let found = tail.windows(mark.len()).any(|window| window == mark);
        if found && tail.ends_with(b"\r\n") {
            return Ok(bytes);
        }
    }
}
