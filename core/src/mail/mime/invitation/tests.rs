use proptest::prelude::*;

use super::super::headers::Person;
use super::{Answer, Invitation, Method, When, event};

const CALENDAR: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Paris\r\nBEGIN:STANDARD\r\n\
    DTSTART:19701025T030000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:42@college.example\r\nSEQUENCE:3\r\n\
    DTSTART;TZID=Europe/Paris:20261113T180000\r\nDTEND;TZID=Europe/Paris:20261113T193000\r\nSUMMARY:Conseil de classe\\, 3e B\r\n\
    LOCATION:Salle 12\r\nORGANIZER;CN=Vie scolaire:mailto:vs@college.example\r\n\
    ATTENDEE;CN=\"Dupont, Jeanne\";PARTSTAT=NEEDS-ACTION:MAILTO:JDupont@academie.example\r\n\
    ATTENDEE;PARTSTAT=ACCEPTED:mailto:lea@academie.example\r\nRRULE:FREQ=WEEKLY\r\nBEGIN:VALARM\r\nSUMMARY:Rappel\r\nEND:VALARM\r\n\
    END:VEVENT\r\nEND:VCALENDAR\r\n";

fn with(lines: &str) -> Invitation {
    event(&format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n"), Some("REQUEST"))
        .unwrap()
}

fn moment(at_ms: i64, zone: &str) -> Option<When> {
    Some(When::Moment { at_ms, zone: zone.to_owned() })
}

fn local(time: &str, zone: Option<&str>) -> Option<When> {
    Some(When::Local { time: time.to_owned(), zone: zone.map(str::to_owned) })
}

fn day(date: &str) -> Option<When> {
    Some(When::Day { date: date.to_owned() })
}

#[test]
fn an_invitation_is_an_event() {
    let found = event(CALENDAR, None).unwrap();
    assert_eq!((found.method, found.sequence, found.uid.as_str()), (Method::Request, 3, "42@college.example"));
    assert_eq!((found.summary.as_str(), found.place.as_deref()), ("Conseil de classe, 3e B", Some("Salle 12")));
    assert_eq!(found.start, moment(1_794_589_200_000, "Europe/Paris"));
    assert_eq!(found.end, moment(1_794_594_600_000, "Europe/Paris"));
    assert_eq!(found.organizer.unwrap().address, "vs@college.example");
    let answers: Vec<_> = found.attendees.iter().map(|one| (one.person.name.as_deref(), one.answer)).collect();
    assert_eq!(answers, [(Some("Dupont, Jeanne"), None), (None, Some(Answer::Accepted))]);
    assert!(found.repeats && !found.cancelled && !found.is_one_of_many);
}

#[test]
fn times_are_told_as_exactly_as_they_are_known() {
    for (line, expected) in [
        ("DTSTART:20261113T170000Z", moment(1_794_589_200_000, "UTC")),
        (
            "DTSTART;TZID=\"/mozilla.org/20050126_1/Europe/Paris\":20261113T180000",
            moment(1_794_589_200_000, "Europe/Paris"),
        ),
        (
            "DTSTART;TZID=Romance Standard Time:20261113T180000",
            local("2026-11-13T18:00:00", Some("Romance Standard Time")),
        ),
        ("DTSTART:20261113T180000", local("2026-11-13T18:00:00", None)),
        ("DTSTART;VALUE=DATE:20261113", day("2026-11-13")),
        // Twice in that night, and not at all.
        ("DTSTART;TZID=Europe/Paris:20261025T023000", moment(1_792_888_200_000, "Europe/Paris")),
        ("DTSTART;TZID=Europe/Paris:20260329T023000", moment(1_774_747_800_000, "Europe/Paris")),
        // What no clock shows.
        ("DTSTART:20261113T186060Z", moment(1_794_596_399_000, "UTC")),
        ("DTSTART:20261340T000000Z", None),
        ("DTSTART:demain", None),
        ("DTSTART:", None),
        ("DTSTART:99999999T999999Z", None),
    ] {
        let found = with(line).start;
        assert_eq!(found, expected, "{line}");
    }
    for (lines, end) in [
        ("DTSTART:20261113T170000Z\nDURATION:PT1H30M", moment(1_794_594_600_000, "UTC")),
        ("DTSTART;VALUE=DATE:20261113\nDURATION:P2D", day("2026-11-15")),
        ("DTSTART:20261113T180000\nDURATION:P1W", local("2026-11-20T18:00:00", None)),
        ("DTSTART:20261113T180000\nDURATION:P99999999999W", None),
        ("DTSTART:20261113T180000", None),
    ] {
        assert_eq!(with(lines).end, end, "{lines}");
    }
}

#[test]
fn the_answer_goes_to_the_organizer_and_names_whom_they_invited() {
    let me = Person { name: Some("Jeanne \"J\"\r\nDupont".into()), address: "jdupont@academie.example".into() };
    let answer = event(CALENDAR, None).unwrap().answer(Answer::Tentative, &me, 1_794_000_000_000).unwrap();
    assert_eq!((answer.to.as_str(), answer.summary.as_str()), ("vs@college.example", "Conseil de classe, 3e B"));
    let unfolded = answer.calendar.replace("\r\n ", "");
    for line in [
        "METHOD:REPLY",
        "UID:42@college.example",
        "SEQUENCE:3",
        "ORGANIZER:mailto:vs@college.example",
        "SUMMARY:Conseil de classe\\, 3e B",
        "ATTENDEE;CN=\"Jeanne  J   Dupont\";PARTSTAT=TENTATIVE:mailto:JDupont@academie.example",
        "DTSTART;TZID=\"Europe/Paris\":20261113T180000",
    ] {
        assert!(unfolded.lines().any(|found| found == line), "{line} in {unfolded}");
    }
    let read = event(&answer.calendar, None).unwrap();
    assert_eq!((read.method, read.attendees[0].answer), (Method::Reply, Some(Answer::Tentative)));
    assert_eq!(read.start, event(CALENDAR, None).unwrap().start);
}

#[test]
fn nobody_is_answered_who_did_not_ask() {
    let me = Person { name: None, address: "jdupont@academie.example".into() };
    let answered = |calendar: &str| event(calendar, None).unwrap().answer(Answer::Accepted, &me, 0).is_some();
    assert!(answered(CALENDAR));
    for (from, to) in [
        ("METHOD:REQUEST", "METHOD:CANCEL"),
        ("METHOD:REQUEST", "METHOD:PUBLISH"),
        ("SEQUENCE:3", "STATUS:CANCELLED"),
        ("mailto:vs@college.example", "mailto:vs@college.example?bcc=x@y.example"),
        ("mailto:vs@college.example", "https://x.example"),
        ("mailto:vs@college.example", "mailto:a b@x.example"),
    ] {
        assert!(!answered(&CALENDAR.replace(from, to)), "{to}");
    }
}

#[test]
fn hostile_calendars_are_bounded() {
    let crowd = format!("{}SUMMARY:{}", "ATTENDEE:mailto:a@b.example\n".repeat(4000), "\u{202e}x".repeat(100_000));
    let found = with(&crowd);
    assert!(found.attendees.len() <= 200 && found.summary.len() < 4000 && !found.summary.contains('\u{202e}'));
    assert!(event("BEGIN:VEVENT", None).is_some_and(|found| found.start.is_none()));
    assert_eq!(event(&"BEGIN:VCALENDAR\n".repeat(10_000), None), None);
}

proptest! {
    #[test]
    fn any_event_is_read_and_an_answer_has_no_lines_of_the_sender(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("DTSTART"), Just(";TZID="), Just("Europe/Paris"), Just(":"), Just("20261113T180000"), Just("Z"), Just("\r\n"), Just("\r\n "),
                Just("ORGANIZER:mailto:a@b.example"), Just("UID:"), Just("\\n"), Just("\""), Just(";"), Just("SUMMARY:"), Just("ATTENDEE"),
                Just("DURATION:P1D"), Just("\r"), Just("é"), Just("END:VEVENT"), Just("RECURRENCE-ID:"),
            ],
            0..40,
        )
    ) {
        let text = format!("BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n{}", pieces.concat());
        let me = Person { name: None, address: "j@a.example".into() };
        if let Some(answer) = event(&text, None).and_then(|found| found.answer(Answer::Declined, &me, 0)) {
            prop_assert!(answer.calendar.replace("\r\n", "").chars().all(|c| !c.is_control()));
            let count = |word: &str| answer.calendar.replace("\r\n ", "").lines().filter(|line| line.starts_with(word)).count();
            prop_assert_eq!((count("BEGIN:"), count("METHOD:"), count("ORGANIZER"), count("ATTENDEE")), (2, 1, 1, 1));
        }
    }
}
