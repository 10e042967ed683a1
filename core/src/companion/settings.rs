//! Mail settings where the profiles have none: found, shown, confirmed by the teacher, kept.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::Companion;
use super::error::CompanionError;
use crate::academy::{
    Academy, MailLogin, MailMechanism, MailServer, MailSettings, Proposal, SettingsForm, SettingsWarning, TlsStart,
};
use crate::portal::SignInEvent;
use crate::store::StoreError;
use crate::words::Finding;

impl Companion {
    /// Looks for the mail settings of an address or a host that the teacher typed. For the domain of a known academy nobody is
    /// asked; else the domain and its name servers are, by the domain's name alone, for eight seconds at most. Nothing is kept
    /// and no mail server is spoken to. Show the hosts of a choice, with its warnings ([`SettingsWarning::finding`]), ask for
    /// what its form misses, and give the form to [`Companion::confirm_mail_settings`].
    ///
    /// [`Finding::LookAlike`] for what looks like an academy's and is not, [`Finding::NotAnAddress`] for what is none.
    pub async fn find_mail_settings(&self, address_or_host: &str) -> Result<Proposal, CompanionError> {
        let today = day(self.clock.now_ms());
        Ok(self.catalogue.find_settings(&self.network, address_or_host, today).await?)
    }

    /// What the teacher should know of a form that they filled in, before they confirm it. Sends nothing, waits for nobody.
    pub fn mail_settings_warnings(&self, form: &SettingsForm) -> Vec<SettingsWarning> {
        form.warnings(&self.catalogue)
    }

    /// The teacher has seen the hosts of `form` and agrees that the mail password goes there: keeps them and takes the seat at
    /// the academy, [`Academy::OWN`] where no profile knows the domain. Sends nothing.
    ///
    /// Servers that a profile states for certain stay as they are. Refused while somebody is signed in at another academy, or
    /// with other servers: they sign out first.
    pub async fn confirm_mail_settings(&self, form: &SettingsForm) -> Result<(), CompanionError> {
        let settings = form.settings(&self.catalogue)?;
        let known = self.catalogue.academy_at(&settings.domain);
        let id = known.map_or(Academy::OWN, |academy| academy.id.as_str());
        let _door = self.door.lock().await;
        if let Some(seat) = self.seat() {
            if let Some(mail) = seat.mail() {
                // The password that is kept was given for the servers before.
                if seat.academy.id != id || seat.academy.mail.is_some() {
                    return Err(CompanionError::Refused(Finding::SignOutFirst));
                }
                mail.disconnect().await;
            } else if seat.academy.id != id {
                seat.sign_in.happen(SignInEvent::Back).await;
            }
        }
        let (kept, now_ms) = (id.to_owned(), self.clock.now_ms());
        self.store.write(move |t, _| keep(t, &kept, &settings, now_ms)).await?;
        self.choose(id).await?;
        Ok(())
    }

    /// The academy of this short name, with the mail servers that the teacher confirmed where its profile has none for certain.
    pub(super) async fn academy_of(&self, id: &str) -> Result<Option<Arc<Academy>>, CompanionError> {
        let asked = id.to_owned();
        let confirmed = self.store.read(move |c| kept(c, &asked)).await?;
        Ok(match (self.catalogue.by_id(id), confirmed) {
            (Some(known), confirmed) => {
                let mut academy = known.clone();
                academy.mail = academy.mail.or(confirmed.map(|(settings, _)| settings));
                Some(Arc::new(academy))
            }
            (None, Some((settings, at_ms))) if id == Academy::OWN => Some(Arc::new(Academy::own(settings, day(at_ms)))),
            (None, _) => None,
        })
    }
}

impl SettingsWarning {
    /// What the teacher is told about it.
    pub fn finding(&self) -> Finding {
        match self {
            Self::OtherDomain { host, domain } => Finding::OtherDomain { host: host.clone(), domain: domain.clone() },
            Self::LateTls { host } => Finding::LateTls { host: host.clone() },
            Self::TokensOnly => Finding::NoPasswordTaken,
            Self::NotAsked => Finding::NotSearched,
        }
    }
}

fn keep(c: &Connection, academy: &str, settings: &MailSettings, now_ms: i64) -> Result<(), StoreError> {
    let MailSettings { domain, login, auth, imap, smtp, .. } = settings;
    let auth: Vec<&str> = auth.iter().map(|mechanism| word(MECHANISMS, *mechanism)).collect();
    c.execute(
        "INSERT OR REPLACE INTO own_settings (academy, domain, login, auth, imap_host, imap_port, imap_tls, smtp_host,
         smtp_port, smtp_tls, confirmed_ms) VALUES (:academy, :domain, :login, :auth, :imap_host, :imap_port, :imap_tls,
         :smtp_host, :smtp_port, :smtp_tls, :confirmed_ms)",
        named_params! {
            ":academy": academy, ":domain": domain, ":login": word(LOGINS, *login), ":auth": auth.join(" "),
            ":imap_host": imap.host, ":imap_port": imap.port, ":imap_tls": word(STARTS, imap.tls),
            ":smtp_host": smtp.host, ":smtp_port": smtp.port, ":smtp_tls": word(STARTS, smtp.tls),
            ":confirmed_ms": now_ms,
        },
    )?;
    Ok(())
}

/// What was confirmed, and when.
fn kept(c: &Connection, academy: &str) -> Result<Option<(MailSettings, i64)>, StoreError> {
    let asked = "SELECT * FROM own_settings WHERE academy = ?";
    Ok(c.query_row(asked, [academy], |row| Ok((settings(row)?, row.get("confirmed_ms")?))).optional()?)
}

fn settings(row: &Row<'_>) -> rusqlite::Result<MailSettings> {
    let text = |column: &str| row.get::<_, String>(column);
    let server = |host: &str, port: &str, tls: &str| {
        Ok::<_, rusqlite::Error>(MailServer::new(text(host)?, row.get::<_, u16>(port)?, meant(STARTS, &text(tls)?)?))
    };
    Ok(MailSettings::new(
        text("domain")?,
        meant(LOGINS, &text("login")?)?,
        text("auth")?.split(' ').map(|word| meant(MECHANISMS, word)).collect::<Result<_, _>>()?,
        server("imap_host", "imap_port", "imap_tls")?,
        server("smtp_host", "smtp_port", "smtp_tls")?,
    ))
}

const LOGINS: &[(&str, MailLogin)] = &[("identifier", MailLogin::Identifier), ("address", MailLogin::Address)];
const STARTS: &[(&str, TlsStart)] = &[("implicit", TlsStart::Implicit), ("starttls", TlsStart::Starttls)];
const MECHANISMS: &[(&str, MailMechanism)] = &[
    ("oauthbearer", MailMechanism::OAuthBearer),
    ("xoauth2", MailMechanism::XOAuth2),
    ("password", MailMechanism::Password),
];

fn word<T: PartialEq>(words: &[(&'static str, T)], meant: T) -> &'static str {
    words.iter().find(|(_, value)| *value == meant).map_or("", |(word, _)| word)
}

fn meant<T: Copy>(words: &[(&str, T)], word: &str) -> rusqlite::Result<T> {
    let found = words.iter().find(|(known, _)| *known == word).map(|(_, value)| *value);
    found.ok_or(rusqlite::Error::InvalidQuery)
}

fn day(at_ms: i64) -> Date {
    Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests;
