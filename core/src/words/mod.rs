//! What to tell the teacher: a typed finding, and the sentence for it in French or English.
//!
//! Each finding has two messages in `fr.ftl` and `en.ftl` (Project Fluent): what happened, and `-next`, what to do now.

use std::borrow::Cow;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};
use unic_langid::LanguageIdentifier;

const FRENCH: &str = include_str!("fr.ftl");
const ENGLISH: &str = include_str!("en.ftl");

/// The languages of the product.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Language {
    /// French, the first.
    #[default]
    French,
    /// English.
    English,
}

impl Language {
    /// The language for a tag such as `fr-FR` or `en`; French for every other.
    pub fn of_tag(tag: &str) -> Self {
        if tag.to_ascii_lowercase().starts_with("en") { Self::English } else { Self::French }
    }
}

/// Something to tell the teacher.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// No network, or the host has no address.
    NoNetwork,
    /// The server is down or a firewall bars the way.
    Unreachable,
    /// The server does not answer.
    Silent,
    /// The connection broke.
    Cut,
    /// TLS is intercepted or badly set up.
    Intercepted,
    /// The certificate is out of date, or the phone's clock is wrong.
    CertificateDate,
    /// The server offers nothing safe.
    Unsafe,
    /// The portal is out of order.
    PortalBroken,
    /// The portal or the link led to a host that is not the academy's.
    Unofficial {
        /// That host.
        host: String,
    },
    /// The answer does not belong to this sign-in.
    NotOurs,
    /// The phone's clock and the portal's are hours apart.
    PhoneClock,
    /// The sign-in was refused at the portal.
    SignInRefused,
    /// The portal says that name or password is wrong.
    SignInWrong {
        /// How many tries are left.
        tries_left: u32,
    },
    /// This password has been refused before and was not sent again.
    KnownWrong,
    /// An address was typed where the identifiant belongs.
    AddressTyped,
    /// Something was left empty.
    Incomplete,
    /// The code is wrong.
    CodeWrong {
        /// How many tries are left.
        tries_left: u32,
    },
    /// The sign-in was not approved on the phone.
    NotApproved {
        /// How many tries are left.
        tries_left: u32,
    },
    /// The code or the form came too late.
    TooLate,
    /// Another code was asked for too soon.
    TooSoon,
    /// Another code is on its way.
    CodeResent,
    /// An answer that belongs to no sign-in of this phone, or to an older one.
    StrayAnswer,
    /// The portal asks for something that only a browser can show.
    BrowserNeeded,
    /// The account is blocked until the support desk opens it.
    AccountBlocked,
    /// The password has ended.
    PasswordEnded,
    /// The password must be changed first.
    PasswordToChange,
    /// This academy has no known way in.
    NoWayIn,
    /// Somebody is signed in at another academy.
    SignOutFirst,
    /// Who signed in has an account on this phone already.
    AlreadyHere,
    /// Letters would be lost by a sign-out.
    Unsent {
        /// How many.
        letters: u64,
    },
    /// The session has ended.
    SessionEnded,
    /// A service will ask for the password: nobody is signed in.
    ServiceNoSession,
    /// A service will ask: the portal's session has ended.
    ServiceSessionEnded,
    /// A service may ask: how one signs in there is not known.
    ServiceUnknownWay,
    /// A service will ask: it has a sign-in of its own.
    ServiceOwnSignIn,
    /// A service will ask: it takes the browser's session only, and the teacher signed in in the app.
    ServiceOnlyByBrowser,
    /// The portal does not know the service or does not let this person in.
    ServiceNotForYou,
    /// The server wants a mail password.
    PasswordNeeded,
    /// The server says that the mail password is wrong.
    PasswordWrong,
    /// The server wants a password made for this app.
    AppPasswordNeeded,
    /// The server says that the password made for this app is wrong.
    AppPasswordWrong,
    /// A sign-in code came by mail, and no sign-in on this phone asked for it.
    UnaskedCode,
    /// One more try might lock the account.
    WaitToTry {
        /// Minutes to wait, at least one.
        minutes: i64,
    },
    /// A server has locked the account for a while.
    AccountLocked {
        /// Whole minutes to wait; 0 where it is less than one.
        minutes: i64,
        /// Seconds to wait in all, at least one.
        seconds: i64,
    },
    /// The mail server refused.
    MailRefused {
        /// The server's own words.
        said: String,
    },
    /// The mail server is out of order.
    MailDown,
    /// The mail server speaks badly.
    MailBroken,
    /// The mailbox is full.
    MailboxFull,
    /// No mail server is known.
    NoMailServer,
    /// What was typed is neither an address nor the name of a server.
    NotAnAddress,
    /// A host looks like an academy's and is not.
    LookAlike {
        /// That host.
        host: String,
        /// The academy's.
        official: String,
    },
    /// A link looks like another address than the one it leads to.
    LinkElsewhere {
        /// What it shows.
        shown: String,
        /// Where it leads.
        host: String,
    },
    /// The name of a link's host has letters that look like others.
    LinkLetters {
        /// That host, in ASCII.
        host: String,
    },
    /// A link's host has only a number.
    LinkNumber {
        /// That number.
        host: String,
    },
    /// A mail setting is not filled in.
    SettingMissing,
    /// What was typed is not the name of a server.
    BadHost,
    /// What was typed is not a port.
    BadPort,
    /// The mail servers take no password.
    NoPasswordTaken,
    /// A mail server is outside the domain of the address.
    OtherDomain {
        /// The server.
        host: String,
        /// The domain of the address.
        domain: String,
    },
    /// TLS begins late at a mail server.
    LateTls {
        /// The server.
        host: String,
    },
    /// Nobody could be asked for mail settings.
    NotSearched,
    /// The mailbox is not there any more.
    MailboxGone,
    /// There is a mailbox of that name already.
    MailboxExists,
    /// There is mail in the mailbox that the phone did not know when it was to be deleted.
    MailboxChanged,
    /// The mailbox can be neither renamed nor deleted.
    MailboxProtected,
    /// The mailbox is somebody else's, who does not allow it.
    MailboxNotAllowed,
    /// No mailbox can have that name.
    BadMailboxName,
    /// It cannot be taken back.
    CannotUndo,
    /// The letter could not be sent now.
    NotSent,
    /// A letter may or may not have been sent.
    PerhapsSent,
    /// The letter cannot be written as it is.
    BadLetter,
    /// A letter did not arrive.
    Undelivered {
        /// To whom.
        address: String,
        /// To how many others neither.
        others: u64,
        /// Why: `unknown`, `full`, `large`, `closed`, `refused`, `unreachable` or `other`.
        why: &'static str,
    },
    /// A letter has not arrived yet, and is still being tried.
    DeliveryDelayed {
        /// To whom.
        address: String,
        /// To how many others neither.
        others: u64,
    },
    /// A letter arrived.
    Delivered {
        /// With whom.
        address: String,
        /// With how many others.
        others: u64,
    },
    /// A message is encrypted for a key that the app does not have.
    EncryptedMessage,
    /// A message is signed, and nobody has checked the signature.
    SignedMessage,
    /// An attachment is of Outlook's own form.
    OutlookAttachment,
    /// A machine answered.
    AutomaticAnswer,
    /// The message is too large to open.
    TooLarge {
        /// In megabytes.
        megabytes: u64,
    },
    /// It is not there any more.
    Gone,
    /// The keystore is locked.
    SecretsLocked,
    /// The keystore does not serve.
    NoKeystore,
    /// The database is damaged.
    StorageDamaged,
    /// The disk is full.
    DiskFull,
    /// The app's folder cannot be written.
    NotWritable,
    /// The folder that was chosen for a file is not there, or cannot be written into.
    BadFolder,
    /// The data are from a newer version of the app.
    NewerVersion,
    /// The teacher cancelled.
    Cancelled,
    /// A fault of ours.
    Bug,
}

/// A finding in words.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sentence {
    /// What happened.
    pub what: String,
    /// What to do now.
    pub next: String,
}

impl Finding {
    /// The name of its messages.
    pub fn key(&self) -> &'static str {
        match self {
            Self::NoNetwork => "no-network",
            Self::Unreachable => "unreachable",
            Self::Silent => "silent",
            Self::Cut => "cut",
            Self::Intercepted => "intercepted",
            Self::CertificateDate => "certificate-date",
            Self::Unsafe => "unsafe",
            Self::PortalBroken => "portal-broken",
            Self::Unofficial { .. } => "unofficial",
            Self::NotOurs => "not-ours",
            Self::PhoneClock => "phone-clock",
            Self::SignInRefused => "sign-in-refused",
            Self::SignOutFirst => "sign-out-first",
            Self::AlreadyHere => "already-here",
            Self::Unsent { .. } => "unsent",
            Self::SignInWrong { .. } => "sign-in-wrong",
            Self::KnownWrong => "known-wrong",
            Self::AddressTyped => "address-typed",
            Self::Incomplete => "incomplete",
            Self::CodeWrong { .. } => "code-wrong",
            Self::NotApproved { .. } => "not-approved",
            Self::TooLate => "too-late",
            Self::TooSoon => "too-soon",
            Self::CodeResent => "code-resent",
            Self::StrayAnswer => "stray-answer",
            Self::BrowserNeeded => "browser-needed",
            Self::AccountBlocked => "account-blocked",
            Self::PasswordEnded => "password-ended",
            Self::PasswordToChange => "password-to-change",
            Self::NoWayIn => "no-way-in",
            Self::SessionEnded => "session-ended",
            Self::ServiceNoSession => "service-no-session",
            Self::ServiceSessionEnded => "service-session-ended",
            Self::ServiceUnknownWay => "service-unknown-way",
            Self::ServiceOwnSignIn => "service-own-sign-in",
            Self::ServiceOnlyByBrowser => "service-only-by-browser",
            Self::ServiceNotForYou => "service-not-for-you",
            Self::PasswordNeeded => "password-needed",
            Self::PasswordWrong => "password-wrong",
            Self::AppPasswordNeeded => "app-password-needed",
            Self::AppPasswordWrong => "app-password-wrong",
            Self::UnaskedCode => "unasked-code",
            Self::WaitToTry { .. } => "wait-to-try",
            Self::AccountLocked { .. } => "account-locked",
            Self::MailRefused { .. } => "mail-refused",
            Self::MailDown => "mail-down",
            Self::MailBroken => "mail-broken",
            Self::MailboxFull => "mailbox-full",
            Self::NoMailServer => "no-mail-server",
            Self::NotAnAddress => "not-an-address",
            Self::LookAlike { .. } => "look-alike",
            Self::LinkElsewhere { .. } => "link-elsewhere",
            Self::LinkLetters { .. } => "link-letters",
            Self::LinkNumber { .. } => "link-number",
            Self::SettingMissing => "setting-missing",
            Self::BadHost => "bad-host",
            Self::BadPort => "bad-port",
            Self::NoPasswordTaken => "no-password-taken",
            Self::OtherDomain { .. } => "other-domain",
            Self::LateTls { .. } => "late-tls",
            Self::NotSearched => "not-searched",
            Self::MailboxGone => "mailbox-gone",
            Self::MailboxExists => "mailbox-exists",
            Self::MailboxChanged => "mailbox-changed",
            Self::MailboxProtected => "mailbox-protected",
            Self::MailboxNotAllowed => "mailbox-not-allowed",
            Self::BadMailboxName => "bad-mailbox-name",
            Self::CannotUndo => "cannot-undo",
            Self::NotSent => "not-sent",
            Self::PerhapsSent => "perhaps-sent",
            Self::BadLetter => "bad-letter",
            Self::Undelivered { .. } => "undelivered",
            Self::DeliveryDelayed { .. } => "delivery-delayed",
            Self::Delivered { .. } => "delivered",
            Self::EncryptedMessage => "encrypted-message",
            Self::SignedMessage => "signed-message",
            Self::OutlookAttachment => "outlook-attachment",
            Self::AutomaticAnswer => "automatic-answer",
            Self::TooLarge { .. } => "too-large",
            Self::Gone => "gone",
            Self::SecretsLocked => "secrets-locked",
            Self::NoKeystore => "no-keystore",
            Self::StorageDamaged => "storage-damaged",
            Self::DiskFull => "disk-full",
            Self::NotWritable => "not-writable",
            Self::BadFolder => "bad-folder",
            Self::NewerVersion => "newer-version",
            Self::Cancelled => "cancelled",
            Self::Bug => "bug",
        }
    }

    /// The finding in words. Does not block.
    pub fn sentence(&self, language: Language) -> Sentence {
        let key = self.key();
        let (source, tag) = match language {
            Language::French => (FRENCH, "fr"),
            Language::English => (ENGLISH, "en"),
        };
        let locale: LanguageIdentifier = tag.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new(vec![locale]);
        // The isolating marks are for texts of mixed direction; ours are read aloud and pasted into reports.
        bundle.set_use_isolating(false);
        // What of the file cannot be read is left out; a test reads every message of both.
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, _)| resource);
        let _ = bundle.add_resource(resource);
        let args = self.args();
        let say = |name: &str| {
            let pattern = bundle.get_message(name).and_then(|message| message.value());
            let text = pattern.map_or(Cow::Borrowed(""), |p| bundle.format_pattern(p, Some(&args), &mut Vec::new()));
            text.into_owned()
        };
        Sentence { what: say(key), next: say(&format!("{key}-next")) }
    }

    fn args(&self) -> FluentArgs<'_> {
        let mut args = FluentArgs::new();
        match self {
            Self::Unofficial { host }
            | Self::LateTls { host }
            | Self::LinkLetters { host }
            | Self::LinkNumber { host } => args.set("host", host.as_str()),
            Self::LinkElsewhere { shown, host } => {
                args.set("shown", shown.as_str());
                args.set("host", host.as_str());
            }
            Self::LookAlike { host, official } => {
                args.set("host", host.as_str());
                args.set("official", official.as_str());
            }
            Self::OtherDomain { host, domain } => {
                args.set("host", host.as_str());
                args.set("domain", domain.as_str());
            }
            Self::Unsent { letters } => args.set("letters", *letters),
            Self::SignInWrong { tries_left } | Self::CodeWrong { tries_left } | Self::NotApproved { tries_left } => {
                args.set("left", *tries_left);
            }
            Self::WaitToTry { minutes } => args.set("minutes", *minutes),
            Self::AccountLocked { minutes, seconds } => {
                args.set("minutes", *minutes);
                args.set("seconds", *seconds);
            }
            Self::MailRefused { said } => args.set("said", said.as_str()),
            Self::Undelivered { address, others, why } => {
                args.set("address", address.as_str());
                args.set("others", *others);
                args.set("why", *why);
            }
            Self::DeliveryDelayed { address, others } | Self::Delivered { address, others } => {
                args.set("address", address.as_str());
                args.set("others", *others);
            }
            Self::TooLarge { megabytes } => args.set("megabytes", *megabytes),
            _ => {}
        }
        args
    }
}

#[cfg(test)]
mod tests;
