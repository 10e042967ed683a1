//! Invitations (RFC 5546 by mail, RFC 6047): what one sees of the event, and the answer that is sent.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use mail_parser::{Message, MimeHeaders as _, PartType};

use super::calendar::{Line, escaped, lines, write};
use super::headers::{Person, shown};

const MOST_ATTENDEES: usize = 200;
const LONGEST_UID: usize = 500;

/// An event that came by mail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Invitation {
    /// What it asks for.
    pub method: Method,
    /// The event's identity.
    pub uid: String,
    /// Which version of the event it is; the highest holds.
    pub sequence: u32,
    /// What it is about; empty when it is not told.
    pub summary: String,
    /// When it begins.
    pub start: Option<When>,
    /// When it ends; of whole days the day after the last.
    pub end: Option<When>,
    /// Where.
    pub place: Option<String>,
    /// Who invites, and gets the answer.
    pub organizer: Option<Person>,
    /// Who is invited, at most 200.
    pub attendees: Vec<Attendee>,
    /// Whether it happens more than once. When is not reckoned here.
    pub repeats: bool,
    /// Whether it is about one of the times of a repeated event.
    pub is_one_of_many: bool,
    /// Whether the organizer says that it does not take place (any more).
    pub cancelled: bool,
    /// Lines that the answer repeats as they came.
    repeated: Vec<String>,
}

/// What a calendar in a message is for (RFC 5546, 1.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// An invitation, or a change of one.
    Request,
    /// The event does not take place, or no longer with the one it was sent to.
    Cancel,
    /// Somebody answers an invitation of one's own.
    Reply,
    /// For one's information.
    Publish,
    /// Another.
    Other,
}

/// A moment or a day of an event.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum When {
    /// A whole day: `2026-11-13`.
    Day {
        /// The day.
        date: String,
    },
    /// A moment.
    Moment {
        /// In milliseconds since 1970.
        at_ms: i64,
        /// The zone of the one who wrote it, by its IANA name; `UTC` where it is told so.
        zone: String,
    },
    /// A time by a clock of which it is not known where it hangs: `2026-11-13T18:00:00`.
    Local {
        /// The time.
        time: String,
        /// The zone as it is called there, where it is.
        zone: Option<String>,
    },
}

/// Somebody who is invited.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attendee {
    /// Who.
    pub person: Person,
    /// What they have answered; `None` where they have not.
    pub answer: Option<Answer>,
}

/// An answer to an invitation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Yes.
    Accepted,
    /// No.
    Declined,
    /// Maybe.
    Tentative,
}

impl Answer {
    fn word(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::Declined => "DECLINED",
            Self::Tentative => "TENTATIVE",
        }
    }
}

/// An answer to be sent as a part `text/calendar; method=REPLY; charset=utf-8`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvitationAnswer {
    /// The organizer's address: its only recipient.
    pub to: String,
    /// What was answered to.
    pub summary: String,
    /// The calendar, with CRLF line ends.
    pub calendar: String,
}

impl Invitation {
    /// The answer of `me` to it; `None` where it is no invitation, or nobody is told who would get the answer. `now_ms` is
    /// milliseconds since 1970. Sends nothing.
    pub fn answer(&self, answer: Answer, me: &Person, now_ms: i64) -> Option<InvitationAnswer> {
        let organizer = self.organizer.as_ref().filter(|_| self.method == Method::Request && !self.cancelled)?;
        let stamp = Timestamp::from_millisecond(now_ms).ok()?.strftime("%Y%m%dT%H%M%SZ").to_string();
        // As they wrote me: they know the answer by it.
        let invited = self.attendees.iter().map(|one| &one.person.address);
        let address = invited.into_iter().find(|one| one.eq_ignore_ascii_case(&me.address)).unwrap_or(&me.address);
        is_address(address).then_some(())?;
        let mut calendar = String::new();
        let name = me
            .name
            .as_ref()
            .map(|name| format!(";CN=\"{}\"", name.replace(['"', '\n', '\r'], " ")))
            .unwrap_or_default();
        for line in
            ["BEGIN:VCALENDAR", "PRODID:-//Cartable//Cartable//FR", "VERSION:2.0", "METHOD:REPLY", "BEGIN:VEVENT"]
        {
            write(&mut calendar, line);
        }
        write(&mut calendar, &format!("UID:{}", escaped(&self.uid)));
        write(&mut calendar, &format!("SEQUENCE:{}", self.sequence));
        write(&mut calendar, &format!("DTSTAMP:{stamp}"));
        write(&mut calendar, &format!("ORGANIZER:mailto:{}", organizer.address));
        write(&mut calendar, &format!("ATTENDEE{name};PARTSTAT={}:mailto:{address}", answer.word()));
        if !self.summary.is_empty() {
            write(&mut calendar, &format!("SUMMARY:{}", escaped(&self.summary)));
        }
        for line in &self.repeated {
            write(&mut calendar, line);
        }
        for line in ["END:VEVENT", "END:VCALENDAR"] {
            write(&mut calendar, line);
        }
        Some(InvitationAnswer { to: organizer.address.clone(), summary: self.summary.clone(), calendar })
    }
}

/// The first event of the first calendar in a message.
pub(super) fn invitation(message: &Message<'_>) -> Option<Invitation> {
    message.parts.iter().find_map(|part| {
        let kind = part.content_type()?;
        let subtype = kind.subtype()?;
        let is_calendar = (kind.ctype().eq_ignore_ascii_case("text") && subtype.eq_ignore_ascii_case("calendar"))
            || (kind.ctype().eq_ignore_ascii_case("application") && subtype.eq_ignore_ascii_case("ics"));
        if !is_calendar {
            return None;
        }
        match &part.body {
            PartType::Text(text) => event(text, kind.attribute("method")),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                event(&String::from_utf8_lossy(bytes), kind.attribute("method"))
            }
            _ => None,
        }
    })
}

/// The first event of a calendar. Of several (the times of a repeated event that differ) it is the one that repeats.
fn event(calendar: &str, declared: Option<&str>) -> Option<Invitation> {
    let lines = lines(calendar);
    let is = |line: &Line, name: &str, value: &str| line.name == name && line.value.trim().eq_ignore_ascii_case(value);
    let method = lines.iter().find(|line| line.name == "METHOD").map(|line| line.value.as_str()).or(declared);
    let begin = lines.iter().position(|line| is(line, "BEGIN", "VEVENT"))?;
    let (mut depth, mut found) = (0_usize, Vec::new());
    for line in lines.get(begin + 1..).unwrap_or_default() {
        // An alarm within it has a summary of its own.
        match line.name.as_str() {
            "BEGIN" => depth += 1,
            "END" if depth == 0 => break,
            "END" => depth -= 1,
            _ if depth == 0 => found.push(line),
            _ => {}
        }
    }
    let first = |name: &str| found.iter().find(|line| line.name == name).copied();
    let text = |name: &str| first(name).map(|line| shown(&line.text())).filter(|text| !text.is_empty());
    let start = first("DTSTART").and_then(when);
    let end = first("DTEND").and_then(when).or_else(|| after(start.as_ref()?, first("DURATION")?));
    let repeated = ["RECURRENCE-ID", "DTSTART", "DTEND"].into_iter().filter_map(first).map(again);
    let attendees = found.iter().filter(|line| line.name == "ATTENDEE").filter_map(|line| attendee(line));
    Some(Invitation {
        method: match method.unwrap_or_default().trim().to_ascii_uppercase().as_str() {
            "REQUEST" => Method::Request,
            "CANCEL" => Method::Cancel,
            "REPLY" => Method::Reply,
            "PUBLISH" | "" => Method::Publish,
            _ => Method::Other,
        },
        // As it is: what is not the same is another event.
        uid: first("UID")
            .map(Line::text)
            .unwrap_or_default()
            .trim()
            .chars()
            .filter(|c| !c.is_control())
            .take(LONGEST_UID)
            .collect(),
        sequence: first("SEQUENCE").and_then(|line| line.value.trim().parse().ok()).unwrap_or_default(),
        summary: text("SUMMARY").unwrap_or_default(),
        start,
        end,
        place: text("LOCATION"),
        organizer: first("ORGANIZER").and_then(person),
        attendees: attendees.take(MOST_ATTENDEES).collect(),
        repeats: ["RRULE", "RDATE"].into_iter().any(|name| first(name).is_some()),
        is_one_of_many: first("RECURRENCE-ID").is_some(),
        cancelled: first("STATUS").is_some_and(|line| line.value.trim().eq_ignore_ascii_case("CANCELLED"))
            || method.is_some_and(|method| method.trim().eq_ignore_ascii_case("CANCEL")),
        repeated: repeated.collect(),
    })
}

/// A line of times as it came, without parameters that nobody knows.
fn again(line: &Line) -> String {
    let parameters = line.parameters.iter().filter(|(name, _)| matches!(name.as_str(), "VALUE" | "TZID" | "RANGE"));
    let parameters: String = parameters.map(|(name, value)| format!(";{name}=\"{value}\"")).collect();
    // A word needs no quotes, and some take none.
    format!(
        "{}{}:{}",
        line.name,
        parameters.replace("\"DATE\"", "DATE").replace("\"DATE-TIME\"", "DATE-TIME"),
        line.value
    )
}

fn attendee(line: &Line) -> Option<Attendee> {
    let answer = match line.parameter("PARTSTAT").unwrap_or_default().to_ascii_uppercase().as_str() {
        "ACCEPTED" => Some(Answer::Accepted),
        "DECLINED" => Some(Answer::Declined),
        "TENTATIVE" => Some(Answer::Tentative),
        _ => None,
    };
    Some(Attendee { person: person(line)?, answer })
}

fn person(line: &Line) -> Option<Person> {
    let value = line.value.trim();
    let address = value.get(..7).filter(|start| start.eq_ignore_ascii_case("mailto:")).and_then(|_| value.get(7..));
    let address = shown(address.or_else(|| line.parameter("EMAIL"))?);
    let name = line.parameter("CN").map(shown).filter(|name| !name.is_empty() && *name != address);
    is_address(&address).then_some(Person { name, address })
}

/// One that can be written to, and into a line.
fn is_address(address: &str) -> bool {
    let plain =
        |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | ',' | ';' | '"' | '(' | ')' | '?');
    address.len() <= 320
        && address.chars().all(plain)
        && address.rsplit_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty())
}

fn when(line: &Line) -> Option<When> {
    let value = line.value.trim();
    let (date, time) = value.split_once(['T', 't']).map_or((value, None), |(date, time)| (date, Some(time)));
    let date = (date.len() == 8).then_some(date)?;
    let date = Date::new(number(date.get(..4)?)?, number(date.get(4..6)?)?, number(date.get(6..)?)?).ok()?;
    let Some(time) = time else { return Some(When::Day { date: date.to_string() }) };
    let (time, utc) = time.strip_suffix(['Z', 'z']).map_or((time, false), |time| (time, true));
    let time = (time.len() == 6).then_some(time)?;
    // A leap second is told to the clocks of phones as the second before it.
    let (hour, minute) = (number::<i8>(time.get(..2)?)?, number::<i8>(time.get(2..4)?)?);
    let second = number::<i8>(time.get(4..)?)?.min(59);
    let local = date.at(hour.min(23), minute.min(59), second, 0);
    let named = line.parameter("TZID").map(shown).filter(|name| !name.is_empty());
    let zone = if utc { Some(("UTC".to_owned(), TimeZone::UTC)) } else { named.as_deref().and_then(zone) };
    let Some((name, zone)) = zone else { return Some(When::Local { time: local.to_string(), zone: named }) };
    let at_ms = zone.to_timestamp(local).ok()?.as_millisecond();
    Some(When::Moment { at_ms, zone: name })
}

/// A zone by its IANA name, also where a calendar program has put its own domain before it.
fn zone(name: &str) -> Option<(String, TimeZone)> {
    let mut rest = name.trim_start_matches('/');
    loop {
        if let Some(zone) = Some(rest).filter(|name| name.len() <= 60).and_then(|name| TimeZone::get(name).ok()) {
            return Some((rest.to_owned(), zone));
        }
        // Without a domain before it, a name is a name.
        rest = name.starts_with('/').then(|| rest.split_once('/'))??.1;
    }
}

/// A time and so much (`DURATION`, 3.3.6).
fn after(start: &When, duration: &Line) -> Option<When> {
    let span: Span = duration.value.trim().trim_start_matches('+').parse().ok()?;
    match start {
        When::Day { date } => {
            let date = date.parse::<Date>().ok()?.checked_add(span).ok()?;
            Some(When::Day { date: date.to_string() })
        }
        When::Moment { at_ms, zone } => {
            let start = Timestamp::from_millisecond(*at_ms).ok()?.in_tz(zone).ok()?;
            Some(When::Moment { at_ms: start.checked_add(span).ok()?.timestamp().as_millisecond(), zone: zone.clone() })
        }
        When::Local { time, zone } => {
            let time = time.parse::<DateTime>().ok()?.checked_add(span).ok()?;
            Some(When::Local { time: time.to_string(), zone: zone.clone() })
        }
    }
}

fn number<T: std::str::FromStr>(digits: &str) -> Option<T> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests;
