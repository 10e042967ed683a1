use std::collections::BTreeSet;

use super::{ENGLISH, FRENCH, Finding, Language};

fn all() -> Vec<Finding> {
    use Finding as F;
    vec![
        F::NoNetwork,
        F::Unreachable,
        F::Silent,
        F::Cut,
        F::Intercepted,
        F::CertificateDate,
        F::Unsafe,
        F::PortalBroken,
        F::Unofficial { host: "ac-rouen.example".into() },
        F::NotOurs,
        F::PhoneClock,
        F::SignInRefused,
        F::SignOutFirst,
        F::AlreadyHere,
        F::Unsent { letters: 2 },
        F::SignInWrong { tries_left: 1 },
        F::KnownWrong,
        F::AddressTyped,
        F::Incomplete,
        F::CodeWrong { tries_left: 0 },
        F::NotApproved { tries_left: 1 },
        F::TooLate,
        F::TooSoon,
        F::CodeResent,
        F::StrayAnswer,
        F::BrowserNeeded,
        F::AccountBlocked,
        F::PasswordEnded,
        F::PasswordToChange,
        F::NoWayIn,
        F::SessionEnded,
        F::ServiceNoSession,
        F::ServiceSessionEnded,
        F::ServiceUnknownWay,
        F::ServiceOwnSignIn,
        F::ServiceOnlyByBrowser,
        F::ServiceNotForYou,
        F::PasswordNeeded,
        F::PasswordWrong,
        F::AppPasswordNeeded,
        F::AppPasswordWrong,
        F::UnaskedCode,
        F::WaitToTry { minutes: 12 },
        F::AccountLocked { minutes: 0, seconds: 8 },
        F::MailRefused { said: "no such thing".into() },
        F::MailDown,
        F::MailBroken,
        F::MailboxFull,
        F::NoMailServer,
        F::NotAnAddress,
        F::LookAlike { host: "ac-1yon.fr".into(), official: "ac-lyon.fr".into() },
        F::LinkElsewhere { shown: "ac-lyon.fr".into(), host: "mal.example".into() },
        F::LinkLetters { host: "xn--80ak6aa92e.com".into() },
        F::LinkNumber { host: "192.0.2.1".into() },
        F::SettingMissing,
        F::BadHost,
        F::BadPort,
        F::NoPasswordTaken,
        F::OtherDomain { host: "imap.example".into(), domain: "lycee.example".into() },
        F::LateTls { host: "imap.example".into() },
        F::NotSearched,
        F::MailboxGone,
        F::MailboxExists,
        F::MailboxChanged,
        F::MailboxProtected,
        F::MailboxNotAllowed,
        F::BadMailboxName,
        F::CannotUndo,
        F::NotSent,
        F::PerhapsSent,
        F::BadLetter,
        F::Undelivered { address: "a@b.example".into(), others: 2, why: "unknown" },
        F::DeliveryDelayed { address: "a@b.example".into(), others: 0 },
        F::Delivered { address: "a@b.example".into(), others: 1 },
        F::EncryptedMessage,
        F::SignedMessage,
        F::OutlookAttachment,
        F::AutomaticAnswer,
        F::TooLarge { megabytes: 41 },
        F::Gone,
        F::SecretsLocked,
        F::NoKeystore,
        F::StorageDamaged,
        F::DiskFull,
        F::NotWritable,
        F::BadFolder,
        F::NewerVersion,
        F::Cancelled,
        F::Bug,
    ]
}

#[test]
fn every_finding_says_what_happened_and_what_to_do_in_both_languages() {
    for finding in all() {
        for language in [Language::French, Language::English] {
            let sentence = finding.sentence(language);
            for text in [&sentence.what, &sentence.next] {
                assert!(text.len() > 5 && !text.contains('{') && !text.contains('\u{2068}'), "{finding:?}: {text}");
            }
        }
    }
}

#[test]
fn the_files_hold_the_messages_of_the_findings_and_no_others() {
    let wanted: BTreeSet<String> =
        all().iter().flat_map(|f| [f.key().to_owned(), format!("{}-next", f.key())]).collect();
    for file in [FRENCH, ENGLISH] {
        let there: BTreeSet<String> = file
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
            .map(|line| line.split_once(" =").unwrap().0.to_owned())
            .collect();
        assert_eq!(there, wanted);
    }
}

#[test]
fn what_the_finding_knows_is_in_the_sentence() {
    let said = |finding: Finding| finding.sentence(Language::French).what;
    assert_eq!(said(Finding::WaitToTry { minutes: 1 }), "Encore une minute avant de réessayer.");
    assert_eq!(said(Finding::WaitToTry { minutes: 12 }), "Encore 12 minutes avant de réessayer.");
    let locked = |minutes, seconds| said(Finding::AccountLocked { minutes, seconds });
    assert_eq!(locked(0, 8), "Votre compte est verrouillé pour 8 s encore.");
    assert_eq!(locked(1, 60), "Votre compte est verrouillé pour une minute encore.");
    assert_eq!(locked(3, 150), "Votre compte est verrouillé pour 3 minutes encore.");
    let lost = |others, why| said(Finding::Undelivered { address: "a@b.example".into(), others, why });
    assert_eq!(lost(0, "unknown"), "Votre message n’est pas arrivé à a@b.example : cette adresse n’existe pas.");
    assert_eq!(
        lost(2, "full"),
        "Votre message n’est pas arrivé à a@b.example et à 2 autres adresses : la boîte est pleine."
    );
    assert!(lost(0, "other").ends_with("a@b.example."));
    assert!(said(Finding::Unofficial { host: "ac-rouen.example".into() }).contains("ac-rouen.example"));
}
