use super::super::{ServerForm, SettingsError, SettingsField as F, SettingsForm, SettingsWarning as W};
use crate::academy::{Catalogue, MailLogin, MailMechanism, MailServer, TlsStart};

fn filled() -> SettingsForm {
    let mut form = SettingsForm::blank("lycee.example");
    form.imap.host = Some(" IMAP.lycee.example. ".to_owned());
    form.smtp =
        ServerForm { host: Some("smtp.lycée.example".to_owned()), port: Some(587), tls: Some(TlsStart::Starttls) };
    form.login = Some(MailLogin::Identifier);
    form
}

#[test]
fn a_form_that_is_filled_in_gives_settings_with_names_as_certificates_have_them() {
    let catalogue = Catalogue::bundled().unwrap();
    let settings = filled().settings(&catalogue).unwrap();
    assert_eq!(settings.imap, MailServer::new("imap.lycee.example", 993, TlsStart::Implicit));
    assert_eq!(settings.smtp, MailServer::new("smtp.xn--lyce-dpa.example", 587, TlsStart::Starttls));
    assert_eq!((settings.domain.as_str(), settings.login), ("lycee.example", MailLogin::Identifier));
    assert_eq!(settings.auth, [MailMechanism::Password]);
}

#[test]
fn what_is_missing_is_asked_for_field_by_field() {
    let blank = SettingsForm::blank("lycee.example");
    assert_eq!(blank.missing(), [F::ImapHost, F::SmtpHost, F::Login]);
    assert_eq!(filled().missing(), []);
    let catalogue = Catalogue::bundled().unwrap();
    for (field, clear) in [
        (F::ImapHost, (|form| form.imap.host = Some("  ".to_owned())) as fn(&mut SettingsForm)),
        (F::ImapPort, |form| form.imap.port = None),
        (F::ImapTls, |form| form.imap.tls = None),
        (F::SmtpHost, |form| form.smtp.host = None),
        (F::SmtpPort, |form| form.smtp.port = None),
        (F::SmtpTls, |form| form.smtp.tls = None),
        (F::Login, |form| form.login = None),
    ] {
        let mut form = filled();
        clear(&mut form);
        assert_eq!(form.missing(), [field]);
        assert_eq!(form.settings(&catalogue), Err(SettingsError::Missing(field)));
    }
}

#[test]
fn what_the_teacher_typed_is_warned_of_too() {
    let catalogue = Catalogue::bundled().unwrap();
    let mut form = filled();
    let other = |host: &str| W::OtherDomain { host: host.to_owned(), domain: "lycee.example".to_owned() };
    let late = W::LateTls { host: "smtp.xn--lyce-dpa.example".to_owned() };
    assert_eq!(form.warnings(&catalogue), [other("smtp.xn--lyce-dpa.example"), late]);
    form.imap.host = Some("mail.hosting.example".to_owned());
    form.smtp = ServerForm { tls: Some(TlsStart::Implicit), ..form.imap.clone() };
    form.auth = vec![MailMechanism::XOAuth2];
    assert_eq!(form.warnings(&catalogue), [other("mail.hosting.example"), W::TokensOnly]);
    form.domain = "ac-lyon.fr".to_owned();
    form.imap.host = Some("imap.education.gouv.fr".to_owned());
    form.smtp.host = Some("smtps.ac-lyon.fr".to_owned());
    assert_eq!(form.warnings(&catalogue), []);
}

#[test]
fn what_makes_no_sense_or_deceives_is_not_taken() {
    let catalogue = Catalogue::bundled().unwrap();
    let refused = |change: &dyn Fn(&mut SettingsForm)| {
        let mut form = filled();
        change(&mut form);
        form.settings(&catalogue).unwrap_err()
    };
    for host in
        ["127.0.0.1", "::1", "localhost", "imap lycee.example", "imap.lycee.example:993", "https://imap.lycee.example"]
    {
        let host = || Some(host.to_owned());
        assert_eq!(refused(&|form| form.imap.host = host()), SettingsError::BadHost(F::ImapHost));
        assert_eq!(refused(&|form| form.smtp.host = host()), SettingsError::BadHost(F::SmtpHost));
    }
    assert_eq!(refused(&|form| form.smtp.port = Some(0)), SettingsError::BadPort(F::SmtpPort));
    assert_eq!(refused(&|form| form.domain = "lycee".to_owned()), SettingsError::NotAnAddress);
    assert_eq!(refused(&|form| form.auth = vec![MailMechanism::XOAuth2]), SettingsError::NoPassword);
    for change in [
        (&|form: &mut SettingsForm| form.domain = "ac-lion.fr".to_owned()) as &dyn Fn(&mut SettingsForm),
        &|form| form.imap.host = Some("imap.ac-1yon.fr".to_owned()),
        &|form| form.smtp.host = Some("smtp-ac-lyon.fr".to_owned()),
    ] {
        let SettingsError::LookAlike { official, .. } = refused(change) else { panic!() };
        assert_eq!(official, "ac-lyon.fr");
    }
}
