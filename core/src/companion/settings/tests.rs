use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use super::super::{Companion, CompanionError as E, Setup};
use crate::academy::{
    Academy, GenerationName, Kind, MailLogin, MailServer, SettingsField, SettingsForm, Standing, TlsStart, WayIn,
};
use crate::ports::{MemoryStore, Network, Resolver};
use crate::words::Finding;

/// Nobody may be asked.
struct Nobody;

impl Resolver for Nobody {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        panic!("{host} was asked for")
    }
}

async fn companion(folder: &tempfile::TempDir) -> Companion {
    let network = Network::builder().resolver(Arc::new(Nobody)).build().unwrap();
    let setup = Setup::new(folder.path()).secrets(Arc::new(MemoryStore::default())).network(network);
    Companion::open(setup).await.unwrap()
}

fn filled(domain: &str) -> SettingsForm {
    let mut form = SettingsForm::blank(domain);
    form.imap.host = Some(format!("imap.{domain}"));
    form.smtp.host = Some(format!("smtp.{domain}"));
    (form.smtp.port, form.smtp.tls) = (Some(587), Some(TlsStart::Starttls));
    form.login = Some(MailLogin::Address);
    form
}

#[tokio::test]
async fn confirmed_settings_are_an_academy_of_ones_own_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    let first = companion(&folder).await;
    first.confirm_mail_settings(&filled("lycee.example")).await.unwrap();
    let academy = first.academy().unwrap();
    first.shutdown().await.unwrap();
    let again = companion(&folder).await;
    assert_eq!(again.academy().unwrap(), academy);

    assert_eq!((academy.id.as_str(), academy.kind, academy.name.as_str()), (Academy::OWN, Kind::Own, "lycee.example"));
    let mail = academy.mail.as_ref().unwrap();
    assert_eq!(mail.imap, MailServer::new("imap.lycee.example", 993, TlsStart::Implicit));
    assert_eq!(mail.smtp, MailServer::new("smtp.lycee.example", 587, TlsStart::Starttls));
    assert_eq!((mail.domain.as_str(), mail.login), ("lycee.example", MailLogin::Address));
    assert_eq!(academy.way_in(), WayIn::Unknown);
    assert!(!academy.is_official(&"https://imap.lycee.example/".parse().unwrap()));
    assert_eq!(academy.standing("j@lycee.example", academy.revised), Standing::On(GenerationName::Legacy));
    assert_eq!(academy.suggested_mail(GenerationName::Legacy).as_ref(), Some(mail));
    // It is nobody else's: no list of academies has it.
    assert!(again.academies("lycee").is_empty() && again.academies("").len() > 30);
}

#[tokio::test]
async fn settings_may_be_corrected_until_somebody_signs_in() {
    let folder = tempfile::tempdir().unwrap();
    let companion = companion(&folder).await;
    companion.confirm_mail_settings(&filled("lycee.example")).await.unwrap();
    let mut corrected = filled("lycee.example");
    corrected.imap.host = Some("mail.lycee.example".to_owned());
    companion.confirm_mail_settings(&corrected).await.unwrap();
    assert_eq!(companion.academy().unwrap().mail.as_ref().unwrap().imap.host, "mail.lycee.example");
    companion.begin_sign_in("nancy-metz").await.unwrap();
    assert_eq!(companion.academy().unwrap().id, "nancy-metz");
    companion.begin_sign_in(Academy::OWN).await.unwrap();
    assert_eq!(companion.academy().unwrap().id, Academy::OWN);

    // As if somebody had signed in.
    sign_in(&companion, Academy::OWN).await;
    let refused = Err(E::Refused(Finding::SignOutFirst));
    assert_eq!(companion.confirm_mail_settings(&filled("lycee.example")).await, refused);
    assert_eq!(companion.confirm_mail_settings(&filled("ac-nancy-metz.fr")).await, refused);
    assert_eq!(companion.academy().unwrap().mail.as_ref().unwrap().imap.host, "mail.lycee.example");
    assert!(companion.account().is_some());
}

#[tokio::test]
async fn an_academy_whose_mail_servers_nobody_knew_keeps_its_portal() {
    let folder = tempfile::tempdir().unwrap();
    let first = companion(&folder).await;
    first.begin_sign_in("nancy-metz").await.unwrap();
    sign_in(&first, "nancy-metz").await;
    assert_eq!(first.academy().unwrap().mail, None);
    let proposal = first.find_mail_settings("jeanne.dupont@ac-nancy-metz.fr").await.unwrap();
    assert_eq!(proposal.academy.as_deref(), Some("nancy-metz"));
    let mut form = proposal.choices[0].form.clone();
    assert_eq!(form.missing(), [SettingsField::ImapHost, SettingsField::Login]);
    assert_eq!(first.confirm_mail_settings(&form).await, Err(E::Refused(Finding::SettingMissing)));
    form.imap.host = Some("imap.ac-nancy-metz.fr".to_owned());
    form.login = Some(MailLogin::Identifier);
    first.confirm_mail_settings(&form).await.unwrap();
    assert!(first.account().is_some(), "signed out");
    first.shutdown().await.unwrap();

    let again = companion(&folder).await;
    let academy = again.academy().unwrap();
    assert_eq!((academy.id.as_str(), academy.kind), ("nancy-metz", Kind::Academy));
    assert_eq!(academy.mail.as_ref().unwrap().imap.host, "imap.ac-nancy-metz.fr");
    assert!(matches!(academy.way_in(), WayIn::Browser(_)));
}

#[tokio::test]
async fn what_deceives_or_makes_no_sense_is_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let companion = companion(&folder).await;
    let look_alike =
        Finding::LookAlike { host: "ac-nancy-rnetz.fr".to_owned(), official: "ac-nancy-metz.fr".to_owned() };
    let refused = companion.find_mail_settings("jeanne.dupont@ac-nancy-rnetz.fr").await.unwrap_err();
    assert_eq!(refused, E::Refused(look_alike));
    assert!(companion.words(&refused).what.contains("« ac-nancy-metz.fr »"));
    assert_eq!(companion.find_mail_settings("jeanne").await, Err(E::Refused(Finding::NotAnAddress)));
    for (change, finding) in [
        ((|form| form.imap.host = Some("192.0.2.1".to_owned())) as fn(&mut SettingsForm), Finding::BadHost),
        (|form| form.imap.port = Some(0), Finding::BadPort),
        (|form| form.auth.clear(), Finding::NoPasswordTaken),
        (|form| form.smtp.host = None, Finding::SettingMissing),
    ] {
        let mut form = filled("lycee.example");
        change(&mut form);
        assert_eq!(companion.confirm_mail_settings(&form).await, Err(E::Refused(finding)));
    }
    assert_eq!(companion.academy(), None);
}

/// Puts an account down, and takes the seat anew.
async fn sign_in(companion: &Companion, academy: &str) {
    let id = academy.to_owned();
    let put = companion.store.write(move |t, _| {
        t.execute("INSERT INTO account (academy, identifier) VALUES (?, 'jdupont')", [id])?;
        Ok(())
    });
    put.await.unwrap();
    companion.sit_down(academy).await.unwrap().unwrap();
}
