//! Reading the portal's pages: forms, hidden fields, error numbers.

use scraper::{ElementRef, Html, Selector};

/// What a page asks for.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The numbers of the portal's messages, for instance 9 for "please sign in", 5 for a refusal.
    pub(crate) messages: Vec<i32>,
    pub(crate) forms: Vec<Form>,
}

/// One form.
#[derive(Debug, Default)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) is_post: bool,
    /// Name and value of the hidden fields.
    pub(crate) hidden: Vec<(String, String)>,
    /// Names of the fields and buttons that someone fills or presses, with their values.
    pub(crate) shown: Vec<(String, String)>,
}

impl Form {
    /// Whether someone is asked for `name`.
    pub(crate) fn asks_for(&self, name: &str) -> bool {
        self.shown.iter().any(|(shown, _)| shown == name)
    }

    /// Whether someone is asked for a password or a code.
    pub(crate) fn is_for_typing(&self) -> bool {
        ["password", "newpassword", "code"].iter().any(|name| self.asks_for(name))
    }
}

impl Page {
    /// Reads what it can; what is no form and no message is passed over.
    pub(crate) fn read(html: &str) -> Self {
        let document = Html::parse_document(html);
        let messages = select(document.root_element(), "[trmsg]")
            .iter()
            .filter_map(|element| element.attr("trmsg")?.parse().ok())
            .collect();
        let forms = select(document.root_element(), "form").into_iter().map(form).collect();
        Self { messages, forms }
    }
}

fn form(element: ElementRef<'_>) -> Form {
    let mut form = Form {
        action: element.attr("action").unwrap_or_default().to_owned(),
        is_post: element.attr("method").is_some_and(|method| method.eq_ignore_ascii_case("post")),
        ..Form::default()
    };
    for field in select(element, "input[name], button[name], textarea[name], select[name]") {
        let pair =
            (field.attr("name").unwrap_or_default().to_owned(), field.attr("value").unwrap_or_default().to_owned());
        match field.attr("type") {
            Some("hidden") => form.hidden.push(pair),
            _ => form.shown.push(pair),
        }
    }
    form
}

fn select<'a>(element: ElementRef<'a>, selector: &str) -> Vec<ElementRef<'a>> {
    // The selectors are constants of this file.
    Selector::parse(selector).map_or_else(|_| Vec::new(), |selector| element.select(&selector).collect())
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn a_sign_in_page_gives_its_message_its_hidden_fields_and_what_it_asks_for() {
        let page = Page::read(
            r##"<span trmsg="9"></span><form action="#" method="POST"><input type="hidden" name="token" value="a&amp;b">
                <input name="user"><input type="password" name="password"></form>"##,
        );
        assert_eq!(page.messages, [9]);
        let [form] = page.forms.as_slice() else { panic!("one form") };
        assert!(form.is_post && form.asks_for("password") && !form.asks_for("token"));
        assert_eq!(form.hidden, [("token".to_owned(), "a&b".to_owned())]);
    }
}
