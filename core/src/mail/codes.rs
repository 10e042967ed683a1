//! Sign-in codes that come by mail: found in the synced mailbox while a sign-in is under way, and offered.
//!
//! A code counts only when the academy's own mail server vouches for its sender as the profile demands. It is shown, and never
//! typed by itself. Where it was offered is written down, the code itself never.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use secrecy::SecretString;

use super::account::MailAccount;
use super::authentication_results::{self, MethodResult};
use super::error::MailError;
use super::mime;
use crate::academy::{MailCodeRule, MailProof};
use crate::portal::time::UnderWay;
use crate::store::StoreError;

/// How old a code may be: LemonLDAP::NG takes it for two minutes, no portal is known to for more than ten.
const FRESH_MS: i64 = 10 * 60 * 1000;
/// A mail with a code weighs some kilobytes, with the portal's logo some tens.
const LARGEST: i64 = 512 * 1024;
/// More mails than these are not read for one sign-in, however many the portal sends.
const MOST: usize = 5;

/// A sign-in code that came by mail.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OfferedCode {
    /// The message it stands in.
    pub message: i64,
    /// The code. A secret: never in a log, and only in the field for it.
    pub code: SecretString,
    /// When the server received it, in milliseconds since 1970.
    pub received_ms: i64,
    /// How many other codes have come for this sign-in, each older than this one. The portal takes the newest.
    pub others: u32,
}

/// A mail that may hold a code.
struct Candidate {
    message: i64,
    received_ms: i64,
    taken: bool,
}

impl MailAccount {
    /// The newest code that came by mail for this sign-in, where the academy's profile tells how to know one. Reads the store;
    /// a mail that is a candidate is fetched once. From then on its code is for this sign-in only, and not offered again once
    /// [`MailAccount::code_taken`] was told.
    pub async fn offered_code(&self, sign_in: UnderWay, now_ms: i64) -> Result<Option<OfferedCode>, MailError> {
        let Some(rule) = self.academy.mail_code.clone() else { return Ok(None) };
        let (academy, digits) = (self.academy.id.clone(), rule.digits);
        let candidates = self.store.read(move |c| candidates(c, &academy, &rule, sign_in, now_ms)).await?;
        let (mut found, mut used) = (Vec::new(), None);
        for candidate in candidates {
            let raw = match self.unless_stopped(self.raw(candidate.message)).await {
                Err(MailError::NotFound | MailError::Renumbered) => continue,
                raw => raw?,
            };
            let code = code_of(raw, digits).await;
            if candidate.taken {
                // What came before it is older; the same code in a second mail is used up.
                used = code;
                break;
            }
            found.extend(code.map(|code| (candidate, code)));
        }
        found.retain(|(_, code)| Some(code) != used.as_ref());
        let different: BTreeSet<&str> = found.iter().map(|(_, code)| code.as_str()).collect();
        let others = u32::try_from(different.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let Some((Candidate { message, received_ms, .. }, code)) = found.into_iter().next() else { return Ok(None) };
        self.store
            .write(move |t, _| {
                t.execute(
                    "INSERT INTO offered_code (message, begun_ms) VALUES (?, ?) ON CONFLICT (message) DO NOTHING",
                    params![message, sign_in.begun_ms],
                )?;
                Ok(())
            })
            .await?;
        Ok(Some(OfferedCode { message, code: code.into(), received_ms, others }))
    }

    /// The teacher has taken the code of this message: it is not offered again. Nor is an older one of the same sign-in.
    pub async fn code_taken(&self, message: i64) -> Result<(), MailError> {
        let taken = self.store.write(move |t, _| {
            let taken = t.execute("UPDATE offered_code SET taken = 1 WHERE message = ?", [message])?;
            if taken == 0 { Err(StoreError::NotFound) } else { Ok(()) }
        });
        Ok(taken.await?)
    }
}

/// The mails that may hold a code for this sign-in, newest first: of the right sender, vouched for, and of this time. What the
/// server says of the time is in whole seconds.
fn candidates(
    c: &Connection,
    academy: &str,
    rule: &MailCodeRule,
    sign_in: UnderWay,
    now_ms: i64,
) -> Result<Vec<Candidate>, StoreError> {
    let since = sign_in.begun_ms.div_euclid(1000).saturating_mul(1000).max(now_ms.saturating_sub(FRESH_MS));
    let mut query = c.prepare_cached(
        "SELECT m.id, m.received_ms, m.from_address, m.subject, m.header, ifnull(o.taken, 0) FROM message m
         LEFT JOIN offered_code o ON o.message = m.id
         WHERE m.mailbox IN (SELECT id FROM mailbox WHERE academy = ?1) AND m.shown_in IS NOT NULL AND m.received_ms >= ?2
           AND m.id > ?5 AND m.unreadable = 0 AND m.size <= ?3 AND (o.message IS NULL OR o.begun_ms = ?4)
         ORDER BY m.received_ms DESC, m.uid DESC",
    )?;
    let mut rows = query.query(params![academy, since, LARGEST, sign_in.begun_ms, sign_in.last_message])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (from, subject): (Option<String>, String) = (row.get(2)?, row.get(3)?);
        if found.len() < MOST && is_vouched_for(rule, from.as_deref(), &subject, &row.get::<_, Vec<u8>>(4)?) {
            found.push(Candidate { message: row.get(0)?, received_ms: row.get(1)?, taken: row.get(5)? });
        }
    }
    Ok(found)
}

/// Whether a mail is the portal's: from the profile's sender, and the academy's mail server says so.
pub(super) fn is_vouched_for(rule: &MailCodeRule, from: Option<&str>, subject: &str, header: &[u8]) -> bool {
    let Some(sender) = rule.senders.iter().find(|sender| from.is_some_and(|from| from.eq_ignore_ascii_case(sender)))
    else {
        return false;
    };
    let about = rule.subject.as_ref().is_none_or(|words| subject.to_lowercase().contains(&words.trim().to_lowercase()));
    // Of two authors, which one the server looked at is not known.
    about && authentication_results::count(header, b"from") == 1 && {
        let results = authentication_results::results_of(header, &rule.authserv_id);
        results.iter().any(|result| proves(result, rule.proof, sender))
    }
}

/// Whether a result is the proof that `sender` sent it. That something passed is not enough: it must be about this sender.
fn proves(result: &MethodResult, proof: MailProof, sender: &str) -> bool {
    let (name, domain) = sender.split_once('@').unwrap_or((sender, ""));
    let same = |value: &str, expected: &str| value.eq_ignore_ascii_case(expected);
    let of_domain = |value: &str| same(value.rsplit_once('@').map_or(value, |(_, domain)| domain), domain);
    let method = match proof {
        MailProof::Auth => "auth",
        MailProof::Dkim => "dkim",
        MailProof::Spf => "spf",
        MailProof::Dmarc => "dmarc",
    };
    let about = match proof {
        MailProof::Auth => result.property("smtp.auth").is_some_and(|login| same(login, sender) || same(login, name)),
        MailProof::Dkim => match result.property("header.d") {
            Some(signer) => same(signer, domain),
            None => result.property("header.i").is_some_and(of_domain),
        },
        MailProof::Spf => result.property("smtp.mailfrom").is_some_and(of_domain),
        MailProof::Dmarc => result.property("header.from").is_some_and(of_domain),
    };
    result.method == method && result.result == "pass" && about
}

/// The code in a mail. Reading a hostile one may take a while: not on a thread that others wait for.
pub(super) async fn code_of(raw: Vec<u8>, digits: u8) -> Option<String> {
    tokio::task::spawn_blocking(move || code_in(&raw, digits)).await.ok()?
}

/// The only number of so many digits that stands alone in the text or the HTML of a mail.
fn code_in(raw: &[u8], digits: u8) -> Option<String> {
    let reading = mime::read_message(raw);
    let html = reading.html.as_ref().map(mime::text_of).unwrap_or_default();
    let found: BTreeSet<&str> = [&reading.text, &html].into_iter().flat_map(|text| numbers(text, digits)).collect();
    let mut found = found.into_iter();
    found.next().filter(|_| found.next().is_none()).map(str::to_owned)
}

/// The numbers of so many digits that stand alone: no part of a word, an address, an amount, a date or a longer number.
fn numbers(text: &str, digits: u8) -> impl Iterator<Item = &str> {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut end = 0;
    std::iter::from_fn(move || {
        let start = end + text.get(end..)?.find(is_digit)?;
        let rest = text.get(start..)?;
        end = start + rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
        Some((start, end))
    })
    .filter(move |(start, end)| end - start == usize::from(digits))
    .filter(|(start, end)| {
        let mut before = text.get(..*start).unwrap_or_default().chars().rev();
        let mut after = text.get(*end..).unwrap_or_default().chars();
        ends_alone(before.next(), before.next()) && ends_alone(after.next(), after.next())
    })
    .filter_map(|(start, end)| text.get(start..end))
}

/// Whether a number ends at `next`, behind which `other` stands: also towards the front.
fn ends_alone(next: Option<char>, other: Option<char>) -> bool {
    match next {
        Some('.' | ',' | ':' | '\'' | '’') => !other.is_some_and(char::is_numeric),
        Some('-') => !other.is_some_and(char::is_alphanumeric),
        Some(c) => !c.is_alphanumeric() && !"/\\_=&%@#?+~€$".contains(c),
        None => true,
    }
}

#[cfg(test)]
mod tests;
