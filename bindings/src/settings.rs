//! Mail settings where the profiles have none: found, shown, confirmed by the teacher.

use cartable_core::academy;
use cartable_core::words::Language;

use crate::cartable::Cartable;
use crate::convert::same_names;
use crate::error::{CompanionError, Told};

/// Settings to show to the teacher, who confirms the hosts. Until then nothing secret goes anywhere.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct SettingsProposal {
    /// The domain of the addresses.
    pub domain: String,
    /// The academy whose domain it is, by its short name, where a profile knows it: offer to sign in there.
    pub academy: Option<String>,
    /// At least one, the best first. Two where an academy's move to the messagerie nationale is under way: ask which webmail
    /// the teacher opens (`Service.generation`).
    pub choices: Vec<SettingsChoice>,
}

/// One set of settings.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct SettingsChoice {
    /// Who says so.
    pub source: SettingsSource,
    /// The settings, as far as they are known.
    pub form: SettingsForm,
    /// What the form misses, in the order to ask for it.
    pub missing: Vec<SettingsField>,
    /// The hosts that the teacher must see and confirm, each once.
    pub hosts: Vec<String>,
    /// What the teacher should know before confirming. Once the form is filled in, ask `mail_settings_warnings` again.
    pub warnings: Vec<SettingsWarning>,
}

/// Who says that these are the settings.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum SettingsSource {
    /// The app's own knowledge of the academy.
    Profile {
        /// Which of its mail.
        generation: MailGeneration,
    },
    /// A document that this host of the domain gave over https.
    Autoconfig {
        /// The host.
        host: String,
    },
    /// The domain's name servers, which nobody has vouched for.
    Records,
    /// Nobody: the teacher fills the form in.
    Hand,
}

/// A generation of an academy's mail.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum MailGeneration {
    /// The academy's own servers.
    Legacy,
    /// The messagerie nationale.
    National,
}

/// Mail settings as far as they are known; what is not, is to be asked for.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct SettingsForm {
    /// The domain of the addresses.
    pub domain: String,
    /// Where mail is read, by IMAP.
    pub imap: ServerForm,
    /// Where mail is sent, by submission.
    pub smtp: ServerForm,
    /// What the servers take as a name.
    pub login: Option<MailLogin>,
    /// How to prove who one is, best first. Not to be asked for: give it back as it came.
    pub auth: Vec<MailMechanism>,
}

/// A mail server as far as it is known.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct ServerForm {
    /// The name in its certificate. Never an IP address.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// When TLS begins.
    pub tls: Option<TlsStart>,
}

/// When TLS begins. There is always TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum TlsStart {
    /// With the first byte.
    Implicit,
    /// By STARTTLS.
    Starttls,
}

/// What mail servers take as a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum MailLogin {
    /// The identifiant académique, or the part of the address before the `@`.
    Identifier,
    /// The whole address.
    Address,
}

/// How to prove to a mail server who one is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum MailMechanism {
    /// A token of the portal's (RFC 7628).
    OAuthBearer,
    /// The same in an older form.
    XOAuth2,
    /// A password.
    Password,
}

/// A field of the form.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum SettingsField {
    /// The host where mail is read.
    ImapHost,
    /// Its port.
    ImapPort,
    /// When TLS begins there.
    ImapTls,
    /// The host where mail is sent.
    SmtpHost,
    /// Its port.
    SmtpPort,
    /// When TLS begins there.
    SmtpTls,
    /// What the servers take as a name.
    Login,
}

/// What to know before confirming.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct SettingsWarning {
    /// The server that it is about, where it is about one.
    pub host: Option<String>,
    /// What the teacher is told. `told.key` tells `other-domain`, `late-tls`, `no-password-taken` and `not-searched` apart.
    pub told: Told,
}

same_names! {
    MailGeneration from GenerationName { Legacy, National }
    TlsStart from TlsStart { Implicit, Starttls }
    MailLogin from MailLogin { Identifier, Address }
    MailMechanism from MailMechanism { OAuthBearer, XOAuth2, Password }
    SettingsField from SettingsField { ImapHost, ImapPort, ImapTls, SmtpHost, SmtpPort, SmtpTls, Login }
}

impl SettingsProposal {
    fn new(proposal: academy::Proposal, language: Language) -> Self {
        let academy::Proposal { domain, academy, choices, .. } = proposal;
        let choices = choices.into_iter().map(|choice| SettingsChoice::new(choice, language)).collect();
        Self { domain, academy, choices }
    }
}

impl SettingsChoice {
    fn new(choice: academy::Choice, language: Language) -> Self {
        Self {
            hosts: choice.hosts().into_iter().map(str::to_owned).collect(),
            missing: missing(&choice.form),
            warnings: choice.warnings.iter().map(|warning| SettingsWarning::new(warning, language)).collect(),
            source: choice.source.into(),
            form: choice.form.into(),
        }
    }
}

impl SettingsWarning {
    fn new(warning: &academy::SettingsWarning, language: Language) -> Self {
        use academy::SettingsWarning as W;
        let host = match warning {
            W::OtherDomain { host, .. } | W::LateTls { host } => Some(host.clone()),
            _ => None,
        };
        Self { host, told: Told::new(&warning.finding(), language) }
    }
}

fn missing(form: &academy::SettingsForm) -> Vec<SettingsField> {
    form.missing().into_iter().filter_map(SettingsField::of).collect()
}

impl From<academy::SettingsSource> for SettingsSource {
    fn from(source: academy::SettingsSource) -> Self {
        use academy::SettingsSource as S;
        match source {
            S::Profile(name) => MailGeneration::of(name).map_or(Self::Hand, |generation| Self::Profile { generation }),
            S::Autoconfig { host } => Self::Autoconfig { host },
            S::Records => Self::Records,
            _ => Self::Hand,
        }
    }
}

impl From<academy::SettingsForm> for SettingsForm {
    fn from(form: academy::SettingsForm) -> Self {
        let academy::SettingsForm { domain, imap, smtp, login, auth } = form;
        Self {
            domain,
            imap: imap.into(),
            smtp: smtp.into(),
            login: login.and_then(MailLogin::of),
            auth: auth.into_iter().filter_map(MailMechanism::of).collect(),
        }
    }
}

impl From<SettingsForm> for academy::SettingsForm {
    fn from(form: SettingsForm) -> Self {
        let SettingsForm { domain, imap, smtp, login, auth } = form;
        Self {
            domain,
            imap: imap.into(),
            smtp: smtp.into(),
            login: login.map(Into::into),
            auth: auth.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<academy::ServerForm> for ServerForm {
    fn from(form: academy::ServerForm) -> Self {
        let academy::ServerForm { host, port, tls } = form;
        Self { host, port, tls: tls.and_then(TlsStart::of) }
    }
}

impl From<ServerForm> for academy::ServerForm {
    fn from(form: ServerForm) -> Self {
        let ServerForm { host, port, tls } = form;
        Self { host, port, tls: tls.map(Into::into) }
    }
}

#[uniffi::export]
impl Cartable {
    /// Looks for the mail settings of an address or a host that the teacher typed. For the domain of a known academy nobody is
    /// asked; else the domain and its name servers are, by the domain's name alone, for eight seconds at most. Keeps nothing
    /// and speaks to no mail server. `Refused` with `look-alike` for what looks like an academy's and is not, with
    /// `not-an-address` for what is none.
    ///
    /// Show the hosts of a choice with its warnings, ask for what its form misses, and give the form to
    /// `confirm_mail_settings`.
    pub async fn find_mail_settings(&self, address_or_host: String) -> Result<SettingsProposal, CompanionError> {
        let language = self.language();
        let proposal = self.run(|core| async move { core.find_mail_settings(&address_or_host).await }).await?;
        Ok(SettingsProposal::new(proposal, language))
    }

    /// What a form that the teacher fills in still misses, in the order to ask for it. Does not block.
    pub fn mail_settings_missing(&self, form: SettingsForm) -> Vec<SettingsField> {
        missing(&form.into())
    }

    /// What the teacher should know of a form that they filled in, before they confirm it. Sends nothing and does not block.
    pub fn mail_settings_warnings(&self, form: SettingsForm) -> Vec<SettingsWarning> {
        let warnings = self.core.mail_settings_warnings(&form.into());
        warnings.iter().map(|warning| SettingsWarning::new(warning, self.language())).collect()
    }

    /// The teacher has seen the hosts of `form` and agrees that the mail password goes there: keeps them, sends nothing. From
    /// then on `academy` is the one whose domain it is, or one of the teacher's own where no profile knows the domain:
    /// `begin_sign_in` with its `id` goes on. Servers that a profile states for certain stay as they are.
    ///
    /// `Refused` for what is missing or makes no sense, for a look-alike, and while somebody is signed in elsewhere: they sign
    /// out first.
    pub async fn confirm_mail_settings(&self, form: SettingsForm) -> Result<(), CompanionError> {
        self.run(|core| async move { core.confirm_mail_settings(&form.into()).await }).await
    }
}
