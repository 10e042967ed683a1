use proptest::prelude::*;

use super::*;

fn rest(style: &str) -> String {
    read("div", style).rest
}

#[test]
fn what_loads_runs_moves_or_hides_is_left_out() {
    for bad in [
        "background-image:url(https://e.fr/x)",
        "list-style-image:url(x)",
        "content:url(x)",
        "cursor:url(x),auto",
        "border-image:url(x) 1",
        "width:calc(100px)",
        "color:var(--x)",
        "--x:url(https://e.fr)",
        "--d:red",
        "font-family:url(x)",
        "font-family:expression(alert(1))",
        "width:expression(alert(1))",
        "behavior:url(x.htc)",
        "-moz-binding:url(x)",
        "position:fixed",
        "position:absolute;top:0;left:0",
        "z-index:9",
        "transform:scale(9)",
        "opacity:0",
        "text-indent:-9999px",
        "letter-spacing:9em",
        "margin-left:-9999px",
        "margin:0 -1px",
        "padding-top:9999px",
        "width:0",
        "max-width:1px",
        "height:0",
        "max-height:0",
        "overflow:hidden",
        "clip:rect(0,0,0,0)",
        "filter:blur(9px)",
        "unicode-bidi:bidi-override",
        "text-align:url(x)",
        "border:1px solid url(x)",
        "width:1e39px",
        "@import url(https://e.fr/x.css)",
        "font:caption",
    ] {
        assert_eq!(rest(bad), "", "{bad}");
    }
}

#[test]
fn what_colours_sizes_and_aligns_is_written_anew() {
    for (written, read) in [
        ("TEXT-ALIGN:Center", "text-align:center;"),
        ("text-\\61lign:\\63 enter", "text-align:center;"),
        ("text-align/**/:/* x */center!important", "text-align:center;"),
        ("padding:4px 1em", "padding:4px 1em;"),
        ("margin:0 auto", "margin:0 auto;"),
        ("width:600px", "width:600px;"),
        ("border:1px solid #CCC", "border:1px solid #cccccc;"),
        ("border-top:2pt dotted rgba(255 0 0 / 50%)", "border-top:2.667px dotted #ff8080;"),
        ("font-family:\"Segoe UI\",Arial,sans-serif", "font-family:'segoe ui','arial',sans-serif;"),
        ("font-weight:700;font-style:italic", "font-weight:700;font-style:italic;"),
        ("text-decoration:underline dotted red", "text-decoration:underline;"),
        ("list-style:square url(x)", "list-style-type:square;"),
        ("x:1;;;color{;float:left};float:right", "float:right;"),
    ] {
        assert_eq!(rest(written).to_ascii_lowercase(), read, "{written}");
    }
}

#[test]
fn colours_sizes_and_what_is_not_to_be_seen_are_told_apart() {
    let found =
        read("p", "color:rgb(10%,0,255);background:#fff url(https://e.fr/x) no-repeat;font-size:9pt;line-height:18px");
    assert_eq!(found.colour, Some((Colour(26, 0, 255), 1.0)));
    assert_eq!(found.background, Some((Colour::WHITE, 1.0)));
    assert_eq!((found.size, found.line), (Some(Size::Rem(0.75)), Some((18.0, Unit::Px))));
    assert!(read("p", "background:linear-gradient(red,url(x))").background.is_none());
    assert!(read("p", "color:red;color:url(x)").colour.is_some());
    for hidden in ["display:none", "DISPLAY : none !important", "visibility:hidden", "mso-hide:all", "d\\69splay:none"]
    {
        assert!(read("p", hidden).hides, "{hidden}");
    }
    assert!(!read("p", "display:block;border-style:none").hides);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn only_plain_declarations_come_out_and_they_come_out_again(
        pieces in prop::collection::vec(prop_oneof![
            Just("color"), Just("width"), Just("font-family"), Just("border"), Just("background"), Just("margin"), Just(":"), Just(";"),
            Just("url("), Just("rgb("), Just(")"), Just("'"), Just("\""), Just("\\"), Just("\\75rl("), Just("/*"), Just("*/"), Just("{"),
            Just("}"), Just("<!--"), Just("@import"), Just("var(--x)"), Just("1px"), Just("-1em"), Just("50%"), Just("#abc"), Just("red"),
            Just("Arial"), Just(","), Just("/"), Just("!important"), Just(" "), Just("\n"), Just("\0"), Just("é"), Just("]"), Just("("),
        ], 0..30)
    ) {
        let style = pieces.concat();
        let once = rest(&style);
        for declaration in once.split_terminator(';') {
            let (name, value) = declaration.split_once(':').unwrap();
            prop_assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{style}: {once}");
            prop_assert!(value.chars().all(|c| c.is_ascii_alphanumeric() || " -.%#,'".contains(c)), "{style}: {once}");
        }
        prop_assert_eq!(rest(&once), once);
    }
}
