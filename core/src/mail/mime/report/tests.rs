use proptest::prelude::*;

use super::super::read_message;
use super::{Fate, Reason, Report};

fn report(body: &str) -> Option<Report> {
    read_message(body.as_bytes()).report
}

fn with_status(groups: &str) -> Option<Report> {
    report(&format!(
        "From: MAILER-DAEMON@academie.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nPas remis.\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\n{groups}\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n\
         Subject: =?utf-8?q?R=C3=A9union?=\r\nMessage-ID: <1@academie.example>\r\n\r\n--b--\r\n"
    ))
}

#[test]
fn a_report_says_who_did_not_get_it_and_why() {
    for (fields, address, fate, reason, status) in [
        (
            "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1",
            "a@b.example",
            Fate::Failed,
            Reason::UnknownAddress,
            "5.1.1",
        ),
        (
            "Original-Recipient: rfc822;liste@b.example\r\nFinal-Recipient: rfc822;a@b.example\r\nAction: failed\r\nStatus: 5.2.2 (full)",
            "liste@b.example",
            Fate::Failed,
            Reason::Full,
            "5.2.2",
        ),
        (
            "Final-Recipient: rfc822; <a@b.example>\r\nAction: delayed\r\nStatus: 4.4.1",
            "a@b.example",
            Fate::Delayed,
            Reason::Unreachable,
            "4.4.1",
        ),
        (
            "Final-Recipient: rfc822; a@b.example\r\nAction: FAILED\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 5.7.1\r\n refused as spam",
            "a@b.example",
            Fate::Failed,
            Reason::Refused,
            "5.0.0",
        ),
        ("Final-Recipient: a@b.example\r\nStatus: 5.3.4", "a@b.example", Fate::Failed, Reason::TooLarge, "5.3.4"),
        (
            "Final-Recipient: rfc822; a@b.example\r\nAction: delivered\r\nStatus: 2.0.0",
            "a@b.example",
            Fate::Delivered,
            Reason::Other,
            "2.0.0",
        ),
        (
            "Final-Recipient: rfc822; a@b.example\r\nAction: relayed\r\nStatus: 2.1.5",
            "a@b.example",
            Fate::Relayed,
            Reason::Other,
            "2.1.5",
        ),
        (
            "Final-Recipient: utf-8; él@b.example\r\nAction: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 Mailbox is full",
            "él@b.example",
            Fate::Failed,
            Reason::Full,
            "5.0.0",
        ),
    ] {
        let told = with_status(&format!("Reporting-MTA: dns; mx.academie.example\r\n\r\n{fields}\r\n")).unwrap();
        let one = &told.recipients[0];
        assert_eq!((one.address.as_str(), one.fate, one.reason), (address, fate, reason), "{fields}");
        assert_eq!(one.status.as_deref(), Some(status));
        assert_eq!(
            (told.subject.as_deref(), told.message_id.as_deref()),
            (Some("Réunion"), Some("1@academie.example"))
        );
    }
}

#[test]
fn reports_that_say_nothing_are_none_and_those_of_thousands_are_cut() {
    for nothing in [
        "",
        "Reporting-MTA: dns; x",
        "\r\n\r\nAction: failed\r\n",
        "x\r\n\r\nFinal-Recipient: rfc822; rien\r\nAction: failed\r\nStatus: 5.1.1",
    ] {
        assert_eq!(with_status(nothing), None, "{nothing}");
    }
    let many = "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\n\r\n".repeat(20_000);
    assert!(with_status(&many).unwrap().recipients.len() <= 100);
    let long = format!(
        "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nDiagnostic-Code: smtp; {}\u{202e}\r\n",
        "x ".repeat(100_000)
    );
    assert!(with_status(&long).unwrap().recipients[0].said.as_ref().unwrap().len() <= 300);
}

fn plain(from: &str, subject: &str, text: &str) -> Option<Report> {
    report(&format!(
        "Return-Path: <>\r\nFrom: {from}\r\nSubject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ))
}

#[test]
fn letters_of_servers_without_a_report_are_read_too() {
    for (subject, text, address, fate, reason) in [
        (
            "Undelivered Mail Returned to Sender",
            "This is the mail system at host mx.example.\r\n\r\n<a@b.example>: host mx.b.example[192.0.2.1] said: 550 5.1.1\r\n    <a@b.example>: Recipient address rejected: User unknown (in reply to RCPT TO)\r\n",
            "a@b.example",
            Fate::Failed,
            Reason::UnknownAddress,
        ),
        (
            "Mail delivery failed: returning message to sender",
            "This message was created automatically.\r\n\r\n  a@b.example\r\n    SMTP error from remote mail server: 552 5.2.2 mailbox full\r\n\r\n------ This is a copy of the message ------\r\n\r\nautre@c.example\r\n",
            "a@b.example",
            Fate::Failed,
            Reason::Full,
        ),
        (
            "failure notice",
            "<a@b.example>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n--- Below this line is a copy of the message.\r\n<x@y.example>\r\n",
            "a@b.example",
            Fate::Failed,
            Reason::UnknownAddress,
        ),
        (
            "Undeliverable: Conseil",
            "Your message to a@b.example couldn't be delivered.\r\n\r\nThe group does not exist.\r\n",
            "a@b.example",
            Fate::Failed,
            Reason::UnknownAddress,
        ),
        (
            "Delayed Mail (still being retried)",
            "YOU DO NOT NEED TO RESEND.\r\n\r\n<a@b.example>: connect to mx.b.example: Connection timed out\r\n",
            "a@b.example",
            Fate::Delayed,
            Reason::Unreachable,
        ),
    ] {
        let told = plain("MAILER-DAEMON@academie.example", subject, text).unwrap_or_else(|| panic!("{subject}"));
        assert_eq!(told.recipients.len(), 1, "{told:?}");
        let one = &told.recipients[0];
        assert_eq!((one.address.as_str(), one.fate, one.reason), (address, fate, reason), "{one:?}");
    }
}

#[test]
fn a_letter_of_a_person_is_no_report() {
    let text = "<a@b.example>: 550 user unknown\r\n";
    let raw = |from: &str, subject: &str| format!("From: {from}\r\nSubject: {subject}\r\n\r\n{text}");
    assert_eq!(report(&raw("lea@academie.example", "Undelivered Mail")), None);
    assert_eq!(report(&raw("postmaster@academie.example", "Bonjour")), None);
    assert!(report(&raw("postmaster@academie.example", "Undeliverable: x")).is_some());
}

proptest! {
    #[test]
    fn any_words_of_a_server_are_read_within_bounds(text in "([<>@a-c.:;45 0-9é]{0,30}\r\n){0,40}") {
        for told in [with_status(&text), plain("MAILER-DAEMON@a.example", "Undelivered", &text)].into_iter().flatten() {
            prop_assert!(!told.recipients.is_empty() && told.recipients.len() <= 100);
            for one in told.recipients {
                prop_assert!(one.address.contains('@') && !one.address.contains(['<', '>', ' ', '\n']));
            }
        }
    }
}
