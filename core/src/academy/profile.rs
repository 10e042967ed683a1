//! One academy's profile: what a file of `profiles/` says, read and checked whole.

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::{Origin, Url};

use super::facts::{
    Confidence, Evidence, HackedAccount, IdentifierForm, Kind, LockRule, MailCodeRule, OidcSettings, PasswordFacts,
    PasswordPolicy, Portal, PortalProtocol, Recovery, SecondFactor, Service, ServiceKind, Support, WayIn,
};
use super::generation::{Generation, GenerationName, MailRules, MailSettings, Move, MoveStatus, Standing};
use super::rules;

/// The form of a profile that this version reads.
pub(super) const FORMAT: i64 = 1;

/// What is known of one academy. Every address in it is https or TLS, and on an official origin where it takes secrets.
///
/// What is absent is not known, and never "none". How far a fact is to be believed: [`Academy::confidence`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Academy {
    /// The form of the file.
    #[serde(rename = "format")]
    pub(super) _format: i64,
    /// The stable short name, for instance `nancy-metz`.
    pub id: String,
    /// What it is.
    #[serde(default)]
    pub kind: Kind,
    /// The name that teachers know.
    pub name: String,
    /// The town of the rectorat; empty for the messagerie nationale.
    #[serde(default)]
    pub city: String,
    /// The day of this file. A file of a later day replaces it.
    pub revised: Date,
    /// Other names by which teachers look for it: former academies, a second town.
    #[serde(default)]
    pub also_called: Vec<String>,
    /// With which two digits the NUMEN of those who entered service here begins. A teacher who moved keeps the old ones.
    #[serde(default)]
    pub numen_codes: Vec<String>,
    /// The domains of its addresses, today's first.
    #[serde(default)]
    pub mail_domains: Vec<String>,
    /// The only origins that may be sent a secret, the portal's first. Empty where no portal is known.
    #[serde(default)]
    pub official_origins: Vec<Url>,
    /// Hosts that the academy itself has warned of.
    #[serde(default)]
    pub look_alikes: Vec<String>,
    /// Sign-in by OpenID Connect, where the portal offers it.
    #[serde(default)]
    pub oidc: Option<OidcSettings>,
    /// The sign-in pages for the system browser, best first.
    #[serde(default)]
    pub portals: Vec<Portal>,
    /// How the sign-in name is made.
    #[serde(default)]
    pub identifier: Option<IdentifierForm>,
    /// What is asked for beside the password, as far as it is known.
    #[serde(default)]
    pub second_factors: Vec<SecondFactor>,
    /// How to know the portal's mail with a sign-in code. Where it is absent, no code is offered and none raises an alarm.
    #[serde(default)]
    pub mail_code: Option<MailCodeRule>,
    /// What is published of the lock; see [`Academy::lock_rule`].
    #[serde(default)]
    pub lock: Option<LockRule>,
    /// What is published of the rule for passwords; see [`Academy::password_policy`].
    #[serde(default)]
    pub password: PasswordFacts,
    /// The tools that change or reset a password.
    #[serde(default)]
    pub recovery: Vec<Recovery>,
    /// What happens to an account that was broken into.
    #[serde(default)]
    pub hacked_account: HackedAccount,
    /// The mail servers, one set a generation.
    #[serde(default)]
    pub generations: Vec<Generation>,
    /// Whether its addresses have gone to the messagerie nationale.
    #[serde(default)]
    pub move_to_national: Option<Move>,
    /// What it forbids or allows with its mail.
    #[serde(default)]
    pub mail_rules: MailRules,
    /// The mail servers that a password may be sent to unasked: all parts known, and both servers stated by the academy
    /// itself. For less certain ones see [`Academy::suggested_mail`].
    #[serde(skip)]
    pub mail: Option<MailSettings>,
    /// What it offers.
    #[serde(default)]
    pub services: Vec<Service>,
    /// Who helps.
    #[serde(default)]
    pub support: Support,
    /// Where the facts come from.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// Why a profile is not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Not TOML, or a field that is missing, unknown or of another type.
    #[error("the profile cannot be read: {0}")]
    Unreadable(String),
    /// Written for another version of the app.
    #[error("the profile has form {0}, which this version does not read")]
    UnknownFormat(i64),
    /// A rule is broken; the text names the field.
    #[error("the profile breaks a rule: {0}")]
    Invalid(&'static str),
    /// A field says nothing about where it comes from.
    #[error("no source is given for {0}")]
    Unsourced(String),
    /// A secret might go to an address whose source is of little reliability.
    #[error("the source of {0} is not reliable enough to send a secret there")]
    Doubtful(String),
    /// Two profiles claim one host or one mail domain.
    #[error("two profiles claim {0}")]
    Claimed(String),
}

impl Academy {
    /// Reads and checks one profile.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        // Read as JSON's values, whose reader is here anyway: a second one weighs a third of a megabyte in a phone.
        let table: Map<String, Value> =
            basic_toml::from_str(text).map_err(|error| ProfileError::Unreadable(error.to_string()))?;
        // Before all else, so that a newer file is called newer and not broken.
        match table.get("format").and_then(Value::as_i64) {
            Some(FORMAT) => {}
            Some(other) => return Err(ProfileError::UnknownFormat(other)),
            None => return Err(ProfileError::Unreadable("no format".to_owned())),
        }
        let stated = rules::stated(&table);
        let mut academy: Self = serde_json::from_value(Value::Object(table))
            .map_err(|error| ProfileError::Unreadable(error.to_string()))?;
        rules::check(&academy, &stated)?;
        academy.mail = academy.generations.iter().find_map(|generation| {
            let sure = ["imap", "smtp"].iter().all(|server| {
                academy.confidence(&rules::generation_path(generation.name, server)) == Some(Confidence::High)
            });
            if sure { academy.settings_of(generation) } else { None }
        });
        Ok(academy)
    }

    /// Whether `url` may be sent a secret: https and on an official origin. For somebody on the messagerie nationale ask
    /// [`super::Catalogue::is_official`].
    pub fn is_official(&self, url: &Url) -> bool {
        let asked = url.origin();
        matches!(asked, Origin::Tuple(..))
            && url.scheme() == "https"
            && self.official_origins.iter().any(|known| known.origin() == asked)
    }

    /// The best way in.
    pub fn way_in(&self) -> WayIn<'_> {
        match (&self.oidc, self.portals.first()) {
            (Some(oidc), _) => WayIn::Oidc(oidc),
            (None, Some(portal)) if portal.protocol == Some(PortalProtocol::LemonldapNg) => WayIn::Form(portal),
            (None, Some(portal)) => WayIn::Browser(portal),
            (None, None) => WayIn::Unknown,
        }
    }

    /// The rule to hold a new password to: what is published, with [`PasswordPolicy::CAREFUL`] for the rest.
    pub fn password_policy(&self) -> PasswordPolicy {
        let careful = PasswordPolicy::CAREFUL;
        PasswordPolicy {
            min_length: self.password.min_length.unwrap_or(careful.min_length),
            max_length: self.password.max_length.or(careful.max_length),
            classes: self.password.classes.unwrap_or(careful.classes),
            history: self.password.history.or(careful.history),
            max_age_days: self.password.max_age_days.or(careful.max_age_days),
        }
    }

    /// The published rule of the lock, or [`LockRule::CAREFUL`].
    pub fn lock_rule(&self) -> LockRule {
        self.lock.unwrap_or(LockRule::CAREFUL)
    }

    /// The servers of a generation, where this file has them. Those of the messagerie nationale are in a file of their own:
    /// see [`super::Catalogue::generation`].
    pub fn generation(&self, name: GenerationName) -> Option<&Generation> {
        self.generations.iter().find(|generation| generation.name == name)
    }

    /// Complete settings of a generation, however sure. Where they are not [`Academy::mail`], show the hosts, and send a
    /// password only once the teacher has agreed and the servers have shown a good certificate.
    pub fn suggested_mail(&self, name: GenerationName) -> Option<MailSettings> {
        self.settings_of(self.generation(name)?)
    }

    /// The webmail of a generation.
    pub fn webmail(&self, name: GenerationName) -> Option<&Service> {
        self.services.iter().find(|s| s.kind == ServiceKind::Webmail && s.generation == Some(name))
    }

    /// Whether `domain` is, or was, a domain of its addresses. Case does not count.
    pub fn has_domain(&self, domain: &str) -> bool {
        self.mail_domains.iter().any(|known| known.eq_ignore_ascii_case(domain))
    }

    /// On which generation `address` is on the day `today`. All addresses keep their domain when they move, so the address
    /// alone does not tell: the academy's announcement does, or the teacher.
    pub fn standing(&self, address: &str, today: Date) -> Standing {
        let ours =
            address.trim().rsplit_once('@').is_some_and(|(user, domain)| !user.is_empty() && self.has_domain(domain));
        if !ours {
            return Standing::Stranger;
        }
        match self.move_to_national {
            Some(Move { status: MoveStatus::Apart, .. }) => Standing::On(GenerationName::Legacy),
            Some(Move { year: Some(year), .. }) if today.year() < year => Standing::On(GenerationName::Legacy),
            Some(Move { status: MoveStatus::Done, .. }) => Standing::On(GenerationName::National),
            Some(Move { status: MoveStatus::Announced, .. }) | None => Standing::Ask,
        }
    }

    /// How far a field is to be believed, by its path (`generations.legacy.imap`): what the closest evidence says. `None`
    /// for a field about which nothing is said.
    pub fn confidence(&self, path: &str) -> Option<Confidence> {
        let told = self.evidence.iter().flat_map(|evidence| {
            evidence.fields.iter().map(move |field| (rules::closeness(field, path), evidence.confidence))
        });
        let told: Vec<_> = told.filter_map(|(closeness, confidence)| Some((closeness?, confidence))).collect();
        told.into_iter().max().map(|(_, confidence)| confidence)
    }

    /// The hosts that are this academy's own: where it takes secrets, and its webmail.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        let origins = self.official_origins.iter().filter_map(Url::host_str);
        let servers = self.generations.iter().flat_map(|g| [&g.imap, &g.smtp]).flatten().map(|s| s.host.as_str());
        let webmail = self.services.iter().filter(|service| service.kind == ServiceKind::Webmail);
        origins.chain(servers).chain(webmail.filter_map(|service| service.address.host_str()))
    }

    fn settings_of(&self, generation: &Generation) -> Option<MailSettings> {
        generation.settings(self.mail_domains.first()?)
    }
}
