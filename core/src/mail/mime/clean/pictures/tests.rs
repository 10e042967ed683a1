use super::super::{CleanHtml, clean_with};
use super::*;

const GIF: &str = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

fn shown(html: &str, remote: bool) -> CleanHtml {
    let ids = ["logo@ac".to_owned(), "<a b>".to_owned()];
    clean_with(html, if remote { Pictures::remote(&ids) } else { Pictures::own(&ids) })
}

#[test]
fn only_pictures_of_the_message_itself_are_kept() {
    for kept in ["cid:logo@ac", "CID:logo%40ac", "cid:a%20b", GIF] {
        assert!(shown(&format!("<img src=\"{kept}\">"), false).html.contains("src="), "{kept}");
    }
    for gone in [
        "cid:autre@ac",
        "cid:",
        "mid:x/logo@ac",
        "data:image/svg+xml;base64,PHN2Zz4=",
        "data:image/svg+xml,<svg/>",
        "data:text/html;base64,R0lGODlhAQABAIAAAAAAAP",
        "data:image/png;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dyI+",
        "data:image/gif,GIF89a",
        "data:image/gif;base64,",
        "file:///x.png",
        "//e.fr/x.png",
        "x.png",
        "blob:https://e.fr/x",
    ] {
        assert_eq!(shown(&format!("<img src=\"{gone}\">"), true).html, "", "{gone}");
    }
}

#[test]
fn pictures_of_others_come_only_when_asked_for_and_over_tls() {
    let html = "<img src=\"http://a.example/x.png#f\" alt=Logo width=400><img src=https://b.example/y><img src=https://b.example/z>";
    let without = shown(html, false);
    assert_eq!((without.html.as_str(), without.remote_pictures), ("<img alt=\"Logo\">", 3));
    assert_eq!(without.picture_hosts, ["a.example", "b.example"]);
    let with = shown(html, true);
    assert!(with.shows_remote && with.html.contains("src=\"https://a.example/x.png\"") && !with.html.contains("http:"));
    assert_eq!((with.html.matches("src=").count(), with.remote_pictures), (3, 3));
}

#[test]
fn a_message_cannot_make_the_phone_knock_at_the_neighbours() {
    for near in [
        "https://192.168.1.1/x",
        "https://10.0.0.1/x",
        "https://3232235777/x",
        "https://127.0.0.1/x",
        "https://169.254.1.1/x",
        "https://100.64.0.1/x",
        "https://0/x",
        "https://[::1]/x",
        "https://[fe80::1]/x",
        "https://[fd00::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://localhost/x",
        "https://routeur/x",
        "https://fritz.local/x",
        "https://fritz.local./x",
        "http://a.example:8080/x",
        "https://moi:secret@a.example/x",
    ] {
        let clean = shown(&format!("<img src=\"{near}\">"), true);
        assert_eq!((clean.html.as_str(), clean.remote_pictures), ("", 0), "{near}");
    }
    assert_eq!(shown("<img src=https://[2606:4700::1111]/x>", true).remote_pictures, 1);
}

#[test]
fn what_only_tells_that_one_reads_stays_away_also_when_pictures_are_asked_for() {
    for pixel in [
        "<img src=https://e.fr/x width=1 height=1>",
        "<img src=https://e.fr/x width=1px>",
        "<img src=https://e.fr/x height=0>",
        "<img src=https://e.fr/x style='width:1px'>",
        "<img src=https://e.fr/x style='display:none'>",
        "<img src=https://e.fr/x style='visibility:hidden'>",
        "<img src=https://e.fr/x hidden>",
        "<img src=https://u1.ct.sendgrid.net/wf/open?upn=x>",
        "<img src=https://x.list-manage.com/track/open.php?u=x>",
    ] {
        let clean = shown(pixel, true);
        assert_eq!((clean.html.as_str(), clean.trackers, clean.remote_pictures), ("", 1, 0), "{pixel}");
    }
}
