//! The academies to choose from, and what a screen knows of one before anybody signs in.

use cartable_core::academy::{self, Academy};

use crate::cartable::Cartable;
use crate::convert::same_names;

/// An academy to choose.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct AcademyCard {
    /// Its stable short name, for `begin_sign_in`.
    pub id: String,
    /// The name that teachers know.
    pub name: String,
    /// The town of the rectorat.
    pub city: String,
    /// The host of its portal, where one is known.
    pub host: Option<String>,
    /// How one signs in there.
    pub way_in: WayIn,
    /// What its portal may ask for beside the password, as far as that is known.
    pub second_factors: Vec<SecondFactor>,
    /// The domains of its addresses, today's first. Empty where none is known.
    pub mail_domains: Vec<String>,
}

/// How one signs in at an academy: what `begin_sign_in` comes to as a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum WayIn {
    /// In the system browser, which hands back to the app.
    Oidc,
    /// In the app, which fills in the portal's own form: `Password`.
    Form,
    /// In the system browser alone. It hands nothing back: the app asks afterwards who signed in.
    Browser,
    /// No portal is known, or there is none: the app asks who it is, and the mail servers judge the password.
    Unknown,
}

/// What a portal asks for beside the password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum SecondFactor {
    /// A code of a TOTP app.
    Totp,
    /// The code of a key, in hardware or software.
    OtpKey,
    /// A PIN and the code of a key, typed as one.
    PinOtp,
    /// A software token of RSA SecurID.
    RsaSecurid,
    /// A code by mail.
    MailCode,
    /// A PIN and a code by mail.
    PinMailCode,
    /// A prompt on the phone.
    Push,
    /// A code that a colleague receives.
    TrustedColleague,
    /// The birth date; in the browser only.
    BirthDate,
}

impl From<&Academy> for AcademyCard {
    fn from(academy: &Academy) -> Self {
        let host = academy.official_origins.first().and_then(|origin| origin.host_str()).map(str::to_owned);
        let factors = academy.second_factors.iter().copied();
        Self {
            id: academy.id.clone(),
            name: academy.name.clone(),
            city: academy.city.clone(),
            host,
            way_in: match academy.way_in() {
                academy::WayIn::Oidc(_) => WayIn::Oidc,
                academy::WayIn::Form(_) => WayIn::Form,
                academy::WayIn::Browser(_) => WayIn::Browser,
                _ => WayIn::Unknown,
            },
            second_factors: factors.filter_map(SecondFactor::of).collect(),
            mail_domains: academy.mail_domains.clone(),
        }
    }
}

same_names! {
    SecondFactor from SecondFactor {
        Totp, OtpKey, PinOtp, RsaSecurid, MailCode, PinMailCode, Push, TrustedColleague, BirthDate
    }
}

#[uniffi::export]
impl Cartable {
    /// The academies that `query` may mean: by name, town, address or NUMEN; all of them for an empty query.
    pub fn academies(&self, query: String) -> Vec<AcademyCard> {
        self.core.academies(&query).into_iter().map(Into::into).collect()
    }

    /// The academy that the teacher has chosen.
    pub fn academy(&self) -> Option<AcademyCard> {
        self.core.academy().map(|academy| academy.as_ref().into())
    }
}
