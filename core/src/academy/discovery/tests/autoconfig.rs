use proptest::prelude::*;

use super::super::SettingsForm;
use super::super::autoconfig::read;
use super::server;
use crate::academy::{MailLogin, MailMechanism};

/// What providers offer, in the usual form (the domain's own servers, several of them, POP3 too).
const USUAL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- made by hand -->
<clientConfig version="1.1">
  <emailProvider id="lycee.example">
    <domain>lycee.example</domain>
    <displayName>Lyc&#233;e &amp; coll&#xE8;ge</displayName>
    <incomingServer type="pop3">
      <hostname>pop.lycee.example</hostname><port>995</port><socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication>
    </incomingServer>
    <incomingServer type="imap">
      <hostname>clear.lycee.example</hostname><port>143</port><socketType>plain</socketType>
      <username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication>
    </incomingServer>
    <incomingServer type="imap">
      <hostname> imap.%EMAILDOMAIN% </hostname><port>993</port><socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>OAuth2</authentication><authentication>password-cleartext</authentication>
    </incomingServer>
    <incomingServer type="imap">
      <hostname>second.lycee.example</hostname><port>993</port><socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>secret.lycee.example</hostname><port>465</port><socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username><authentication>password-encrypted</authentication>
    </outgoingServer>
    <outgoingServer type="smtp">
      <hostname><![CDATA[smtp.lycee.example]]></hostname><port>587</port><socketType>STARTTLS</socketType>
      <username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication>
      <useGlobalPreferredServer>true</useGlobalPreferredServer>
    </outgoingServer>
    <documentation url="https://lycee.example/aide"><descr lang="fr">Aide</descr></documentation>
  </emailProvider>
  <webMail><loginPage url="https://webmail.lycee.example/"/></webMail>
</clientConfig>
"#;

fn form(text: &str) -> Option<SettingsForm> {
    read(text, "lycee.example")
}

fn changed(from: &str, to: &str) -> Option<SettingsForm> {
    assert!(USUAL.contains(from), "{from}");
    form(&USUAL.replace(from, to))
}

#[test]
fn the_first_servers_that_can_be_used_are_taken() {
    let form = form(USUAL).unwrap();
    assert_eq!(
        [server(&form.imap), server(&form.smtp)],
        ["imap.lycee.example:993 tls", "smtp.lycee.example:587 starttls"]
    );
    // What both servers take.
    assert_eq!((form.login, &form.auth), (Some(MailLogin::Address), &vec![MailMechanism::Password]));
    assert_eq!(form.missing(), []);
    assert_eq!(read(&format!("\u{feff}{USUAL}"), "lycee.example"), Some(form));
}

#[test]
fn names_are_taken_as_the_document_says_or_asked() {
    for (username, login) in [
        ("%EMAILLOCALPART%", Some(MailLogin::Identifier)),
        ("%EMAILLOCALPART%@%EMAILDOMAIN%", Some(MailLogin::Address)),
        ("%EMAILLOCALPART%@lycee.example", Some(MailLogin::Address)),
        ("ecole-%EMAILLOCALPART%", None),
        ("everybody", None),
        ("", None),
    ] {
        assert_eq!(changed("%EMAILADDRESS%", username).unwrap().login, login, "{username}");
    }
    let differ = USUAL.replacen(
        "<username>%EMAILADDRESS%</username>\n      <authentication>OAuth2",
        "<username>%EMAILLOCALPART%</username>\n      <authentication>OAuth2",
        1,
    );
    assert_eq!(form(&differ).unwrap().login, None);
}

#[test]
fn only_tokens_are_taken_where_both_servers_take_nothing_else() {
    let tokens = USUAL.replace("password-cleartext", "OAuth2");
    assert_eq!(form(&tokens).unwrap().auth[..2], [MailMechanism::OAuthBearer, MailMechanism::XOAuth2]);
    let none = USUAL.replace("password-cleartext", "NTLM").replace("OAuth2", "GSSAPI");
    assert_eq!(form(&none), None);
}

#[test]
fn servers_without_tls_without_a_name_or_with_the_teachers_name_in_theirs_are_passed_over() {
    let good = "second.lycee.example:993 tls";
    for (from, to) in [
        ("imap.%EMAILDOMAIN%", "%EMAILLOCALPART%.lycee.example"),
        ("imap.%EMAILDOMAIN%", "%EMAILADDRESS%"),
        ("imap.%EMAILDOMAIN%", "192.0.2.1"),
        ("imap.%EMAILDOMAIN%", "localhost"),
        ("imap.%EMAILDOMAIN%", "imap.lycee.example:993"),
        ("imap.%EMAILDOMAIN%", ""),
    ] {
        assert_eq!(server(&changed(from, to).unwrap().imap), good, "{to}");
    }
    for wrong in ["plain", "TLS", "ssl", "SSL SSL", ""] {
        let text = USUAL.replace(">SSL<", &format!(">{wrong}<"));
        assert!(form(&text).is_none_or(|form| form.imap.host.is_none()), "{wrong}");
    }
    for wrong in ["0", "65536", "-1", "993x", ""] {
        let text = USUAL.replace(">993<", &format!(">{wrong}<"));
        assert!(form(&text).is_none(), "{wrong}");
    }
    // Where to read is known, where to send is asked.
    let reads = changed(">587<", ">smtp<").unwrap();
    assert_eq!([server(&reads.imap), server(&reads.smtp)], ["imap.lycee.example:993 tls", "?:465 tls"]);
}

#[test]
fn what_is_no_such_document_or_tries_more_is_refused_whole() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>\n<clientConfig";
    let outside = "<!DOCTYPE x SYSTEM \"https://evil.example/x.dtd\"><clientConfig";
    for (from, to) in [
        ("<clientConfig", bomb),
        ("<clientConfig", outside),
        ("&amp;", "&unknown;"),
        ("&amp;", "&#0;"),
        ("&amp;", "&"),
        ("</clientConfig>", ""),
        ("</clientConfig>", "</emailProvider>"),
        ("</emailProvider>", ""),
        ("type=\"pop3\"", "type=\"pop3"),
        ("<clientConfig version=\"1.1\">", "<clientConfig version=\"1.1\"><x>"),
    ] {
        assert_eq!(changed(from, to), None, "{to}");
    }
    let deep = format!("<clientConfig>{}", "<a>".repeat(10_000));
    let many = USUAL.replace(
        "</emailProvider>",
        &format!("{}</emailProvider>", "<incomingServer type=\"imap\"></incomingServer>".repeat(100)),
    );
    let html = "<!doctype html><html><body>Page introuvable</body></html>";
    for text in ["", "x", "<html></html>", html, "{\"imap\": 1}", &deep, &many] {
        assert_eq!(form(text), None, "{text:.40}");
    }
}

#[test]
fn a_document_cut_anywhere_gives_nothing() {
    let whole = USUAL.trim_end();
    for (cut, _) in whole.char_indices() {
        assert_eq!(form(&whole[..cut]), None, "{cut}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,200}", tags in "(<[a-z/!?\\[ ]{0,6}>?|&[a-z#0-9]{0,5};?|x){0,60}") {
        let _ = (form(&text), form(&format!("<clientConfig>{tags}")));
    }

    #[test]
    fn a_spoilt_byte_never_gives_a_server_without_tls(at in 0_usize..2000, byte in any::<u8>()) {
        let mut bytes = USUAL.as_bytes().to_vec();
        let length = bytes.len();
        bytes[at % length] = byte;
        if let Some(form) = std::str::from_utf8(&bytes).ok().and_then(form) {
            prop_assert!(form.imap.tls.is_some() && form.imap.host.as_deref() != Some("clear.lycee.example"));
        }
    }
}
