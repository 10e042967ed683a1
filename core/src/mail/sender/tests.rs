use proptest::prelude::*;

use super::{Authenticity, Doubt, Sender, Verdict, has_signed_list, sender};
use crate::academy::{Academy, Catalogue};
use crate::mail::mime::{list_of, read_headers};

fn academy() -> Academy {
    Catalogue::bundled().unwrap().by_id("lyon").unwrap().clone()
}

fn told(header: &str) -> Sender {
    let raw = format!("{header}\r\n\r\nFrom: x@y.example\r\n");
    let headers = read_headers(raw.as_bytes());
    sender(raw.as_bytes(), headers.from.as_ref(), &headers.reply_to, &academy())
}

fn doubts(from: &str) -> Vec<Doubt> {
    told(&format!("From: {from}")).doubts
}

#[test]
fn a_name_that_says_another_than_the_address_is_flagged() {
    let other = |address: &str| Doubt::OtherAddress { address: address.to_owned() };
    for (from, expected) in [
        ("Léa Reset <lea.reset@ac-lyon.fr>", vec![]),
        ("lea@b.example", vec![]),
        ("\"lea@b.example\" <lea@b.example>", vec![]),
        ("\"LEA@B.example\" <lea@b.example>", vec![]),
        ("\"lea.reset@rectorat.example\" <x@evil.example>", vec![other("lea.reset@rectorat.example")]),
        ("\"Léa (lea@b.example)\" <x@evil.example>", vec![other("lea@b.example")]),
        ("Académie de Lyon <x@evil.example>", vec![Doubt::NotOfAcademy]),
        ("Rectorat, Académie de LYON <contact@ac-lyon.fr>", vec![]),
        ("ac-lyon.fr <x@evil.example>", vec![Doubt::NotOfAcademy]),
        ("Académie de Paris <x@ac-paris.example>", vec![]),
        ("Ministère, académie de Lyon <x@education.gouv.fr>", vec![]),
        ("ac-lyon.fr <x@ac-lyon.fr.evil.example>", vec![Doubt::NotOfAcademy]),
        ("=?utf-8?q?R=D0=B5ctorat?= <x@b.example>", vec![Doubt::MixedScripts]),
        ("Иван Петров <ivan@b.example>", vec![]),
        ("Γιώργος Martin <g@b.example>", vec![]),
        ("=?utf-8?q?gro=E2=80=AErv?= <x@b.example>", vec![Doubt::Hidden]),
        ("=?utf-8?q?L=E2=80=8B=C3=A9a?= <x@b.example>", vec![Doubt::Hidden]),
    ] {
        assert_eq!(doubts(from), expected, "{from}");
    }
}

#[test]
fn two_authors_and_answers_to_another_domain_are_flagged() {
    assert_eq!(told("From: a@b.example\r\nFrom: c@d.example").doubts, [Doubt::SeveralAuthors]);
    let elsewhere = Doubt::AnswersElsewhere { address: "x@evil.example".to_owned() };
    assert_eq!(told("From: a@b.example\r\nReply-To: x@evil.example").doubts, [elsewhere]);
    assert_eq!(told("From: a@b.example\r\nReply-To: liste@listes.b.example").doubts, []);
    assert_eq!(told("Subject: x"), Sender::default());
}

const TOP: &str = "Authentication-Results: mx1.ac-lyon.fr; spf=pass smtp.mailfrom=rebond@b.example;\r\n dkim=pass header.d=b.example; \
    dmarc=pass header.from=b.example\r\nReceived: from x by y\r\n";

#[test]
fn only_what_ones_own_server_says_above_its_own_line_counts() {
    let proof = |header: &str| told(&format!("{header}From: a@b.example")).authenticity;
    let pass = Verdict::Pass;
    assert_eq!(proof(TOP), Authenticity { spf: pass, dkim: pass, dmarc: pass, aligned: pass });
    for hostile in [
        TOP.replace("mx1.ac-lyon.fr", "mx.evil.example"),
        TOP.replace("mx1.ac-lyon.fr", "ac-lyon.fr.evil.example"),
        TOP.replace("mx1.ac-lyon.fr", "evilac-lyon.fr"),
        // Below the line of who took it last, or without one, anybody may have written it.
        format!("Received: from evil by mx1.ac-lyon.fr\r\n{TOP}"),
        TOP.replace("Received: from x by y\r\n", ""),
        format!("{TOP}From: x@y.example\r\n"),
    ] {
        assert_eq!(proof(&hostile), Authenticity::default(), "{hostile}");
    }
}

#[test]
fn what_passed_for_another_domain_is_not_aligned() {
    let proof = |results: &str| {
        told(&format!("Authentication-Results: ac-lyon.fr; {results}\r\nReceived: x\r\nFrom: a@b.example")).authenticity
    };
    for (results, spf, dkim, dmarc, aligned) in [
        (
            "spf=pass smtp.mailfrom=x@evil.example; dkim=pass header.d=evil.example",
            Verdict::Pass,
            Verdict::Pass,
            Verdict::Unknown,
            Verdict::Fail,
        ),
        (
            "spf=softfail smtp.mailfrom=x@b.example; dmarc=fail header.from=b.example",
            Verdict::Fail,
            Verdict::Unknown,
            Verdict::Fail,
            Verdict::Fail,
        ),
        (
            "dkim=pass header.d=evil.example; dkim=pass header.d=mail.b.example",
            Verdict::Unknown,
            Verdict::Pass,
            Verdict::Unknown,
            Verdict::Pass,
        ),
        ("dkim=fail header.d=b.example; dkim=none", Verdict::Unknown, Verdict::Fail, Verdict::Unknown, Verdict::Fail),
        ("spf=none; dkim=none; dmarc=none", Verdict::None, Verdict::None, Verdict::None, Verdict::Fail),
        ("spf=temperror; dkim=pass header.d=example", Verdict::Unknown, Verdict::Pass, Verdict::Unknown, Verdict::Fail),
        ("none", Verdict::Unknown, Verdict::Unknown, Verdict::Unknown, Verdict::Unknown),
    ] {
        assert_eq!(proof(results), Authenticity { spf, dkim, dmarc, aligned }, "{results}");
    }
}

#[test]
fn a_list_is_left_by_one_click_only_where_its_signature_covers_that() {
    let of = |results: &str, signatures: &str| {
        let raw = format!(
            "Authentication-Results: ac-lyon.fr; {results}\r\nReceived: x\r\n{signatures}From: a@l.example\r\n\
             List-Unsubscribe: <https://l.example/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"
        );
        let signed = has_signed_list(raw.as_bytes(), &academy());
        let offered = list_of(raw.as_bytes(), None, || signed).and_then(|list| list.leave);
        assert_eq!(offered.is_some_and(|leave| leave.is_at("l.example")), signed);
        signed
    };
    let whole =
        "DKIM-Signature: v=1; d=l.example; h=From:List-Unsubscribe :\r\n List-Unsubscribe-Post; b=abc\r\n def\r\n";
    let part = "DKIM-Signature: v=1; d=l.example; h=From; b=xyz\r\n";
    assert!(of("dkim=pass header.d=l.example", whole));
    assert!(of("dkim=pass header.d=l.example header.b=abcd", &format!("{whole}{part}")));
    for (results, signatures) in [
        ("dkim=pass header.d=l.example", ""),
        ("dkim=pass header.d=l.example", part),
        ("dkim=pass header.d=l.example", &format!("{whole}{part}")),
        ("dkim=pass header.d=l.example header.b=xyz", &format!("{whole}{part}")),
        ("dkim=fail header.d=l.example", whole),
        ("dkim=pass header.d=m.example", whole),
        ("spf=pass smtp.mailfrom=l.example", whole),
    ] {
        assert!(!of(results, signatures), "{results} {signatures}");
    }
}

proptest! {
    #[test]
    fn any_header_can_be_looked_at(header in "((From|Reply-To|Authentication-Results|Received|DKIM-Signature): .{0,60}\r\n){0,8}") {
        let told = told(&header);
        prop_assert!(told.doubts.len() <= 7);
        let _ = has_signed_list(header.as_bytes(), &academy());
    }
}
