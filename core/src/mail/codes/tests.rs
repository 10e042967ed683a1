use proptest::prelude::*;

use super::{code_in, is_vouched_for};
use crate::academy::{MailCodeRule, MailProof};

/// The portal's mail as a mailbox has it, in English.
const RECORDED: &[u8] = include_bytes!("../../../../tests/data/servers/mail-code.eml");
const RESET: &[u8] = include_bytes!("../../../../tests/data/servers/reset-link.eml");

fn mail(kind: &str, body: &str) -> Vec<u8> {
    format!("From: portail@academie.test\r\nContent-Type: {kind}; charset=utf-8\r\n\r\n{body}\r\n").into_bytes()
}

fn code(kind: &str, body: &str) -> Option<String> {
    code_in(&mail(kind, body), 6)
}

#[test]
fn the_code_is_read_out_of_the_portals_own_mail_in_both_languages() {
    assert_eq!(code_in(RECORDED, 6).as_deref(), Some("528780"));
    let text = String::from_utf8(RECORDED.to_vec()).unwrap();
    // The words of the portal's own French.
    let french = [
        ("Hello", "Bonjour"),
        ("Your login code is", "Votre code de connexion est"),
        ("This mail was sent automatically", "Ceci est un message automatique"),
        ("The request was issued from IP", "La demande provient de l'IP"),
    ];
    let text = french.iter().fold(text, |text, (english, french)| {
        assert!(text.contains(english));
        text.replace(english, french)
    });
    assert_eq!(code_in(text.as_bytes(), 6).as_deref(), Some("528780"));
    // Another mail of the same sender holds a long number, and no code.
    assert_eq!(code_in(RESET, 6), None);
    assert_eq!(code_in(RECORDED, 8), None);
}

#[test]
fn a_code_is_the_only_number_of_its_length_that_stands_alone() {
    for (body, expected) in [
        ("Votre code : 004217.", Some("004217")),
        ("Code:004217", Some("004217")),
        ("Votre code est le 004217, valable 10 minutes", Some("004217")),
        ("004217", Some("004217")),
        ("« 004217 »", Some("004217")),
        ("004217\r\n\r\nRappel de votre code : 004217", Some("004217")),
        ("Code 004217, ou 004218", None),
        ("Code 4217", None),
        ("Code 0042170", None),
        ("Dossier AB-004217", None),
        ("Dossier 2026-004217", None),
        ("x004217", None),
        ("004217e", None),
        ("https://portail.test/r/004217", None),
        ("https://portail.test/r?code=004217&x=1", None),
        ("1.004217 ou 004217.5 ou 004217,50", None),
        ("004217 €", Some("004217")),
        ("004217€", None),
        ("٠٠٤٢١٧", None),
        ("+004217", None),
        ("agent004217@academie.test", None),
        ("", None),
    ] {
        assert_eq!(code("text/plain", body).as_deref(), expected, "{body}");
    }
}

#[test]
fn a_code_in_html_is_read_from_what_is_shown_of_it() {
    for (body, expected) in [
        ("<p>Votre code&nbsp;: <b>004217</b></p>", Some("004217")),
        ("<style>#a { color: #112233 } .b004218 { width: 004219px }</style><b>004217</b>", Some("004217")),
        ("<a href=\"https://portail.test/004218\">Ici</a> <td>004217</td>", Some("004217")),
        ("<b>004217</b><!-- 004218 -->", Some("004217")),
        ("<b>004217</b> <i>004218</i>", None),
    ] {
        assert_eq!(code("text/html", body).as_deref(), expected, "{body}");
    }
    let both = |text: &str, html: &str| {
        let part = |kind: &str, body: &str| format!("--b\r\nContent-Type: {kind}; charset=utf-8\r\n\r\n{body}\r\n");
        let body = format!("{}{}--b--", part("text/plain", text), part("text/html", html));
        let head =
            "From: portail@academie.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n";
        code_in(format!("{head}\r\n{body}\r\n").as_bytes(), 6)
    };
    assert_eq!(both("Code 004217", "<b>004217</b>").as_deref(), Some("004217"));
    assert_eq!(both("Lisez la version HTML.", "<b>004217</b>").as_deref(), Some("004217"));
    assert_eq!(both("Code 004217", "<b>004218</b>"), None);
}

fn rule(proof: &str, subject: Option<&str>) -> MailCodeRule {
    serde_json::from_value(serde_json::json!({
        "senders": ["autre@ac.test", "portail@academie.test"], "authserv_id": "mx.ac.test", "proof": proof, "digits": 6,
        "subject": subject,
    }))
    .unwrap()
}

/// Whether a mail from the portal's address is vouched for by this field.
fn proven(proof: &str, results: &str) -> bool {
    let header =
        format!("Authentication-Results: mx.ac.test; {results}\r\nFrom: Portail <Portail@academie.test>\r\n\r\n");
    is_vouched_for(&rule(proof, None), Some("Portail@academie.test"), "Code", header.as_bytes())
}

#[test]
fn a_proof_must_be_of_this_kind_and_about_this_sender() {
    for (proof, good) in [
        ("auth", "auth=pass smtp.auth=portail"),
        ("auth", "auth=pass smtp.auth=\"PORTAIL\"@academie.test"),
        ("dkim", "dkim=pass header.d=academie.test header.s=a"),
        ("dkim", "dkim=pass header.i=@academie.test"),
        ("dkim", "dkim=fail header.d=academie.test; dkim=pass header.d=Academie.TEST"),
        ("spf", "spf=pass smtp.mailfrom=academie.test"),
        ("spf", "spf=pass smtp.mailfrom=rebonds@academie.test"),
        ("dmarc", "dmarc=pass header.from=academie.test"),
    ] {
        assert!(proven(proof, good), "{proof}: {good}");
        for other in ["auth", "dkim", "spf", "dmarc"] {
            assert!(other == proof || !proven(other, good), "{other}: {good}");
        }
        assert!(!proven(proof, &good.replace("pass", "fail")), "{proof}: not passed");
        assert!(!proven(proof, &good.to_lowercase().replace("academie.test", "ailleurs.test").replace("portail", "x")));
    }
    for (proof, bad) in [
        ("auth", "auth=pass"),
        ("auth", "auth=pass smtp.auth=lreset"),
        ("auth", "auth=pass smtp.auth=portail@ailleurs.test"),
        ("auth", "auth=pass smtp.auth=lreset smtp.auth=portail"),
        ("dkim", "dkim=pass"),
        ("dkim", "dkim=pass header.d=ailleurs.test header.i=@academie.test"),
        ("dkim", "dkim=pass header.d=sous.academie.test"),
        ("dkim", "dkim=pass header.d=test"),
        ("spf", "spf=softfail smtp.mailfrom=academie.test"),
        ("dmarc", "dmarc=bestguesspass header.from=academie.test"),
    ] {
        assert!(!proven(proof, bad), "{proof}: {bad}");
    }
}

#[test]
fn sender_and_subject_are_those_of_the_profile_and_there_is_one_author() {
    let results = "Authentication-Results: mx.ac.test; auth=pass smtp.auth=portail\r\n";
    let once = format!("{results}From: portail@academie.test\r\n");
    let twice = format!("{once}From: lreset@academie.test\r\n");
    let judge = |subject: Option<&str>, from: Option<&str>, about: &str, header: &str| {
        is_vouched_for(&rule("auth", subject), from, about, header.as_bytes())
    };
    let portal = Some("portail@academie.test");
    assert!(judge(None, portal, "Code", &once));
    assert!(judge(Some("code de connexion"), portal, "[X] Votre Code de Connexion", &once));
    assert!(!judge(Some("code de connexion"), portal, "[X] Réinitialisation", &once));
    assert!(!judge(None, Some("autre@ac.test"), "Code", &once));
    assert!(!judge(None, Some("portail@academie.test.ailleurs.test"), "Code", &once));
    assert!(!judge(None, None, "Code", &once));
    assert!(!judge(None, portal, "Code", &twice));
    assert!(!judge(None, portal, "Code", results));
}

#[test]
fn every_proof_of_a_profile_has_its_word() {
    for (word, proof) in
        [("auth", MailProof::Auth), ("dkim", MailProof::Dkim), ("spf", MailProof::Spf), ("dmarc", MailProof::Dmarc)]
    {
        assert_eq!(rule(word, None).proof, proof);
    }
}

proptest! {
    #[test]
    fn a_code_alone_among_words_is_found_and_any_bytes_are_survived(
        code in "[0-9]{6}", words in proptest::collection::vec("[a-zéà]{1,9}", 0..12), bytes in proptest::collection::vec(any::<u8>(), 0..300)
    ) {
        let body = format!("{} {code} {}", words.join(" "), words.concat());
        prop_assert_eq!(code_in(&mail("text/plain", &body), 6), Some(code));
        let _ = code_in(&bytes, 6);
    }
}
