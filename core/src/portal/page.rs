//! Reading the portal's pages: what they say, and the forms on them. Nothing else of a page is looked at.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
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
        // The names we look for are ASCII in every encoding that a portal may use.
        let input = BufferQueue::default();
        input.push_back(StrTendril::from(String::from_utf8_lossy(body).as_ref()));
        let tokenizer = Tokenizer::new(Reader::default(), TokenizerOpts::default());
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        let mut reading = tokenizer.sink.0.into_inner();
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

/// Takes what the tokenizer finds, one after the other.
#[derive(Default)]
struct Reader(RefCell<Reading>);

#[derive(Default)]
struct Reading {
    page: Page,
    form: Option<Form>,
    /// The end of the text before the tag at hand: numbers are short.
    before: String,
}

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut reading = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return reading.start(&tag),
            Token::TagToken(tag) if &*tag.name == "form" => reading.end_form(),
            Token::CharacterTokens(text) => reading.text(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Reading {
    fn start(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        self.says(tag);
        self.before.clear();
        match &*tag.name {
            "form" => {
                self.end_form();
                self.form = Some(Form { action: attribute(tag, "action").unwrap_or_default(), ..Form::default() });
            }
            "input" | "select" | "textarea" => self.field(tag),
            "button" => self.button(tag),
            _ => {}
        }
        // What stands in these is no markup.
        match &*tag.name {
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "noscript" | "iframe" | "xmp" => TokenSinkResult::RawData(RawKind::Rawtext),
            "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }

    fn says(&mut self, tag: &Tag) {
        if let Some(number) = attribute(tag, "trmsg").and_then(|number| number.trim().parse().ok())
            && self.page.messages.len() < MOST_WORDS
        {
            self.page.messages.push(number);
        }
        let Some(text) = attribute(tag, "trspan").filter(|text| text.len() <= 200) else { return };
        if text == "seconds" {
            self.page.lock_s = self.page.lock_s.or_else(|| number_at_end(&self.before));
        }
        if self.page.texts.len() < MOST_WORDS {
            self.page.texts.push(text);
        }
    }

    fn field(&mut self, tag: &Tag) {
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

    fn button(&mut self, tag: &Tag) {
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

    fn text(&mut self, text: &str) {
        let end = text.trim_ascii_end();
        let start = end.len().saturating_sub(LONGEST_NUMBER);
        let start = (start..=end.len()).find(|at| end.is_char_boundary(*at)).unwrap_or(end.len());
        if !end.is_empty() {
            self.before.push_str(end.get(start..).unwrap_or_default());
        }
        // A space ends a number; further ones say nothing.
        if end.len() < text.len() && !self.before.ends_with(' ') {
            self.before.push(' ');
        }
        let over = self.before.len().saturating_sub(2 * LONGEST_NUMBER);
        if let Some(over) = (over..self.before.len()).find(|at| self.before.is_char_boundary(*at)) {
            self.before.drain(..over);
        }
    }
}

/// No number that is looked for is longer.
const LONGEST_NUMBER: usize = 64;

fn number_at_end(text: &str) -> Option<u32> {
    let text = text.trim_ascii_end();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_digit());
    text.get(digits.len()..)?.parse().ok()
}

fn attribute(tag: &Tag, name: &str) -> Option<String> {
    let found = tag.attrs.iter().find(|attribute| &*attribute.name.local == name)?;
    Some(found.value.to_string())
}
