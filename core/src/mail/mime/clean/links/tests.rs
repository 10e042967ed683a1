use super::*;

fn link(href: &str, text: &str) -> Hyperlink {
    Target::of(href).unwrap_or_else(|| panic!("{href}")).with_text(text)
}

fn elsewhere(shown: &str) -> Option<LinkDoubt> {
    Some(LinkDoubt::Elsewhere { shown: shown.to_owned() })
}

#[test]
fn a_link_leads_to_a_page_a_person_or_a_phone_and_nowhere_else() {
    for bad in [
        "javascript:alert(1)",
        " java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://e.fr/",
        "cid:x",
        "blob:https://e.fr/x",
        "intent://e.fr#Intent;end",
        "about:blank",
        "/relative",
        "//e.fr/x",
        "#anchor",
        "",
        "https://",
        "https://a b.fr/",
        "https://./",
        "tel:*21*0612345678%23",
        "tel:",
        "sms:0612345678",
    ] {
        assert_eq!(Target::of(bad), None, "{bad}");
    }
    assert_eq!(Target::of(&format!("https://e.fr/{}", "x".repeat(9000))), None);
    assert_eq!(link("tel:+33 1 23 45 67 89", "appeler").target, "tel:+33123456789");
    let mail = link("mailto:a@b.fr?bcc=c@d.fr&subject=Bonjour%20&attach=/etc/passwd", "écrire");
    assert_eq!((mail.target.as_str(), mail.host.as_str()), ("mailto:a@b.fr?subject=Bonjour%20", "a@b.fr"));
}

#[test]
fn the_host_is_told_as_it_is_reached() {
    for (href, host, doubt) in [
        ("https://www.ac-lyon.fr/x", "www.ac-lyon.fr", None),
        ("HTTPS:\\\\Ac-Lyon.FR./x", "ac-lyon.fr", None),
        ("https:ac-lyon.fr", "ac-lyon.fr", None),
        ("https://ac-lyon.fr@mal.example/", "mal.example", elsewhere("ac-lyon.fr")),
        ("https://ac-lyon.fr%40mal.example@autre.example/", "autre.example", elsewhere("ac-lyon.fr%40mal.example")),
        ("https://moi:secret@mal.example/", "mal.example", None),
        ("https://mal\t.exam\nple/", "mal.example", None),
        ("https://%6d%61l.example/", "mal.example", None),
        ("https://mal。example/", "mal.example", None),
        ("http://3232235777/", "192.168.1.1", Some(LinkDoubt::Number)),
        ("http://0xC0.0250.1.1/", "192.168.1.1", Some(LinkDoubt::Number)),
        ("https://[::1]/", "[::1]", Some(LinkDoubt::Number)),
        ("https://académie.fr/", "académie.fr", None),
        ("https://аcademie.fr/", "xn--cademie-1fg.fr", Some(LinkDoubt::Letters)),
        ("https://аррӏе.com/", "xn--80ak6aa92e.com", Some(LinkDoubt::Letters)),
        ("https://яндекс.рф/", "яндекс.рф", None),
        ("https://學校.example/", "學校.example", None),
        ("https://ạc-lyon.fr/", "xn--c-lyon-vc8b.fr", Some(LinkDoubt::Letters)),
    ] {
        let link = link(href, "ici");
        assert_eq!((link.host.as_str(), &link.doubt), (host, &doubt), "{href}");
        assert!(!link.target.contains('@') && link.target.is_ascii(), "{}", link.target);
    }
}

#[test]
fn a_text_that_looks_like_another_address_is_told() {
    for (text, href, doubt) in [
        ("https://ac-lyon.fr/portail", "https://mal.example/", elsewhere("ac-lyon.fr")),
        ("ac-lyon.fr", "https://mal.example/", elsewhere("ac-lyon.fr")),
        ("www.ac-lyon.fr", "https://mal.example/", elsewhere("www.ac-lyon.fr")),
        ("ac\u{200b}-lyon\u{ad}.fr", "https://mal.example/", elsewhere("ac-lyon.fr")),
        ("\u{202e}ac-lyon.fr", "https://mal.example/", elsewhere("ac-lyon.fr")),
        ("Allez sur https://ac-lyon.fr.", "https://ac-lyon.fr.mal.example/", None),
        ("dsi@ac-lyon.fr", "mailto:mal@mal.example", elsewhere("dsi@ac-lyon.fr")),
        ("dsi@ac-lyon.fr", "https://mal.example/", elsewhere("dsi@ac-lyon.fr")),
        ("ac-lyon.fr", "https://www.ac-lyon.fr/", None),
        ("https://portail.ac-lyon.fr", "https://ac-lyon.fr/portail", None),
        ("DSI@ac-lyon.fr", "mailto:dsi@ac-lyon.fr", None),
        ("bulletin.pdf", "https://ac-lyon.fr/b", None),
        ("v2.0", "https://ac-lyon.fr/b", None),
        ("Se connecter à Pronote.fr ou ailleurs", "https://ac-lyon.fr/b", None),
        ("", "https://ac-lyon.fr/", None),
    ] {
        if text.starts_with("Allez") {
            // A name that only begins like the other is another.
            assert_eq!(link(text.split(' ').next_back().unwrap().trim_matches('.'), "x").host, "ac-lyon.fr");
            assert_eq!(link(href, text).doubt, elsewhere("ac-lyon.fr"));
            continue;
        }
        assert_eq!(link(href, text).doubt, doubt, "{text} {href}");
    }
}

#[test]
fn known_wrappers_are_looked_into_for_showing_only() {
    let href = "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fac-lyon.fr%2Fx&data=05";
    let safe = link(href, "https://ac-lyon.fr/x");
    assert_eq!((safe.target.as_str(), safe.host.as_str(), &safe.doubt), (href, "ac-lyon.fr", &None));
    assert_eq!(safe.wrapped.as_deref(), Some("https://ac-lyon.fr/x"));
    let bad = link("https://www.google.com/url?q=https://mal.example/", "ac-lyon.fr");
    assert_eq!((bad.host.as_str(), bad.doubt), ("mal.example", elsewhere("ac-lyon.fr")));
    for none in [
        "https://notgoogle.com/url?q=https://a.fr",
        "https://google.com/url?q=javascript:x",
        "https://google.com/search?q=https://a.fr",
    ] {
        assert_eq!(link(none, "x").wrapped, None, "{none}");
    }
}
