//! From an index to a letter: who, what about, in which form.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::letter::{Letter, Part, Text};
use super::mime::{Charset, Transfer, fold, header_text, mailbox, wrap};
use super::words::{DAEMON, IPROF, NEWSLETTER, OWNER, PEOPLE, Person};
use super::words::{SENTENCES_EN, SENTENCES_FR, SUBJECTS_EN, SUBJECTS_FR, TAILS_FR, fill_slots};
use super::{Filler, Purpose, attachments, pieces};

/// What sort of message it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Plain,
    Flowed,
    Rich,
    WithFiles,
    WithPicture,
    Newsletter,
    Invitation,
    Bounce,
    Notice,
}

impl Kind {
    /// Whether a person wrote it, so that others answer.
    pub(super) fn is_personal(self) -> bool {
        matches!(self, Self::Plain | Self::Flowed | Self::Rich | Self::WithFiles | Self::WithPicture)
    }
}

/// Charset and encoding of a message, also used for its header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) charset: Charset,
    pub(super) transfer: Transfer,
    pub(super) base64_words: bool,
}

impl Form {
    /// A text part in this form. Text that needs no charset gets none.
    pub(super) fn text(self, subtype: &'static str, parameters: &'static str, content: &str) -> Part {
        let mut text = Text {
            subtype,
            parameters,
            content: self.charset.tame(content),
            charset: self.charset,
            transfer: self.transfer,
        };
        if text.content.is_ascii() && self.transfer != Transfer::Base64 {
            text.charset = Charset::Ascii;
        }
        if text.transfer == Transfer::AsIs && parameters.is_empty() {
            text.content = wrap(&text.content, false);
        }
        Part::Text(text)
    }
}

impl Filler {
    pub(super) fn kind(&self, index: u64) -> Kind {
        let roll = self.chance(index, Purpose::Kind).below(100);
        match roll {
            0..70 if self.compact => Kind::Plain,
            70..88 if self.compact => Kind::Flowed,
            88..92 if self.compact => Kind::Bounce,
            _ if self.compact => Kind::Notice,
            0..34 => Kind::Plain,
            34..42 => Kind::Flowed,
            42..65 => Kind::Rich,
            65..77 => Kind::WithFiles,
            77..80 => Kind::WithPicture,
            80..90 => Kind::Newsletter,
            90..94 => Kind::Invitation,
            94..96 => Kind::Bounce,
            _ => Kind::Notice,
        }
    }

    pub(super) fn author(&self, index: u64) -> Person {
        match self.kind(index) {
            Kind::Newsletter => NEWSLETTER,
            Kind::Bounce => DAEMON,
            Kind::Notice => IPROF,
            _ => *self.chance(index, Purpose::Author).pick(PEOPLE),
        }
    }

    /// The subject as people read it, `Re: ` included.
    pub(super) fn subject(&self, index: u64) -> String {
        match self.ancestors(index).first() {
            Some(first) => format!("Re: {}", self.own_subject(*first)),
            None => self.own_subject(index),
        }
    }

    pub(super) fn is_english(&self, index: u64) -> bool {
        let first = self.ancestors(index).first().copied().unwrap_or(index);
        self.kind(first).is_personal() && self.chance(first, Purpose::Words).percent(18)
    }

    /// What the author of `index` wrote, without the quotation.
    pub(super) fn own_text(&self, index: u64) -> String {
        let english = self.is_english(index);
        let mut chance = self.chance(index, Purpose::Words);
        chance.next();
        let (openings, closings, sentences): (&[&str], &[&str], _) = if english {
            (&["Hello,", "Dear all,", "Hi Jeanne,"], &["Best wishes,", "Kind regards,", "See you soon,"], SENTENCES_EN)
        } else {
            (
                &["Bonjour,", "Bonjour à tous,", "Chère collègue,", "Bonjour Jeanne,"],
                &["Cordialement,", "Bien à vous,", "Bonne journée,", "Bien cordialement,"],
                SENTENCES_FR,
            )
        };
        let mut text = format!("{}\n\n", chance.pick(openings));
        let paragraphs = chance.between(1, if self.compact { 2 } else { 5 });
        for _ in 0..paragraphs {
            for at in 0..chance.between(1, if self.compact { 3 } else { 5 }) {
                if at > 0 {
                    text.push(' ');
                }
                let sentence = chance.pick(sentences);
                text.push_str(&fill_slots(sentence, english, &mut chance));
            }
            text.push_str("\n\n");
        }
        let author = self.author(index);
        text.push_str(&format!("{}\n\n-- \n{}\n", chance.pick(closings), author.name));
        text
    }

    pub(super) fn form(&self, index: u64) -> Form {
        let mut chance = self.chance(index, Purpose::Form);
        let (charset, transfer) = match chance.below(100) {
            0..40 => (Charset::Utf8, Transfer::QuotedPrintable),
            40..55 => (Charset::Utf8, Transfer::Base64),
            55..70 => (Charset::Utf8, Transfer::AsIs),
            70..82 => (Charset::Latin1, Transfer::QuotedPrintable),
            82..85 => (Charset::Latin1, Transfer::AsIs),
            _ => (Charset::Windows1252, Transfer::QuotedPrintable),
        };
        Form { charset, transfer, base64_words: chance.percent(40) }
    }

    pub(super) fn letter(&self, index: u64) -> Letter {
        let kind = self.kind(index);
        let mut form = self.form(index);
        if kind == Kind::Flowed {
            // RFC 3676 4: quoted-printable hides the soft breaks from old readers, so flowed text goes as it is.
            form.transfer = Transfer::AsIs;
        }
        let mut headers = self.headers(index, form);
        let body = match kind {
            Kind::Plain => form.text("plain", "", &self.full_text(index)),
            Kind::Flowed => form.text("plain", "; format=flowed", &wrap(&self.full_text(index), true)),
            Kind::Rich => self.rich(index, form, None),
            Kind::WithFiles => self.with_files(index, form),
            Kind::WithPicture => {
                let mut chance = self.chance(index, Purpose::Files);
                let content = attachments::png(&mut chance, 6_000);
                let file = attachments::Attachment { name: "signature.png".to_owned(), kind: "image/png", content };
                let id = format!("image001.{:08x}@academie.test", chance.next() as u32);
                let html = self.rich(index, form, Some(&id));
                self.many(index, "related", vec![html, Part::File { file, content_id: Some(id) }])
            }
            Kind::Newsletter => {
                headers.extend(pieces::list_headers());
                let (text, html) = pieces::newsletter(self.chance(index, Purpose::Words));
                self.many(index, "alternative", vec![form.text("plain", "", &text), form.text("html", "", &html)])
            }
            Kind::Invitation => self.invitation(index, form),
            Kind::Bounce => {
                headers.push(("Auto-Submitted", "auto-replied".to_owned()));
                let parts = pieces::bounce(self.chance(index, Purpose::Words), self.arrival(index));
                self.many(index, "report; report-type=delivery-status", parts)
            }
            Kind::Notice => {
                headers.push(("Auto-Submitted", "auto-generated".to_owned()));
                form.text("plain", "", &pieces::notice(self.chance(index, Purpose::Words)))
            }
        };
        Letter { headers, body }
    }

    fn own_subject(&self, index: u64) -> String {
        let mut chance = self.chance(index, Purpose::Subject);
        match self.kind(index) {
            Kind::Newsletter => format!("[DRANE] Lettre d'information n° {} – numérique éducatif", index % 400 + 1),
            Kind::Bounce => "Undelivered Mail Returned to Sender".to_owned(),
            Kind::Notice => "Votre dossier I-Prof : mise à jour de votre échelon".to_owned(),
            kind => {
                let english = self.chance(index, Purpose::Words).percent(18) && kind.is_personal();
                let template = chance.pick(if english { SUBJECTS_EN } else { SUBJECTS_FR });
                let mut subject = fill_slots(template, english, &mut chance);
                while !english && subject.len() < 400 && chance.percent(12) {
                    subject.push_str(chance.pick(TAILS_FR));
                }
                subject
            }
        }
    }

    /// [`Self::own_text`] and, in an answer, what it answers.
    pub(super) fn full_text(&self, index: u64) -> String {
        let mut text = self.own_text(index);
        let Some(parent) = self.parent(index) else { return text };
        let author = self.author(parent);
        let date = civil(self.arrival(parent));
        if self.is_english(index) {
            text.push_str(&format!("\nOn {}, {} wrote:\n", date.strftime("%d/%m/%Y %H:%M"), author.name));
        } else {
            text.push_str(&format!("\nLe {}, {} a écrit :\n", date.strftime("%d/%m/%Y à %H:%M"), author.name));
        }
        for line in wrap(&self.own_text(parent), false).lines().filter(|_| !self.compact) {
            text.push_str(if line.is_empty() { ">" } else { "> " });
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn headers(&self, index: u64, form: Form) -> Vec<(&'static str, String)> {
        let (kind, author) = (self.kind(index), self.author(index));
        let mut chance = self.chance(index, Purpose::Recipients);
        let sent = civil(self.arrival(index) - 4);
        let date = sent.strftime("%a, %d %b %Y %H:%M:%S %z").to_string();
        let mark = chance.next();
        let mut headers = Vec::new();
        let sender = if kind == Kind::Bounce { String::new() } else { author.address() };
        headers.push(("Return-Path", format!("<{sender}>")));
        headers.push((
            "Received",
            format!(
                "from smtp.{0} (smtp.{0} [192.0.2.{1}])\r\n by mx.academie.test (Postfix) with ESMTPS id {2:010X}\r\n for <{3}>; {date}",
                author.domain, mark % 250 + 1, mark >> 24, OWNER.address()
            ),
        ));
        if !self.compact {
            headers.push((
                "Authentication-Results",
                format!(
                    "mx.academie.test;\r\n dkim=pass header.d={0} header.s=2022;\r\n spf=pass smtp.mailfrom={0}",
                    author.domain
                ),
            ));
        }
        headers.push(("Message-ID", self.message_id(index)));
        headers.push(("Date", date));
        headers.push(("From", mailbox(&author, form.charset, form.base64_words)));
        let mut to = vec![OWNER];
        let mut copied = Vec::new();
        if kind.is_personal() && !self.compact {
            let more = if chance.percent(6) { chance.between(8, 20) } else { chance.below(3) };
            to.extend((0..more).map(|_| *chance.pick(PEOPLE)));
            copied.extend((0..chance.below(3)).map(|_| *chance.pick(PEOPLE)));
        }
        for (name, people) in [("To", to), ("Cc", copied)] {
            if !people.is_empty() {
                let written: Vec<String> =
                    people.iter().map(|person| mailbox(person, form.charset, form.base64_words)).collect();
                headers.push((name, written.join(",\r\n ")));
            }
        }
        headers.push(("Subject", header_text(&self.subject(index), form.charset, form.base64_words)));
        headers.extend(self.thread_headers(index));
        if kind.is_personal() {
            let agents =
                &["Mozilla Thunderbird", "Zimbra 8.8.15_GA_4717 (ZimbraWebClient)", "Apple Mail (2.3774)", "K-9 Mail"];
            headers.push(("X-Mailer", fold(chance.pick(agents))));
        }
        headers
    }

    /// RFC 5322 3.6.4: all ancestors, or the first and the last nine.
    fn thread_headers(&self, index: u64) -> Vec<(&'static str, String)> {
        let mut ancestors = self.ancestors(index);
        let Some(parent) = ancestors.last().copied() else { return Vec::new() };
        if ancestors.len() > 10 {
            ancestors.drain(1..ancestors.len() - 9);
        }
        let ids: Vec<String> = ancestors.iter().map(|earlier| self.message_id(*earlier)).collect();
        vec![("In-Reply-To", self.message_id(parent)), ("References", ids.join("\r\n "))]
    }

    fn rich(&self, index: u64, form: Form, picture: Option<&str>) -> Part {
        let text = self.full_text(index);
        let html = pieces::html(&text, picture);
        self.many(index, "alternative", vec![form.text("plain", "", &text), form.text("html", "", &html)])
    }

    fn with_files(&self, index: u64, form: Form) -> Part {
        let mut chance = self.chance(index, Purpose::Files);
        let text = form.text("plain", "", &self.full_text(index));
        let mut parts = vec![if chance.percent(50) { self.rich(index, form, None) } else { text }];
        for _ in 0..chance.between(1, 2) {
            // Mostly small, now and then a scan.
            let size = if chance.percent(12) { chance.between(40_000, 90_000) } else { chance.between(3_000, 24_000) };
            parts.push(Part::File { file: attachments::file(&mut chance, size as usize), content_id: None });
        }
        self.many(index, "mixed", parts)
    }

    fn invitation(&self, index: u64, form: Form) -> Part {
        let (author, subject) = (self.author(index), self.own_subject(index));
        let calendar = pieces::calendar(&author, &subject, &self.message_id(index), self.arrival(index));
        let utf8 = Form { charset: Charset::Utf8, transfer: Transfer::Base64, base64_words: false };
        let request = utf8.text("calendar", "; method=REQUEST", &calendar);
        let content = calendar.replace('\n', "\r\n").into_bytes();
        let file = attachments::Attachment { name: "invite.ics".to_owned(), kind: "application/ics", content };
        let text = self.own_text(index);
        let html = form.text("html", "", &pieces::html(&text, None));
        let shown = self.many(index, "alternative", vec![form.text("plain", "", &text), html, request]);
        self.many(index, "mixed", vec![shown, Part::File { file, content_id: None }])
    }

    fn many(&self, index: u64, subtype: &'static str, parts: Vec<Part>) -> Part {
        let mark = self.chance(index, Purpose::Id).next() as u32;
        // Nested parts have other subtypes, so the first letter tells the boundaries apart.
        let level = subtype.bytes().next().map_or('x', char::from);
        Part::Many { subtype, boundary: format!("----=_Part_{index}_{mark:08x}_{level}"), parts }
    }
}

/// Paris time as the academies write it: summer time taken as April to October.
pub(super) fn civil(seconds: i64) -> jiff::Zoned {
    let instant = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let zone = |hours| TimeZone::fixed(Offset::constant(hours));
    let winter = instant.to_zoned(zone(1));
    if (4..=10).contains(&winter.month()) { instant.to_zoned(zone(2)) } else { winter }
}
