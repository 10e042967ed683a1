//! The desk's work: from a request to an answer.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::Method;
use tokio::time::Instant;

use super::answers::Answer;
use super::limits::Limits;
use super::people::{self, Unavailable};
use super::requests::{Fields, Malformed, NewPassword, Proof};
use super::steps::{Step, Steps};
use super::{DeskConfig, RESET_PATH};
use crate::http::Asked;

const LOG_LINES: usize = 1_000;
/// How many passwords a step may try.
const PASSWORD_TRIES: u32 = 3;

/// Everything the desk remembers.
pub(super) struct Office {
    config: DeskConfig,
    memory: Mutex<Memory>,
}

struct Memory {
    identifiers: Limits<String>,
    clients: Limits<IpAddr>,
    steps: Steps,
    log: VecDeque<String>,
}

impl Office {
    pub(super) fn new(config: DeskConfig) -> Self {
        let memory = Memory {
            identifiers: Limits::new(config.wrong_proofs, config.window),
            clients: Limits::new(config.wrong_proofs, config.window),
            steps: Steps::default(),
            log: VecDeque::new(),
        };
        Self { config, memory: Mutex::new(memory) }
    }

    pub(super) async fn decide(&self, asked: &Asked, body: &[u8]) -> Answer {
        let proof_path = format!("{RESET_PATH}/proof");
        let password_path = format!("{RESET_PATH}/password");
        match asked.uri.path() {
            path if path == RESET_PATH => match asked.method {
                Method::GET => Answer::ProofForm,
                _ => Answer::MethodNotAllowed { allowed: "GET" },
            },
            path if path != proof_path && path != password_path => Answer::NotFound,
            _ if asked.method != Method::POST => Answer::MethodNotAllowed { allowed: "POST" },
            path => {
                let Some(fields) = Fields::read(&asked.headers, body) else {
                    return Answer::Malformed { field: "body" };
                };
                let answer = if path == proof_path {
                    self.prove(fields, asked.client).await
                } else {
                    self.choose(fields, asked.client).await
                };
                answer.unwrap_or_else(|Malformed(field)| Answer::Malformed { field })
            }
        }
    }

    /// Notes an outcome: when, who and a word of the desk's own.
    pub(super) fn note(&self, client: IpAddr, answer: &Answer) {
        let seconds = self.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut memory = self.memory();
        if memory.log.len() >= LOG_LINES {
            memory.log.pop_front();
        }
        memory.log.push_back(format!("{seconds} {client} {}", answer.word()));
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.memory().log.iter().cloned().collect()
    }

    async fn prove(&self, fields: Fields, client: IpAddr) -> Result<Answer, Malformed> {
        let arrived = Instant::now();
        let proof = Proof::read(fields)?;
        let attempts_left = match self.reserve(&proof.identifier, client) {
            Ok(attempts_left) => attempts_left,
            Err(answer) => return Ok(answer),
        };
        let outcome = people::proven(&self.config, &proof).await;
        let answer = match outcome {
            Ok(Some(entry)) => return Ok(self.open_step(entry, proof.identifier, client)),
            Ok(None) => Answer::ProofRefused { attempts_left },
            Err(Unavailable) => {
                let mut memory = self.memory();
                memory.identifiers.give_back(&proof.identifier);
                memory.clients.give_back(&client);
                return Ok(Answer::Unavailable);
            }
        };
        // The directory is quicker for people it does not know; nobody shall see that.
        tokio::time::sleep_until(arrived + self.config.answer_after).await;
        Ok(answer)
    }

    /// Counts the attempt before it is made, or says how long to wait.
    fn reserve(&self, identifier: &str, client: IpAddr) -> Result<u32, Answer> {
        let now = self.now();
        let mut memory = self.memory();
        let waits = [memory.identifiers.wait(&identifier.to_owned(), now), memory.clients.wait(&client, now)];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(Answer::TooManyAttempts { wait });
        }
        let left = memory.identifiers.take(identifier.to_owned(), now);
        Ok(left.min(memory.clients.take(client, now)))
    }

    fn open_step(&self, entry: String, identifier: String, client: IpAddr) -> Answer {
        let now = self.now();
        let mut memory = self.memory();
        memory.identifiers.clear(&identifier);
        memory.clients.give_back(&client);
        let step = Step { entry, identifier, client, tries_left: PASSWORD_TRIES, since: now };
        match memory.steps.open(step, now) {
            Some(token) => Answer::PasswordForm { token },
            None => Answer::Unavailable,
        }
    }

    async fn choose(&self, fields: Fields, client: IpAddr) -> Result<Answer, Malformed> {
        let chosen = NewPassword::read(fields)?;
        let now = self.now();
        let Some(mut step) = self.memory().steps.take(&chosen.token, client, now) else {
            return Ok(Answer::StepExpired);
        };
        let weaknesses = chosen.weaknesses(&step.identifier);
        if weaknesses.is_empty() {
            return Ok(match people::set_password(&self.config, &step.entry, &chosen.password).await {
                Ok(()) => Answer::Done,
                Err(Unavailable) => Answer::Unavailable,
            });
        }
        step.tries_left -= 1;
        let token = if step.tries_left > 0 { self.memory().steps.open(step, now) } else { None };
        Ok(Answer::PasswordRefused { weaknesses, token })
    }

    fn now(&self) -> SystemTime {
        (self.config.now)()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
