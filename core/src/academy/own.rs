//! An academy of one's own: mail settings that the teacher confirmed, where no profile fits.

use jiff::civil::Date;

use super::facts::{HackedAccount, Kind, PasswordFacts, Support};
use super::generation::{Generation, GenerationName, MailLimits, MailRules, MailServer, MailSettings};
use super::generation::{Move, MoveStatus, ServerFacts};
use super::profile::{Academy, FORMAT};

impl Academy {
    /// The short name of an academy of one's own. No profile has it.
    pub const OWN: &'static str = "own";

    /// The academy of settings that the teacher confirmed on the day `confirmed`. It has no portal and no official origin: its
    /// mail servers take a password, and nothing else may be sent a secret.
    pub fn own(settings: MailSettings, confirmed: Date) -> Self {
        let facts = |server: &MailServer| ServerFacts {
            host: server.host.clone(),
            port: Some(server.port),
            tls: Some(server.tls),
        };
        let generation = Generation {
            name: GenerationName::Legacy,
            product: None,
            login: Some(settings.login),
            auth: settings.auth.clone(),
            secret: None,
            imap: Some(facts(&settings.imap)),
            smtp: Some(facts(&settings.smtp)),
            limits: MailLimits::default(),
        };
        Self {
            _format: FORMAT,
            id: Self::OWN.to_owned(),
            kind: Kind::Own,
            name: settings.domain.clone(),
            city: String::new(),
            revised: confirmed,
            also_called: Vec::new(),
            numen_codes: Vec::new(),
            mail_domains: vec![settings.domain.clone()],
            official_origins: Vec::new(),
            look_alikes: Vec::new(),
            oidc: None,
            portals: Vec::new(),
            identifier: None,
            second_factors: Vec::new(),
            lock: None,
            password: PasswordFacts::default(),
            mail_code: None,
            recovery: Vec::new(),
            hacked_account: HackedAccount::default(),
            generations: vec![generation],
            move_to_national: Some(Move { status: MoveStatus::Apart, year: None }),
            mail_rules: MailRules::default(),
            mail: Some(settings),
            services: Vec::new(),
            support: Support::default(),
            evidence: Vec::new(),
        }
    }
}
