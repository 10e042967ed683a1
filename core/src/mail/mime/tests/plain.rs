use proptest::prelude::*;

use super::super::clean;
use super::super::plain::text_of;

fn text(html: &str) -> String {
    text_of(&clean(html))
}

#[test]
fn html_reads_as_a_person_would_write_it() {
    for (html, expected) in [
        ("Bonjour,<br>à demain", "Bonjour,\nà demain\n"),
        ("<p>Un</p>\n<p>Deux   mots</p>", "Un\n\nDeux mots\n"),
        ("<div>Un</div><div><div>Deux</div></div>", "Un\nDeux\n"),
        ("a<b>b</b>c <i>d</i>", "abc d\n"),
        (
            "<ul><li>Un<li>Deux<ol start=3><li>Trois<li>Quatre</ol></ul>Fin",
            "* Un\n* Deux\n  3. Trois\n  4. Quatre\n\nFin\n",
        ),
        ("<blockquote>Avant<blockquote>Plus tôt</blockquote></blockquote>Après", "> Avant\n\n> > Plus tôt\n\nAprès\n"),
        ("<table><tr><td>Salle</td><td>12</td></tr><tr><td>Heure<td>17 h</table>", "Salle 12\nHeure 17 h\n"),
        ("<pre>un\n  deux\n\ntrois</pre>", "un\n  deux\n\ntrois\n"),
        ("1 &lt; 2 &amp;&amp; 3&nbsp;&gt;&nbsp;2 &amp;lt;", "1 < 2 && 3\u{a0}>\u{a0}2 &lt;\n"),
        ("Voir <img src=cid:a alt='le  plan'> ci-joint", "Voir [le plan] ci-joint\n"),
        ("<hr>", "---\n"),
        ("<script>alert(1)</script>", ""),
        ("", ""),
    ] {
        assert_eq!(text(html), expected, "{html}");
    }
}

#[test]
fn a_link_says_where_it_leads_unless_its_text_does() {
    for (html, expected) in [
        (
            "<a href=https://mauvais.example/>https://ac-essai.fr</a>",
            "https://ac-essai.fr <https://mauvais.example/>\n",
        ),
        ("<a href=https://ac-essai.fr>https://ac-essai.fr</a>", "https://ac-essai.fr\n"),
        ("Écrire à <a href=mailto:a@b.example>a@b.example</a>.", "Écrire à a@b.example.\n"),
        ("<a href='https://b.example/?x=\"&gt;<b>'>ici</a>", "ici <https://b.example/?x=%22%3E%3Cb%3E>\n"),
    ] {
        assert_eq!(text(html), expected, "{html}");
    }
    let tracker = format!("<a href=https://b.example/{}>ici</a>", "x".repeat(300));
    assert_eq!(text(&tracker), "ici\n");
}

proptest! {
    #[test]
    fn no_markup_is_lost_for_words(words in prop::collection::vec("[a-zé]{1,8}", 0..20), tags in prop::collection::vec("(p|b|div|li|ul|td|table|blockquote|a|br)", 0..20)) {
        let html: String = words.iter().enumerate().map(|(index, word)| {
            let tag = tags.get(index).map_or("b", String::as_str);
            format!("<{tag}>{word}</{tag}> ")
        }).collect();
        let text = text(&html);
        let found: Vec<_> = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
        prop_assert_eq!(found, words);
    }

    #[test]
    fn anything_at_all_is_read_without_a_panic(html in "[<>a-z/=\"'& \n!-]{0,200}") {
        let _ = text(&html);
    }
}
