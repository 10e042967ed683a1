//! Reading the portal's pages: what they say, and the forms on them. Nothing else of a page is looked at.

use html5gum::Tokenizer;
use html5gum::emitters::default::{DefaultEmitter, StartTag, Token};
use zeroize::Zeroizing;

/// Far more than any page of the portal has; a hostile one is read no further.
const MOST_FORMS: usize = 16;
const MOST_FIELDS: usize = 64;
const MOST_WORDS: usize = 64;

/// What a page of the portal says and asks.
#[derive(Default)]
pub(super) struct Page {
    /// The numbers of its messages (`trmsg`): 9 asks to sign in, 5 refuses.
    pub(super) messages: Vec<i32>,
    /// Its other texts, by the names that the portal's scripts translate (`trspan`).
    pub(super) texts: Vec<String>,
    /// The seconds of a lock.
    pub(super) lock_s: Option<u32>,
    /// Its forms.
    pub(super) forms: Vec<Form>,
}

/// A form.
#[derive(Default)]
pub(super) struct Form {
    /// Where it posts; empty and `#` mean the page itself.
    pub(super) action: String,
    /// What it sends without being asked: tokens, and on some pages a password.
    pub(super) hidden: Vec<(String, Zeroizing<String>)>,
    /// What somebody fills in.
    pub(super) fields: Vec<Field>,
    /// What somebody presses.
    pub(super) buttons: Vec<Button>,
}

/// A field to fill in.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) required: bool,
}

/// A button.
#[derive(Default)]
pub(super) struct Button {
    pub(super) name: String,
    pub(super) value: String,
    /// Where it posts instead of the form's own action.
    pub(super) action: Option<String>,
}

impl Page {
    /// Reads what there is. A text without tags, of another encoding or hostile, has simply nothing in it. Takes time and
    /// memory by the length of the text alone.
    pub(super) fn read(body: &[u8]) -> Self {
        let mut emitter = DefaultEmitter::default();
        // What stands in a script is no markup.
        emitter.naively_switch_states(true);
        let mut reading = Reading::default();
        for token in Tokenizer::new_with_emitter(body, emitter).flatten() {
            match token {
                Token::StartTag(tag) => reading.start(&tag),
                Token::EndTag(tag) if tag.name.0 == b"form" => reading.end_form(),
                Token::String(text) => reading.text(&text.value),
                _ => {}
            }
        }
        reading.end_form();
        reading.page
    }

    /// The first form that asks for `field`.
    pub(super) fn form_with(&self, field: &str) -> Option<&Form> {
        self.forms.iter().find(|form| form.asks_for(field))
    }

    /// Whether one of its texts is `name`, or begins so and goes on with values (`pwdWillExpire,4,23,59,44`).
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().map(String::as_str).find(|text| text.split(',').next() == Some(name))
    }
}

impl Form {
    /// Whether somebody is asked for `name`.
    pub(super) fn asks_for(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }
}

#[derive(Default)]
struct Reading {
    page: Page,
    form: Option<Form>,
    /// The number that ends the text before the tag at hand.
    number: Option<u32>,
}

impl Reading {
    fn start(&mut self, tag: &StartTag<()>) {
        self.says(tag);
        self.number = None;
        match tag.name.0.as_slice() {
            b"form" => {
                self.end_form();
                self.form = Some(Form { action: attribute(tag, "action").unwrap_or_default(), ..Form::default() });
            }
            b"input" | b"select" | b"textarea" => self.field(tag),
            b"button" => self.button(tag),
            _ => {}
        }
    }

    fn says(&mut self, tag: &StartTag<()>) {
        if let Some(number) = attribute(tag, "trmsg").and_then(|number| number.trim().parse().ok())
            && self.page.messages.len() < MOST_WORDS
        {
            self.page.messages.push(number);
        }
        let Some(text) = attribute(tag, "trspan").filter(|text| text.len() <= 200) else { return };
        if text == "seconds" {
            self.page.lock_s = self.page.lock_s.or(self.number);
        }
        if self.page.texts.len() < MOST_WORDS {
            self.page.texts.push(text);
        }
    }

    fn field(&mut self, tag: &StartTag<()>) {
        let Some(form) = self.form.as_mut() else { return };
        let (Some(name), kind) = (attribute(tag, "name"), attribute(tag, "type").unwrap_or_default()) else { return };
        let value = || attribute(tag, "value").unwrap_or_default();
        if form.hidden.len() + form.fields.len() + form.buttons.len() >= MOST_FIELDS || name.is_empty() {
            return;
        }
        match kind.to_ascii_lowercase().as_str() {
            "hidden" => form.hidden.push((name, Zeroizing::new(value()))),
            "submit" | "image" => {
                form.buttons.push(Button { name, value: value(), action: attribute(tag, "formaction") });
            }
            "checkbox" | "radio" | "button" | "reset" => {}
            _ => form.fields.push(Field { name, required: attribute(tag, "required").is_some() }),
        }
    }

    fn button(&mut self, tag: &StartTag<()>) {
        let Some(form) = self.form.as_mut() else { return };
        let kind = attribute(tag, "type").unwrap_or_default().to_ascii_lowercase();
        if form.buttons.len() >= MOST_FIELDS || !matches!(kind.as_str(), "" | "submit") {
            return;
        }
        let text = |name: &str| attribute(tag, name).unwrap_or_default();
        form.buttons.push(Button { name: text("name"), value: text("value"), action: attribute(tag, "formaction") });
    }

    fn end_form(&mut self) {
        if let Some(form) = self.form.take()
            && self.page.forms.len() < MOST_FORMS
        {
            self.page.forms.push(form);
        }
    }

    fn text(&mut self, text: &[u8]) {
        let text = text.trim_ascii_end();
        let start = text.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
        let digits = text.get(start..).and_then(|digits| std::str::from_utf8(digits).ok());
        self.number = digits.and_then(|digits| digits.parse().ok());
    }
}

/// The names we look for are ASCII in every encoding that a portal may use.
fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(name.as_bytes())?;
    Some(String::from_utf8_lossy(&value.value).into_owned())
}
