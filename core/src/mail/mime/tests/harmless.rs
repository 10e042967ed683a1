//! What comes out of the cleaning is parsed again, as a browser would, and looked through.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::{CleanHtml, clean, document, read_message};

/// Every tag of `html` with its attributes, by a second parser. The cleaned HTML is well-formed enough for a simple one:
/// attribute values are quoted, and `<` and `"` escaped in them.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut tags = Vec::new();
    for piece in html.split('<').skip(1).filter(|piece| !piece.starts_with('/')) {
        let name: String = piece.chars().take_while(|c| !c.is_whitespace() && *c != '>').collect();
        let mut rest = &piece[name.len()..];
        let mut attributes = Vec::new();
        while let Some((before, after)) = rest.split_once("=\"").filter(|(before, _)| !before.contains('>')) {
            let (value, next) = after.split_once('"').expect("a value that ends");
            attributes.push((before.trim().to_owned(), value.to_owned()));
            rest = next;
        }
        tags.push((name, attributes));
    }
    tags
}

fn is_harmless(html: &str) -> Result<(), String> {
    const TAGS: &str = "a abbr b blockquote br caption center code col colgroup dd del div dl dt em font h1 h2 h3 h4 h5 h6 hr i \
                        img ins li ol p pre q s small span strike strong sub sup table tbody td tfoot th thead tr tt u ul";
    for (name, attributes) in tags(html) {
        if !TAGS.split_whitespace().any(|tag| tag == name) {
            return Err(format!("<{name}> in {html}"));
        }
        for (attribute, value) in attributes {
            let fine = match attribute.as_str() {
                "href" => ["http:", "https:", "mailto:"].iter().any(|s| value.to_lowercase().starts_with(s)),
                "src" => ["cid:", "data:image/"].iter().any(|s| value.to_lowercase().starts_with(s)),
                "style" => !value.contains("url") && !value.contains("position") && !value.contains('\\'),
                name => !name.starts_with("on") && !["srcset", "background", "action", "id", "class"].contains(&name),
            };
            if !fine {
                return Err(format!("{attribute}={value:?} in {html}"));
            }
        }
    }
    Ok(())
}

/// No measure of speed: what is not linear takes minutes.
const HANGS: Duration = Duration::from_secs(30);

#[test]
fn a_page_of_many_tags_and_attributes_is_cut_and_says_so() {
    for page in [
        "<div>".repeat(20_000),
        (0..50_000).map(|n| format!("<p a{n}")).collect::<String>() + ">",
        format!("<p {}>x", (0..80_000).map(|n| format!("a{n}=b ")).collect::<String>()),
        format!("<p x=\">\" {}>x", (0..80_000).map(|n| format!("a{n}=\"b\"")).collect::<String>()),
        format!("<p x=\"<b\"{}>x", (0..80_000).map(|n| format!("/a{n}")).collect::<String>()),
        "x".repeat(2_000_000),
    ] {
        let begun = Instant::now();
        assert!(clean(&page).cut, "{}", &page[..40]);
        // Without the limits, seconds on the fastest machine.
        assert!(begun.elapsed() < HANGS, "{} took {:?}", &page[..40], begun.elapsed());
    }
}

#[test]
fn an_ordinary_page_is_not_cut() {
    let picture = format!("<img alt='a > b' src=\"data:image/png;base64,{}\">", "iVBORw0KGgo/".repeat(5000));
    for page in ["<p>x</p>".repeat(2000), "<tr><td>x<td>y".repeat(1000), "a < b > c <".to_owned(), picture] {
        assert!(!clean(&page).cut);
    }
    assert!(clean("<img src=\"data:image/png;base64,iVBORw0KGgo=\">").html.contains("iVBORw0KGgo="));
}

#[test]
fn the_page_around_forbids_what_the_cleaning_removes() {
    let page = document(&CleanHtml { html: "<p>Bonjour</p>".to_owned(), ..CleanHtml::default() });
    for part in ["default-src 'none'", "img-src cid: data:", "color-scheme", "no-referrer", "<p>Bonjour</p>"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("script-src") && !page.contains("connect-src"));
}

#[test]
fn a_message_of_many_pages_takes_no_longer_than_one() {
    let page = format!("--b\r\nContent-Type: text/html\r\n\r\n{}\r\n", "<p>x".repeat(100));
    for count in [3000, 60_000] {
        let raw = format!(
            "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntexte\r\n{}",
            page.repeat(count)
        );
        let begun = Instant::now();
        assert!(read_message(raw.as_bytes()).text.starts_with("texte"));
        assert!(begun.elapsed() < HANGS, "{count} took {:?}", begun.elapsed());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn nothing_that_acts_comes_through(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("<"), Just(">"), Just("</"), Just("/>"), Just("<!--"), Just("-->"), Just("<![CDATA["), Just("]]>"), Just("\""),
                Just("'"), Just("="), Just(" "), Just("\n"), Just("&lt;"), Just("&#x6a;"), Just("\0"), Just("`"), Just("<p "),
                Just("<svg>"), Just("<math>"), Just("<mtext>"), Just("<mglyph>"), Just("<style>"), Just("</style>"),
                Just("<title>"), Just("</title>"), Just("<noscript>"), Just("<template>"), Just("<table>"), Just("<td>"),
                Just("<select>"), Just("<xmp>"), Just("<plaintext>"), Just("<textarea>"), Just("<form action=https://e.fr>"),
                Just("<script>x</script>"), Just("<img src="), Just("https://e.fr/x"), Just("//e.fr/x"), Just("cid:a"),
                Just("<a href="), Just("javascript:x"), Just("data:text/html,x"), Just("onload=x"), Just("style="),
                Just("background:url(x)"), Just("position:fixed"), Just("color:red;"), Just("\\75rl(x)"), Just("id=x"),
            ],
            0..40,
        )
    ) {
        let page = pieces.concat();
        let once = clean(&page);
        if let Err(harm) = is_harmless(&once.html) {
            prop_assert!(false, "{harm} from {page}");
        }
        // Nor does what is parsed a second time become something else, as mutated markup does.
        if let Err(harm) = is_harmless(&clean(&once.html).html) {
            prop_assert!(false, "{harm} from {page} the second time");
        }
    }
}
