//! The ten people of the academy. All are invented.

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use std::fmt::Write;

/// `Secret-1234` with the salt `saltsalt`, as the directory keeps it.
const PASSWORD_HASH: &str = "{SSHA}ryFHAn/F5QL66pzwZtRDa88XfjxzYWx0c2FsdA==";

/// Someone with an account at the academy. Not secret: these people do not exist.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Teacher {
    /// The identifiant académique.
    pub uid: &'static str,
    /// First name and surname.
    pub name: &'static str,
    /// The password at the start, of the portal and of the mailbox.
    pub password: &'static str,
    /// The mail address.
    pub address: &'static str,
    /// What the portal asks for after the password.
    pub second_factor: SecondFactor,
    /// How the directory takes the account.
    pub account: Account,
    /// Two digits of the academy, `E`, two of the year, five more, three letters.
    pub numen: &'static str,
    /// ISO 8601.
    pub birth_date: &'static str,
}

/// What the portal asks for after the password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SecondFactor {
    /// Nothing.
    None,
    /// A code of six digits, sent to the mailbox.
    Mail,
    /// A code of an authenticator (RFC 6238), once one is enrolled.
    Totp,
    /// An approval on the phone, in an academy with [push](crate::push); nothing in another.
    Push,
}

/// How the directory takes an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Account {
    /// It lets in.
    Open,
    /// Locked by an administrator.
    Locked,
    /// The password must be changed first.
    MustChange,
    /// The password is too old.
    Expired,
    /// The password soon will be: an information page follows the sign-in.
    Warned,
}

macro_rules! teacher {
    ($uid:literal, $name:literal, $factor:ident, $account:ident, $numen:literal, $birth:literal) => {
        Teacher {
            uid: $uid,
            name: $name,
            password: "Secret-1234",
            address: concat!($uid, "@academie.test"),
            second_factor: SecondFactor::$factor,
            account: Account::$account,
            numen: $numen,
            birth_date: $birth,
        }
    };
}

static ALL: [Teacher; 10] = [
    teacher!("jdupont", "Jeanne Dupont", None, Open, "12E9501234ABC", "1972-03-14"),
    teacher!("pmartin", "Paul Martin", Mail, Open, "12E9802345BCD", "1975-11-02"),
    teacher!("tbernard", "Théo Bernard", Totp, Open, "12E0103456CDE", "1978-07-30"),
    teacher!("lreset", "Léa Reset", None, Open, "12E0504567DEF", "1982-01-09"),
    teacher!("block", "Bruno Block", Push, Open, "12E0705678EFG", "1984-05-21"),
    teacher!("locked", "Luc Locked", None, Locked, "12E0906789FGH", "1986-09-17"),
    teacher!("mustchg", "Max Must", None, MustChange, "12E1107890GHJ", "1988-12-05"),
    teacher!("expired", "Eva Expired", None, Expired, "12E1308901HJK", "1990-02-28"),
    teacher!("warned", "Wim Warned", None, Warned, "12E1509012JKL", "1992-06-11"),
    teacher!("perfbox", "Perf Box", None, Open, "12E1700123KLM", "1994-10-25"),
];

impl Teacher {
    /// All ten.
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// The one with this identifier.
    pub fn by_uid(uid: &str) -> Option<&'static Self> {
        ALL.iter().find(|teacher| teacher.uid == uid)
    }

    /// The entry for the directory. The dates that depend on today are counted back from `now`.
    fn ldif(&self, now: Timestamp) -> String {
        let encoded = |text: &str| BASE64_STANDARD.encode(text);
        let (given, surname) = self.name.split_once(' ').unwrap_or(("", self.name));
        // The portal reads from `employeeType` whether the second factor is a mail or a phone.
        let kind = match self.second_factor {
            SecondFactor::None => "plain",
            SecondFactor::Mail => "mail2f",
            SecondFactor::Totp => "totp",
            SecondFactor::Push => "push",
        };
        let days_ago = |days: i64| (now - (days * 24).hours()).to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%SZ");
        let policy = match self.account {
            Account::Open => return self.entry(kind, &encoded(self.name), &encoded(surname), &encoded(given), ""),
            Account::Locked => "pwdAccountLockedTime: 000001010000Z\n".to_owned(),
            Account::MustChange => format!("pwdReset: TRUE\npwdChangedTime: {}\n", days_ago(1)),
            Account::Expired => format!("pwdChangedTime: {}\n", days_ago(200)),
            Account::Warned => format!("pwdChangedTime: {}\n", days_ago(95)),
        };
        let policy = format!("pwdPolicySubentry: cn=strict,ou=ppolicies,dc=academie,dc=test\n{policy}");
        self.entry(kind, &encoded(self.name), &encoded(surname), &encoded(given), &policy)
    }

    fn entry(&self, kind: &str, name: &str, surname: &str, given: &str, policy: &str) -> String {
        let Self { uid, address, numen, birth_date, .. } = self;
        format!(
            "dn: uid={uid},ou=people,dc=academie,dc=test\nobjectClass: inetOrgPerson\nuid: {uid}\ncn:: {name}\n\
             sn:: {surname}\ngivenName:: {given}\nmail: {address}\nemployeeType: {kind}\nemployeeNumber: {numen}\n\
             carLicense: {birth_date}\nuserPassword: {PASSWORD_HASH}\n{policy}\n"
        )
    }
}

/// The entries of all, to follow the directory's base.
pub(crate) fn ldif() -> String {
    let now = Timestamp::now();
    ALL.iter().fold(String::new(), |mut text, teacher| {
        // Writing to a `String` does not fail.
        let _ = write!(text, "\n{}", teacher.ldif(now));
        text
    })
}

/// Those whose password Dovecot knows itself where it does SCRAM, in the form of its passwd-file.
pub(crate) fn with_scram() -> String {
    let known = ALL.iter().filter(|teacher| teacher.uid == "jdupont");
    known.map(|teacher| format!("{}:{{PLAIN}}{}\n", teacher.uid, teacher.password)).collect()
}

/// The recipients that Postfix takes, as its regular expression table.
pub(crate) fn recipients() -> String {
    let names: Vec<_> = ALL.iter().map(|teacher| teacher.uid).chain(["portail"]).collect();
    format!("/^({})(\\+.*)?@academie\\.test$/ ok\n", names.join("|"))
}

#[cfg(test)]
mod tests {
    use super::Teacher;

    #[test]
    fn every_numen_has_the_official_form() {
        for teacher in Teacher::all() {
            let numen = teacher.numen.as_bytes();
            assert_eq!(numen.len(), 13, "{}", teacher.uid);
            assert!(numen.starts_with(b"12E") && numen[3..10].iter().all(u8::is_ascii_digit), "{}", teacher.uid);
            assert!(numen[10..].iter().all(u8::is_ascii_uppercase), "{}", teacher.uid);
        }
    }
}
