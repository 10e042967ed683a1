//! The bodies that no person writes: HTML, newsletters, invitations, delivery failures, notices.

use super::chance::Chance;
use super::compose::civil;
use super::letter::Part;
use super::words::{DAEMON, NEWSLETTER, OWNER, Person, SENTENCES_FR, fill_slots};

/// What office mailers put before every letter.
const STYLE: &str = "<style type=\"text/css\">\n<!--\n\
    @font-face {font-family:Calibri; panose-1:2 15 5 2 2 2 4 3 2 4;}\n\
    p.MsoNormal, li.MsoNormal, div.MsoNormal {margin:0cm; font-size:11.0pt; font-family:\"Calibri\",sans-serif;}\n\
    a:link, span.MsoHyperlink {color:#0563C1; text-decoration:underline;}\n\
    .MsoChpDefault {font-family:\"Calibri\",sans-serif;}\n\
    @page WordSection1 {size:612.0pt 792.0pt; margin:70.85pt 70.85pt 70.85pt 70.85pt;}\n\
    div.WordSection1 {page:WordSection1;}\n-->\n</style>";

/// `text` as an office mailer writes it, with a picture of the sender's signature if there is one.
pub(super) fn html(text: &str, picture: Option<&str>) -> String {
    let mut html = format!("<html>\n<head>\n{STYLE}\n</head>\n<body lang=\"FR\">\n<div class=\"WordSection1\">\n");
    for line in text.lines() {
        let line = if line.is_empty() { "&nbsp;".to_owned() } else { escape(line) };
        html.push_str(&format!("<p class=\"MsoNormal\">{line}</p>\n"));
    }
    if let Some(id) = picture {
        html.push_str(&format!("<p class=\"MsoNormal\"><img src=\"cid:{id}\" alt=\"signature\"></p>\n"));
    }
    html.push_str("</div>\n</body>\n</html>\n");
    html
}

/// RFC 2369, 2919 and 8058.
pub(super) fn list_headers() -> Vec<(&'static str, String)> {
    let domain = NEWSLETTER.domain;
    vec![
        ("List-Id", format!("Lettre de la DRANE <lettre-drane.{domain}>")),
        (
            "List-Unsubscribe",
            format!("<https://{domain}/desabonnement?u=jdupont>,\r\n <mailto:sympa@{domain}?subject=unsubscribe>"),
        ),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
        ("List-Archive", format!("<https://{domain}/arc/lettre-drane>")),
        ("Precedence", "bulk".to_owned()),
    ]
}

/// Text and HTML of a newsletter: articles in tables, remote pictures, a tracking pixel.
pub(super) fn newsletter(mut chance: Chance) -> (String, String) {
    let domain = NEWSLETTER.domain;
    let reader = chance.next();
    let mut text = "Lettre d'information du numérique éducatif\n\n".to_owned();
    let mut html = "<!DOCTYPE html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><title>Lettre</title></head>\n\
        <body style=\"margin:0;background:#eef\"><table role=\"presentation\" width=\"600\" align=\"center\">\n"
        .to_owned();
    for at in 1..=chance.between(3, 7) {
        let title = fill_slots(chance.pick(super::words::SUBJECTS_FR), false, &mut chance);
        let story: Vec<String> = (0..4).map(|_| fill_slots(chance.pick(SENTENCES_FR), false, &mut chance)).collect();
        let story = story.join(" ");
        let link = format!("https://suivi.{domain}/c/{reader:016x}/{at}?utm_source=lettre&utm_medium=email");
        text.push_str(&format!("* {title}\n{story}\n{link}\n\n"));
        html.push_str(&format!(
            "<tr><td style=\"padding:16px;font-family:Arial,sans-serif;font-size:15px;color:#333333\">\
             <img src=\"https://img.{domain}/{at}.jpg\" width=\"568\" alt=\"\">\n<h2 style=\"color:#000091\">{}</h2>\n\
             <p>{}</p>\n<a href=\"{}\" style=\"background:#000091;color:#fff\">Lire la suite</a></td></tr>\n",
            escape(&title),
            escape(&story),
            escape(&link)
        ));
    }
    html.push_str(&format!(
        "</table><img src=\"https://suivi.{domain}/o/{reader:016x}.gif\" width=\"1\" height=\"1\" alt=\"\"></body></html>\n"
    ));
    text.push_str(&format!("Se désabonner : https://{domain}/desabonnement?u=jdupont\n"));
    (text, html)
}

/// A meeting request (RFC 5545, 5546) two days ahead, lines folded at 75 octets, ended by LF.
pub(super) fn calendar(organizer: &Person, subject: &str, message_id: &str, sent: i64) -> String {
    let stamp = |seconds: i64| civil(seconds).timestamp().strftime("%Y%m%dT%H%M%SZ").to_string();
    let start = (sent / 3600 + 48) * 3600;
    let summary = subject.replace('\\', "\\\\").replace(',', "\\,").replace(';', "\\;");
    let uid = message_id.trim_matches(['<', '>']);
    let lines = [
        "BEGIN:VCALENDAR".to_owned(),
        "PRODID:-//Academie//Agenda//FR".to_owned(),
        "VERSION:2.0".to_owned(),
        "METHOD:REQUEST".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{uid}"),
        format!("DTSTAMP:{}", stamp(sent)),
        format!("DTSTART:{}", stamp(start)),
        format!("DTEND:{}", stamp(start + 5_400)),
        format!("SUMMARY:{summary}"),
        "LOCATION:Salle des professeurs\\, bâtiment A".to_owned(),
        format!("ORGANIZER;CN=\"{}\":mailto:{}", organizer.name.replace('"', "'"), organizer.address()),
        format!("ATTENDEE;CN=\"{}\";PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{}", OWNER.name, OWNER.address()),
        "SEQUENCE:0".to_owned(),
        "STATUS:CONFIRMED".to_owned(),
        "END:VEVENT".to_owned(),
        "END:VCALENDAR".to_owned(),
    ];
    lines.iter().fold(String::new(), |mut calendar, line| {
        let mut column = 0;
        for letter in line.chars() {
            if column + letter.len_utf8() > 75 {
                calendar.push_str("\n ");
                column = 1;
            }
            calendar.push(letter);
            column += letter.len_utf8();
        }
        calendar.push('\n');
        calendar
    })
}

/// The three parts of a delivery status notification (RFC 3462, 3464), as Postfix words them.
pub(super) fn bounce(mut chance: Chance, arrival: i64) -> Vec<Part> {
    let lost = format!("parent{}@familles.example", chance.between(100, 9_999));
    let date = civil(arrival).strftime("%a, %d %b %Y %H:%M:%S %z").to_string();
    let queue = chance.next() >> 24;
    let host = DAEMON.domain;
    let explanation = format!(
        "This is the mail system at host {host}.\n\nI'm sorry to have to inform you that your message could not\n\
         be delivered to one or more recipients.\n\n                   The mail system\n\n\
         <{lost}>: host mx.familles.example[192.0.2.77] said: 550 5.1.1\n    <{lost}>: Recipient address rejected: User unknown (in reply to\n    RCPT TO command)\n"
    );
    let status = format!(
        "Reporting-MTA: dns; {host}\nX-Postfix-Queue-ID: {queue:010X}\nArrival-Date: {date}\n\n\
         Final-Recipient: rfc822; {lost}\nAction: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx.familles.example\n\
         Diagnostic-Code: smtp; 550 5.1.1 <{lost}>: Recipient address rejected: User\n    unknown\n"
    );
    let returned = format!(
        "Return-Path: <{0}>\nMessage-ID: <{queue:010x}.sent@academie.test>\nDate: {date}\nFrom: {1} <{0}>\nTo: <{lost}>\n\
         Subject: =?utf-8?Q?R=C3=A9union?= parents-professeurs\n",
        OWNER.address(),
        OWNER.name
    );
    vec![
        Part::Plain { content_type: "text/plain; charset=us-ascii", lines: explanation },
        Part::Plain { content_type: "message/delivery-status", lines: status },
        Part::Plain { content_type: "text/rfc822-headers", lines: returned },
    ]
}

/// What a machine of the academy has to say.
pub(super) fn notice(mut chance: Chance) -> String {
    let echelon = chance.between(2, 11);
    format!(
        "Bonjour,\n\nVotre dossier I-Prof a été mis à jour : échelon {echelon}, date d'effet 01/09.\n\
         Vous pouvez le consulter dans l'onglet « Votre CV ».\n\n\
         Ce message est automatique, merci de ne pas y répondre. Jamais votre académie ne vous demandera votre NUMEN par courriel.\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
