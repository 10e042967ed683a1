//! What is said to sign in, by AUTH (RFC 4954): the mechanisms are those of `sasl`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::dialogue::{Dialogue, Reply};
use super::{Credentials, SendError, Stage, refusal};
use crate::mail::sasl::Exchange;

/// What does not fit into a command of this length is said after the server's `334` (RFC 4954, 4). Servers cut a longer
/// line, and the rest of a token is a wrong token.
const COMMAND: usize = 510;

/// The ways to sign in that both sides know, the best first.
pub(super) struct Login(Vec<Exchange>);

impl Login {
    /// Chooses them. Says nothing yet.
    pub(super) fn choose(offered: &Reply, credentials: &Credentials) -> Result<Self, SendError> {
        let mechanisms = mechanisms(offered);
        let choices = Exchange::choices(|name| mechanisms.iter().any(|one| one == name), credentials);
        choices.ok().filter(|choices| !choices.is_empty()).map(Self).ok_or(SendError::NoMechanism)
    }

    /// Signs in, and tells `stage` when something goes out from which the server can tell a right secret from a wrong one.
    pub(super) async fn run(
        self,
        server: &mut Dialogue,
        stage: &mut (dyn FnMut(Stage) + Send),
    ) -> Result<(), SendError> {
        for mut exchange in self.0 {
            let reply = attempt(&mut exchange, server, stage).await?;
            match reply.code {
                235 => return exchange.finished().map_err(SendError::Distrusted),
                // Until something proved the secret, a refusal is one of the mechanism.
                500..=599 if !exchange.proven() => {}
                // 500, 502 to 504: it did not understand the command, so it has not looked at the secret.
                501 | 505..=599 => return Err(SendError::AuthenticationFailed),
                _ => return Err(refusal(&Reply { lines: Vec::new(), ..reply }, None)),
            }
        }
        Err(SendError::NoMechanism)
    }
}

/// Says what one mechanism has to say; the server's last word.
async fn attempt(
    exchange: &mut Exchange,
    server: &mut Dialogue,
    stage: &mut (dyn FnMut(Stage) + Send),
) -> Result<Reply, SendError> {
    let mut line = Zeroizing::new(format!("AUTH {}", exchange.name()));
    if let Some(said) = exchange.initial(COMMAND - line.len() - 1) {
        // Of the right size from the start: a string that grows leaves copies of what was in it.
        line = Zeroizing::new(format!("{} {}", *line, text(&said)));
    }
    let mut told = false;
    let mut tell = |proven: bool| {
        if proven && !std::mem::replace(&mut told, proven) {
            stage(Stage::Authenticating);
        }
    };
    tell(exchange.proven());
    let mut reply = server.ask(&line).await?;
    while reply.code == 334 {
        // Some put words there for people.
        let challenge = reply.lines.first().and_then(|line| STANDARD.decode(line.trim()).ok()).unwrap_or_default();
        let said = exchange.answer(&challenge).map_err(SendError::Distrusted)?;
        tell(exchange.proven());
        // RFC 4954, 4: with an asterisk a client gives up.
        reply = server.ask(said.as_ref().map_or("*", |said| text(said))).await?;
    }
    Ok(reply)
}

/// Base64 is.
fn text(said: &[u8]) -> &str {
    std::str::from_utf8(said).unwrap_or_default()
}

/// The SASL mechanisms offered, in capitals. Old servers write `AUTH=PLAIN`.
fn mechanisms(offered: &Reply) -> Vec<String> {
    let mut found = Vec::new();
    for line in &offered.lines {
        let line = line.to_ascii_uppercase();
        let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
        if words.next() == Some("AUTH") {
            found.extend(words.map(str::to_owned));
        }
    }
    found
}
