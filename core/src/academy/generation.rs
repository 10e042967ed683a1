//! The mail of an academy: its generations, and what is known of their servers.

use jiff::civil::Date;
use serde::Deserialize;

/// What an academy forbids or allows with its mail.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MailRules {
    /// Since when redirection to a private address is forbidden.
    pub no_redirection_since: Option<Date>,
    /// Whether giving the password to a service that collects mail is forbidden.
    pub no_aggregators: Option<bool>,
    /// The mail apps that are named as allowed.
    pub allowed_clients: Vec<String>,
}

/// A generation of an academy's mail.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum GenerationName {
    /// The academy's own servers.
    Legacy,
    /// The messagerie nationale.
    National,
}

/// The mail servers of one generation, as far as they are known.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Generation {
    /// Which one.
    pub name: GenerationName,
    /// The product behind the mailboxes.
    #[serde(default)]
    pub product: Option<String>,
    /// What the servers take as a name.
    #[serde(default)]
    pub login: Option<MailLogin>,
    /// How to prove who one is, best first.
    #[serde(default)]
    pub auth: Vec<MailMechanism>,
    /// Which password it is, where one is used.
    #[serde(default)]
    pub secret: Option<MailSecret>,
    /// Where mail is read.
    #[serde(default)]
    pub imap: Option<ServerFacts>,
    /// Where mail is sent.
    #[serde(default)]
    pub smtp: Option<ServerFacts>,
    /// What it takes and how long it keeps it.
    #[serde(default)]
    pub limits: MailLimits,
}

/// What is known of a mail server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ServerFacts {
    /// The name in its certificate.
    pub host: String,
    /// The port.
    #[serde(default)]
    pub port: Option<u16>,
    /// When TLS begins. There is always TLS.
    #[serde(default)]
    pub tls: Option<TlsStart>,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TlsStart {
    /// With the first byte (RFC 8314).
    Implicit,
    /// By STARTTLS.
    Starttls,
}

/// What a generation takes and how long it keeps it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MailLimits {
    /// The greatest message, in megabytes (1,000,000 bytes).
    pub message_megabytes: Option<u16>,
    /// What a teacher's mailbox holds, in megabytes.
    pub quota_megabytes: Option<u32>,
    /// What a school's mailbox holds, in megabytes.
    pub school_quota_megabytes: Option<u32>,
    /// For how many days the bin keeps a message.
    pub bin_days: Option<u16>,
    /// For how many days the mailbox of junk keeps a message.
    pub junk_days: Option<u16>,
    /// For how many days a message held back as spam can be asked for.
    pub quarantine_days: Option<u16>,
}

/// Whether an academy's addresses have gone to the messagerie nationale.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Move {
    /// How far it is.
    pub status: MoveStatus,
    /// In which year, where one is told.
    #[serde(default)]
    pub year: Option<i16>,
}

/// How far an academy's move is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MoveStatus {
    /// It has been announced; whether an address has gone is not known.
    Announced,
    /// It does not move.
    Apart,
    /// All addresses have gone.
    Done,
}

/// On which generation an address is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Standing {
    /// On this one.
    On(GenerationName),
    /// The move is under way, or nobody says: ask which webmail the teacher opens, or let the browser sign in and see where
    /// it ends ([`super::Catalogue::generation_at`]). Neither costs a secret.
    Ask,
    /// It is no address of this academy.
    Stranger,
}

/// The mail servers to use: complete, and safe to send a password to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct MailSettings {
    /// The domain of the addresses.
    pub domain: String,
    /// What the mail servers take as a name.
    pub login: MailLogin,
    /// How to prove who one is, best first.
    pub auth: Vec<MailMechanism>,
    /// Which password it is, where that is known. Where it is not, it is taken for the portal's, so that its tries count there.
    pub secret: Option<MailSecret>,
    /// IMAP.
    pub imap: MailServer,
    /// Submission.
    pub smtp: MailServer,
}

/// A server that speaks nothing of worth before TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct MailServer {
    /// The name in its certificate.
    pub host: String,
    /// The port.
    pub port: u16,
    /// When TLS begins.
    pub tls: TlsStart,
}

impl MailSettings {
    /// Settings by their parts; which password it is, is not known.
    pub fn new(
        domain: impl Into<String>,
        login: MailLogin,
        auth: Vec<MailMechanism>,
        imap: MailServer,
        smtp: MailServer,
    ) -> Self {
        Self { domain: domain.into(), login, auth, secret: None, imap, smtp }
    }
}

impl MailServer {
    /// A server by its parts.
    pub fn new(host: impl Into<String>, port: u16, tls: TlsStart) -> Self {
        Self { host: host.into(), port, tls }
    }
}

impl Generation {
    /// The settings for addresses of `domain`. `None` where a part is not known.
    pub(super) fn settings(&self, domain: &str) -> Option<MailSettings> {
        let server = |facts: &Option<ServerFacts>| match facts {
            Some(ServerFacts { host, port: Some(port), tls: Some(tls) }) => Some(MailServer::new(host, *port, *tls)),
            _ => None,
        };
        if self.auth.is_empty() {
            return None;
        }
        Some(MailSettings {
            domain: domain.to_owned(),
            login: self.login?,
            auth: self.auth.clone(),
            secret: self.secret,
            imap: server(&self.imap)?,
            smtp: server(&self.smtp)?,
        })
    }
}

/// What a mail server takes as a name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MailLogin {
    /// The identifiant académique.
    Identifier,
    /// The whole address.
    Address,
}

/// A way to prove to a mail server who one is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MailMechanism {
    /// The portal's token by RFC 7628.
    OAuthBearer,
    /// The portal's token by the older form of it.
    XOAuth2,
    /// The password itself.
    Password,
}

/// Which password a mail server takes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MailSecret {
    /// One made for this app in the webmail. Refused, it says nothing about the portal's password.
    AppPassword,
    /// The portal's.
    PortalPassword,
}
