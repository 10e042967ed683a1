//! The parts of a profile but for mail: each is a set of facts, and a fact that nobody states is absent.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use url::Url;

use super::generation::GenerationName;

/// What a profile describes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// One of the thirty academies.
    #[default]
    Academy,
    /// A vice-rectorat overseas.
    ViceRectorat,
    /// The messagerie nationale. One signs in there through one's academy.
    National,
    /// Of one's own: mail settings that the teacher confirmed, and no portal. No file describes one.
    #[serde(skip)]
    Own,
}

/// How the portal is entered by OpenID Connect with PKCE (RFC 8252, RFC 7636).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OidcSettings {
    /// The issuer, exactly as the portal spells it in its tokens.
    pub issuer: String,
    /// Our name at this portal. There is no secret: a phone app is a public client.
    pub client_id: String,
    /// Where the browser hands the answer back.
    pub redirect_uri: Url,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Where the browser comes back to after a sign-out at the portal, where one is registered.
    #[serde(default)]
    pub post_logout_redirect_uri: Option<Url>,
}

/// A sign-in page for the system browser. What speaks behind it is the browser's affair.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Portal {
    /// What is known to speak behind the page.
    #[serde(default)]
    pub protocol: Option<PortalProtocol>,
    /// The page, or the root of its host where the page itself is not known. On an official origin.
    pub address: Url,
}

/// What speaks behind a sign-in page.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PortalProtocol {
    /// SAML 2.0.
    Saml,
    /// RSA ClearTrust: its pages are named `ct_logon*.jsp`.
    Cleartrust,
    /// The choice of an academy, which leads to that academy's own page.
    Discovery,
    /// LemonLDAP::NG with a form for name and password. The app can fill it in itself.
    LemonldapNg,
}

/// The best way into a portal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WayIn<'a> {
    /// OpenID Connect: the app itself gets a session.
    Oidc(&'a OidcSettings),
    /// A form that the app fills in itself; it holds the portal's session.
    Form(&'a Portal),
    /// The system browser opens this page, and the session stays in the browser.
    Browser(&'a Portal),
    /// No public source names a staff portal.
    Unknown,
}

/// What a portal asks for beside the password.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SecondFactor {
    /// A code of a TOTP app (RFC 6238).
    Totp,
    /// The code of a key, in hardware or software.
    OtpKey,
    /// A PIN and the code of a key, typed as one.
    PinOtp,
    /// A software token of RSA SecurID, whose seed cannot be imported.
    RsaSecurid,
    /// A code by mail.
    MailCode,
    /// A PIN and a code by mail.
    PinMailCode,
    /// A prompt on the phone.
    Push,
    /// A code that a colleague of the same academy receives.
    TrustedColleague,
    /// The birth date, asked of a browser that the portal has not seen. Typed in the browser only.
    BirthDate,
}

/// How to know the portal's mail with a sign-in code, and that it is no forgery.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MailCodeRule {
    /// The addresses it comes from.
    pub senders: Vec<String>,
    /// The name by which the academy's own mail server signs its `Authentication-Results` (RFC 8601, 2.5). That server must
    /// be one that removes such fields from mail that comes from elsewhere.
    pub authserv_id: String,
    /// What that server must have found out about the sender.
    pub proof: MailProof,
    /// How many digits the code has.
    pub digits: u8,
    /// Words that its subject holds, where other mail comes from the same address. Case does not count.
    #[serde(default)]
    pub subject: Option<String>,
}

/// What a mail server has found out about a sender (RFC 8601, 2.7).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MailProof {
    /// They signed in to send it (SMTP AUTH, RFC 4954), under the sender's address or its name before the `@`.
    Auth,
    /// The sender's domain signed it (RFC 6376).
    Dkim,
    /// It came from a machine that the sender's domain names (RFC 7208).
    Spf,
    /// The sender's domain stands by it (RFC 7489).
    Dmarc,
}

/// How the sign-in names of an academy are made. The name itself is never derived from an address.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct IdentifierForm {
    /// The rule.
    pub form: IdentifierRule,
    /// An invented example, to show beside the field.
    #[serde(default)]
    pub example: Option<String>,
}

/// How a sign-in name is made.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IdentifierRule {
    /// Made from the name, by a rule that is not published.
    Generated,
    /// Initial and name.
    InitialName,
    /// Initial and name, with a number where there are several.
    InitialNameNumber,
}

/// After how many refused tries a portal locks an account.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LockRule {
    /// The refused try that locks.
    pub tries: u8,
    /// For how long, in minutes; absent where only the support desk unlocks, or nobody knows.
    #[serde(default)]
    pub minutes: Option<u32>,
}

impl LockRule {
    /// What to assume where no rule is published: no academy publishes one, and three is the least that anybody reports.
    pub const CAREFUL: Self = Self { tries: 3, minutes: None };
}

/// What is published of an academy's rule for passwords.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PasswordFacts {
    /// The least number of characters.
    pub min_length: Option<u8>,
    /// The greatest number of characters.
    pub max_length: Option<u8>,
    /// How many of the classes lower case, upper case, digit and other must occur: 1 to 4.
    pub classes: Option<u8>,
    /// How many former passwords may not come back.
    pub history: Option<u8>,
    /// After how many days it must be changed.
    pub max_age_days: Option<u16>,
    /// Whether an account is blocked when it is not changed in time.
    pub blocked_when_late: Option<bool>,
    /// What the password was before the teacher chose one.
    pub initial: Option<InitialPassword>,
}

/// What a password was before the teacher chose one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum InitialPassword {
    /// The NUMEN, which others know too: change it at once.
    Numen,
}

/// The rule to hold a new password to: what is published, and the careful default for the rest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PasswordPolicy {
    /// The least number of characters.
    pub min_length: u8,
    /// The greatest number of characters, where there is one.
    pub max_length: Option<u8>,
    /// How many of the classes lower case, upper case, digit and other must occur: 1 to 4.
    pub classes: u8,
    /// How many former passwords may not come back; only the server can tell.
    pub history: Option<u8>,
    /// After how many days it must be changed.
    pub max_age_days: Option<u16>,
}

impl PasswordPolicy {
    /// What to hold a new password to where no rule is published: the strictest that an academy publishes (Clermont, 2024).
    pub const CAREFUL: Self = Self { min_length: 12, max_length: None, classes: 4, history: None, max_age_days: None };
}

/// A service that an academy offers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Service {
    /// The name that teachers know.
    pub name: String,
    /// What it is.
    pub kind: ServiceKind,
    /// Where it is. Always https.
    pub address: Url,
    /// Who it is for, where that is known.
    #[serde(default)]
    pub audience: Option<Audience>,
    /// Which generation of the mail a webmail shows.
    #[serde(default)]
    pub generation: Option<GenerationName>,
    /// How it learns who comes, where that is known.
    #[serde(default)]
    pub sign_in: Option<ServiceSignIn>,
}

/// How a service learns who comes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ServiceSignIn {
    /// By a ticket of the portal's CAS, protocol 2 or 3, at `/cas/login` of the first official origin.
    Cas,
    /// By OpenID Connect at the portal.
    Oidc,
    /// By a sign-in of its own: it always asks.
    Own,
    /// By the portal's session itself: a page of the portal's, or behind its gate.
    Portal,
    /// By SAML 2.0 at the portal.
    Saml,
}

/// What a service is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ServiceKind {
    /// The portal of staff applications.
    Arena,
    /// The management of examinations.
    Cyclades,
    /// A digital workspace of schools.
    Ent,
    /// A teacher's own file and career.
    IProf,
    /// The management of schools and pupils.
    Sconet,
    /// Another.
    Other,
    /// Mail in the browser.
    Webmail,
}

/// Who a service is for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Audience {
    /// Everybody.
    Everybody,
    /// Parents and pupils: never where a teacher signs in.
    Families,
    /// Heads of school.
    HeadsOfSchool,
    /// Everybody who works for the academy.
    Staff,
}

/// Who helps.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Support {
    /// The name that teachers know.
    pub name: Option<String>,
    /// Its page.
    pub page: Option<Url>,
    /// Its telephone number, as it is printed.
    pub phone: Option<String>,
    /// Where to find it in another service.
    pub place: Option<String>,
}

/// A tool that changes or resets a password.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Recovery {
    /// The name that teachers know.
    pub name: String,
    /// Its page, on an official origin.
    #[serde(default)]
    pub address: Option<Url>,
    /// Who uses it: often a head of school for a teacher.
    #[serde(default)]
    pub audience: Option<Audience>,
    /// What it asks for.
    #[serde(default)]
    pub proofs: Vec<RecoveryProof>,
}

/// What a tool asks for before it resets a password.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RecoveryProof {
    /// A picture puzzle.
    Captcha,
    /// The password that is to be changed.
    OldPassword,
    /// The NUMEN.
    Numen,
    /// A code sent to an address or number that was given beforehand.
    RecoveryContact,
}

/// What happens to an account that was broken into.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HackedAccount {
    /// For how many hours the mailbox stays blocked, whatever the teacher does.
    pub mailbox_blocked_hours: Option<u16>,
    /// The mark of the ticket that the teacher answers once the password is changed.
    pub ticket: Option<String>,
}

/// Where facts of the profile come from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Evidence {
    /// The fields, each by its path (`generations.legacy.imap`); a path stands for all below it, `*` for everything.
    pub fields: Vec<String>,
    /// Who says so.
    pub source: String,
    /// The day on which it was last checked.
    pub checked: Date,
    /// How far to believe it.
    pub confidence: Confidence,
}

/// How far a source is believed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Confidence {
    /// A page of little reliability, or a very old one. Never the reason to send a secret anywhere.
    Low,
    /// Public source code of a third party, or somebody's published settings: to be confirmed by the teacher.
    Medium,
    /// The academy's own page, or the product's own source.
    High,
}
