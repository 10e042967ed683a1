//! The settings as a form: filled in as far as they are known, and checked when the teacher has done the rest.

use super::typed::host;
use super::{SettingsError, SettingsWarning};
use crate::academy::catalogue::Catalogue;
use crate::academy::generation::{MailLogin, MailMechanism, MailServer, MailSettings, ServerFacts, TlsStart};
use crate::academy::look_alike::is_below;

/// A field of the form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
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

/// Mail settings as far as they are known. Ask the teacher for what is [`SettingsForm::missing`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SettingsForm {
    /// The domain of the addresses.
    pub domain: String,
    /// Where mail is read.
    pub imap: ServerForm,
    /// Where mail is sent.
    pub smtp: ServerForm,
    /// What the servers take as a name. [`MailLogin::Identifier`] is also what a server takes that wants the part before the
    /// `@`.
    pub login: Option<MailLogin>,
    /// How to prove who one is, best first.
    pub auth: Vec<MailMechanism>,
}

/// A mail server as far as it is known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServerForm {
    /// The name in its certificate.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// When TLS begins.
    pub tls: Option<TlsStart>,
}

impl SettingsForm {
    /// A form for addresses of `domain`, with the usual ports of TLS from the first byte (RFC 8314): 993 and 465.
    pub fn blank(domain: impl Into<String>) -> Self {
        let usual = |port| ServerForm { host: None, port: Some(port), tls: Some(TlsStart::Implicit) };
        Self {
            domain: domain.into(),
            imap: usual(993),
            smtp: usual(465),
            login: None,
            auth: vec![MailMechanism::Password],
        }
    }

    /// What is not filled in, in the order to ask for it.
    pub fn missing(&self) -> Vec<SettingsField> {
        use SettingsField as F;
        let server = |form: &ServerForm, fields: [F; 3]| {
            let blank =
                [form.host.as_ref().is_none_or(|host| host.trim().is_empty()), form.port.is_none(), form.tls.is_none()];
            fields.into_iter().zip(blank).filter(|(_, blank)| *blank).map(|(field, _)| field).collect::<Vec<_>>()
        };
        let mut missing = server(&self.imap, [F::ImapHost, F::ImapPort, F::ImapTls]);
        missing.extend(server(&self.smtp, [F::SmtpHost, F::SmtpPort, F::SmtpTls]));
        missing.extend(self.login.is_none().then_some(F::Login));
        missing
    }

    /// The settings, once all is filled in and makes sense. No host may be an IP address or look like an academy's. Calling
    /// this sends nothing.
    pub fn settings(&self, catalogue: &Catalogue) -> Result<MailSettings, SettingsError> {
        use SettingsField as F;
        catalogue.refuse_look_alike(&self.domain)?;
        let domain = host(&self.domain).ok_or(SettingsError::NotAnAddress)?;
        let imap = self.imap.server(catalogue, [F::ImapHost, F::ImapPort, F::ImapTls])?;
        let smtp = self.smtp.server(catalogue, [F::SmtpHost, F::SmtpPort, F::SmtpTls])?;
        let login = self.login.ok_or(SettingsError::Missing(F::Login))?;
        // Tokens come from the portal of an academy that has a profile.
        if !self.auth.contains(&MailMechanism::Password) && catalogue.academy_at(&domain).is_none() {
            return Err(SettingsError::NoPassword);
        }
        Ok(MailSettings::new(domain, login, self.auth.clone(), imap, smtp))
    }

    /// The hosts that are named.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        [&self.imap, &self.smtp].into_iter().filter_map(|server| server.host.as_deref())
    }

    /// What the teacher should know before confirming the form as it is filled in. Sends nothing.
    pub fn warnings(&self, catalogue: &Catalogue) -> Vec<SettingsWarning> {
        let mut warnings = Vec::new();
        let named = |server: &ServerForm| server.host.as_deref().and_then(host);
        let domain = host(&self.domain).unwrap_or_default();
        for name in [&self.imap, &self.smtp].into_iter().filter_map(named) {
            let other = SettingsWarning::OtherDomain { host: name.clone(), domain: domain.clone() };
            // Whose an academy's servers are is known.
            if !is_below(&name, &domain) && !catalogue.is_academic(&name) && !warnings.contains(&other) {
                warnings.push(other);
            }
        }
        for server in [&self.imap, &self.smtp].into_iter().filter(|server| server.tls == Some(TlsStart::Starttls)) {
            warnings.extend(named(server).map(|host| SettingsWarning::LateTls { host }));
        }
        if !self.auth.contains(&MailMechanism::Password) && catalogue.academy_at(&domain).is_none() {
            warnings.push(SettingsWarning::TokensOnly);
        }
        warnings
    }
}

impl ServerForm {
    /// A server of which all is known.
    pub(super) fn of(server: MailServer) -> Self {
        Self { host: Some(server.host), port: Some(server.port), tls: Some(server.tls) }
    }

    /// Takes what is known of a server; of one that is known, what is not known is asked rather than taken for usual.
    pub(super) fn fill(&mut self, facts: Option<&ServerFacts>) {
        if let Some(facts) = facts {
            *self = Self { host: Some(facts.host.clone()), port: facts.port, tls: facts.tls };
        }
    }

    fn server(&self, catalogue: &Catalogue, fields: [SettingsField; 3]) -> Result<MailServer, SettingsError> {
        let [at_host, at_port, at_tls] = fields;
        let typed = self.host.as_deref().map(str::trim).filter(|host| !host.is_empty());
        let typed = typed.ok_or(SettingsError::Missing(at_host))?;
        catalogue.refuse_look_alike(typed)?;
        let host = host(typed).ok_or(SettingsError::BadHost(at_host))?;
        let port = self.port.ok_or(SettingsError::Missing(at_port))?;
        if port == 0 {
            return Err(SettingsError::BadPort(at_port));
        }
        Ok(MailServer::new(host, port, self.tls.ok_or(SettingsError::Missing(at_tls))?))
    }
}
