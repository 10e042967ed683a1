//! HTML of mail: whatever a sender writes, what comes out is of the allow-list, loads nothing, is of a bounded size, and says the
//! same when it is cleaned once more.

use cartable_core::mail::mime::{CleanHtml, Pictures, clean, clean_with, document};
use scraper::{Html, Node};

use crate::tape::Tape;

const PIECES: &[&str] = &[
    "<",
    ">",
    "</",
    "/>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?",
    "\"",
    "'",
    "=",
    " ",
    "\n",
    "\0",
    "`",
    "&",
    "&lt;",
    "&gt;",
    "&#x6a;",
    "&nbsp;",
    "&amp;quot;",
    "é",
    "\u{202e}",
    "<p>",
    "</p>",
    "<p ",
    "<div>",
    "</div>",
    "<div ",
    "<b>",
    "</b>",
    "<i ",
    "<a href=",
    "<a ",
    "</a>",
    "<img src=",
    "<img ",
    "<table>",
    "</table>",
    "<tr>",
    "<td>",
    "<td ",
    "<th scope=row>",
    "<caption>",
    "<col width=3>",
    "<ul><li>",
    "<ol start=3>",
    "<pre>\n",
    "</pre>",
    "<font color=",
    "<font size=",
    "<h1>",
    "<blockquote>",
    "<br>",
    "<hr>",
    "<svg>",
    "</svg>",
    "<math>",
    "<mtext>",
    "<mglyph>",
    "<foreignObject>",
    "<annotation-xml encoding=text/html>",
    "<desc>",
    "<style>",
    "</style>",
    "<title>",
    "</title>",
    "<noscript>",
    "</noscript>",
    "<template>",
    "</template>",
    "<select>",
    "<option>",
    "<selectedcontent>",
    "<xmp>",
    "<plaintext>",
    "<textarea>",
    "<iframe>",
    "<form>",
    "</form>",
    "<button>",
    "<input>",
    "<object>",
    "<body bgcolor=#fff ",
    "<html lang=fr ",
    "<frameset>",
    "<script>x</script>",
    "<link rel=stylesheet href=",
    "<base href=",
    "<meta http-equiv=refresh content=",
    "<video poster=",
    "<applet>",
    "<marquee>",
    "<nobr>",
    "<ruby><rt>",
    "<dialog>",
    "<center>",
    "https://e.example/x",
    "http://e.example:80/x",
    "//e.example/x",
    "https://a.fr@e.example/",
    "https://аррӏе.com",
    "cid:a",
    "cid:b",
    "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP",
    "data:image/svg+xml,x",
    "data:text/html,x",
    "javascript:x",
    "java\tscript:x",
    "mailto:a@b.fr?bcc=c",
    "tel:+33",
    "onload=x",
    "srcset=https://e.example/x",
    "style=\"",
    "style='",
    "hidden",
    "id=x",
    "class=x",
    "dir=rtl",
    "role=presentation",
    "width=1",
    "height=600",
    "alt='x'",
    "bgcolor=navy",
    "background=https://e.example/x",
    "color:red;",
    "color:#fff;",
    "background:#fff;",
    "background:url(https://e.example/x);",
    "\\75rl(x)",
    "u\\rl(x)",
    "/*",
    "*/",
    "position:fixed;",
    "display:none;",
    "font-size:0;",
    "font-size:9em;",
    "line-height:90%;",
    "width:600px;",
    "margin:-9px;",
    "border:1px solid red;",
    "font-family:'x',serif;",
    "expression(x)",
    "var(--x)",
    "@import 'x';",
    "texte",
];
const TAGS: &str = " a abbr b blockquote br caption center code col colgroup dd del div dl dt em font h1 h2 h3 h4 h5 h6 hr i img ins \
                    li ol p pre q s small span strike strong sub sup table tbody td tfoot th thead tr tt u ul ";
const PROPERTIES: &str = " background background-color border border-bottom border-collapse border-color border-left border-radius \
                          border-right border-spacing border-style border-top border-width clear color direction display float \
                          font-family font-size font-style font-weight height line-height list-style-type margin margin-bottom \
                          margin-left margin-right margin-top max-width padding padding-bottom padding-left padding-right \
                          padding-top text-align text-decoration text-transform vertical-align white-space width --d ";

fn page(input: &[u8]) -> String {
    // A corpus file is a page.
    if let [b'<', ..] = input {
        return String::from_utf8_lossy(input).into_owned();
    }
    let mut tape = Tape::new(input);
    let mut page = String::new();
    while !tape.is_over() {
        let piece: &str = tape.pick(PIECES);
        page.push_str(piece);
    }
    page
}

fn is_in(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|known| known == word)
}

/// What is wrong with an attribute, if anything is.
fn is_allowed(tag: &str, name: &str, value: &str, remote: bool) -> bool {
    let number = |most: u32| value.trim().parse::<u32>().is_ok_and(|number| number <= most);
    match (tag, name) {
        ("a", "href") => ["http://", "https://", "mailto:", "tel:"].iter().any(|scheme| value.starts_with(scheme)),
        ("a", "rel") => value == "noopener noreferrer",
        ("img", "src") => {
            value.starts_with("cid:a")
                || value.starts_with("data:image/gif;base64,R0lG")
                || (remote && value.starts_with("https://"))
        }
        (_, "style") => value.split_terminator(';').all(|declaration| {
            let (property, value) = declaration.split_once(':').unwrap_or_default();
            is_in(PROPERTIES, property) && value.chars().all(|c| c.is_ascii_alphanumeric() || " -.%#,'".contains(c))
        }),
        ("img" | "a", "title") | ("img", "alt") => true,
        ("table" | "td" | "th" | "tr" | "img" | "col", "width" | "height") => {
            number(2000) || value.trim().ends_with('%')
        }
        (_, "align" | "valign" | "lang" | "scope") => {
            value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == ' ')
        }
        (_, "dir") => ["ltr", "rtl", "auto"].contains(&value.trim().to_ascii_lowercase().as_str()),
        ("table", "role") => ["presentation", "none"].contains(&value),
        ("table", "border" | "cellpadding" | "cellspacing") => number(60),
        ("td" | "th" | "tr", "colspan" | "rowspan") => number(200),
        ("ol", "start") => value.trim().parse::<i32>().is_ok(),
        _ => false,
    }
}

fn is_harmless(cleaned: &CleanHtml, remote: bool) -> Result<(), String> {
    for node in Html::parse_fragment(&cleaned.html).tree.nodes() {
        match node.value() {
            Node::Element(element)
                if !(is_in("html head body", element.name()) && element.attrs().next().is_none()) =>
            {
                if !is_in(TAGS, element.name()) {
                    return Err(format!("<{}>", element.name()));
                }
                if let Some((name, value)) =
                    element.attrs().find(|(name, value)| !is_allowed(element.name(), name, value, remote))
                {
                    return Err(format!("{name}={value:?} on <{}>", element.name()));
                }
            }
            Node::Comment(_) | Node::Doctype(_) | Node::ProcessingInstruction(_) => {
                return Err(format!("{:?}", node.value()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn text(html: &str) -> String {
    Html::parse_fragment(html).root_element().text().collect()
}

fn check(input: &[u8]) {
    let page = page(input);
    let ids = ["a".to_owned()];
    for remote in [false, true] {
        let pictures = if remote { Pictures::remote(&ids) } else { Pictures::own(&ids) };
        let once = clean_with(&page, pictures);
        if let Err(harm) = is_harmless(&once, remote) {
            panic!("{harm} in {} from {page}", once.html);
        }
        assert!(once.html.len() <= 2000 + 60 * page.len(), "{} from {}: {page}", once.html.len(), page.len());
        let again = clean_with(&once.html, pictures);
        if let Err(harm) = is_harmless(&again, remote) {
            panic!("{harm} in {} the second time, from {page}", again.html);
        }
        assert_eq!(text(&again.html), text(&once.html), "{} from {page}", once.html);
        assert_eq!(again.links.len(), once.links.len(), "{} from {page}", once.html);
        assert_eq!(again.hidden_texts, 0, "{} from {page}", once.html);
    }
    // The page around it has no elements of the sender's own: nothing of the fragment gets out of its body.
    let whole = Html::parse_document(&document(&clean(&page)));
    let heads = whole
        .tree
        .nodes()
        .filter(|node| node.value().as_element().is_some_and(|e| ["meta", "style", "head"].contains(&e.name())));
    assert_eq!(heads.count(), 8, "{page}");
}

#[test]
fn html_of_any_sender_comes_out_harmless_and_stays_so() {
    bolero::check!(name = "html").with_max_len(200).for_each(check);
}
