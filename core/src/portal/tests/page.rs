use proptest::prelude::*;

use crate::portal::page::Page;

#[test]
fn a_page_gives_what_it_says_and_the_form_with_all_that_it_sends() {
    let page = Page::read(
        "<title><form></title><script>'<form action=evil><input name=password>'</script>\
         <div><span trmsg=\"86\"></span> 8 <span trspan=\"seconds\">seconds</span>.</div>\
         <FORM ACTION='/mail2fcheck?skin=a&amp;b=c' method=post><input type=hidden name=token value=\"1&quot;2\">\
         <input name=code required><input type=checkbox name=stay><select name=spare></select>\
         <button type=submit formaction=/mail2fresend>R</button><button type=reset formaction=/evil>X</button>"
            .as_bytes(),
    );
    assert_eq!((page.messages.as_slice(), page.lock_s, page.forms.len()), ([86].as_slice(), Some(8), 1));
    let form = page.form_with("code").unwrap();
    assert_eq!(form.action, "/mail2fcheck?skin=a&b=c");
    assert_eq!((form.hidden[0].0.as_str(), form.hidden[0].1.as_str()), ("token", "1\"2"));
    let fields: Vec<_> = form.fields.iter().map(|field| (field.name.as_str(), field.required)).collect();
    assert_eq!(fields, [("code", true), ("spare", false)]);
    let resend: Vec<_> = form.buttons.iter().filter_map(|button| button.action.as_deref()).collect();
    assert_eq!(resend, ["/mail2fresend"]);
}

#[test]
fn the_number_of_a_lock_stands_right_before_its_unit_and_nowhere_else() {
    let lock = |html: &str| Page::read(html.as_bytes()).lock_s;
    assert_eq!(lock("12 <b>x</b> 30 <span trspan=seconds>"), Some(30));
    assert_eq!(lock("a9\n <span trspan=seconds>"), Some(9));
    assert_eq!(lock("<i>12</i><span trspan=seconds>"), Some(12));
    assert_eq!(lock("12 <i></i><span trspan=seconds>"), None);
    assert_eq!(lock("99999999999 <span trspan=seconds>"), None);
    assert_eq!(lock("é <span trspan=seconds>"), None);
}

#[test]
fn a_page_as_deep_or_as_full_as_can_be_is_read_to_its_bounds() {
    let deep = "<div><form>".repeat(100_000);
    assert_eq!(Page::read(deep.as_bytes()).forms.len(), 16);
    let full = format!("<form>{}", "<input type=hidden name=a value=b>".repeat(10_000));
    assert_eq!(Page::read(full.as_bytes()).forms[0].hidden.len(), 64);
    let wordy = "<i trmsg=5 trspan=x>".repeat(10_000);
    let page = Page::read(wordy.as_bytes());
    assert_eq!((page.messages.len(), page.texts.len()), (64, 64));
    let utf16: Vec<u8> = "<form><input name=password>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(Page::read(&utf16).form_with("password").is_none());
    let latin1 = b"<p>\xe9\xe8</p><form><input name=password placeholder=\xe9>";
    assert!(Page::read(latin1).form_with("password").is_some());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_fall(body in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = Page::read(&body);
    }

    #[test]
    fn any_tags_are_read_without_a_fall(parts in proptest::collection::vec(
        prop_oneof![
            Just("<form action=\"".to_owned()), Just("\">".to_owned()), Just("<input type=hidden name=".to_owned()),
            Just("</form>".to_owned()), Just("<!--".to_owned()), Just("<script>".to_owned()), Just("&#x".to_owned()),
            Just("<span trspan=seconds>".to_owned()), "[ -~é]{0,9}",
        ], 0..60))
    {
        let _ = Page::read(parts.concat().as_bytes());
    }
}
