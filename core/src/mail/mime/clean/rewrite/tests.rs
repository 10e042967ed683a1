use super::super::clean;

fn html(written: &str) -> String {
    clean(written).html
}

#[test]
fn what_no_client_shows_goes_and_is_counted() {
    for hidden in [
        "<div style='display:none'>a<p>b</p></div>vu",
        "<div style='display:none'><img src=cid:x>a<br>b<hr></div>vu",
        "<p hidden>a</p>vu",
        "<span style='visibility:hidden'>a</span>vu",
        "<div style='mso-hide:all'>a<a href=https://e.fr>b</a></div>vu",
    ] {
        let clean = clean(hidden);
        assert_eq!(clean.html, "vu", "{hidden}");
        assert!(clean.hidden_texts > 0 && clean.links.is_empty());
    }
    // A mail that hides all of itself is shown all the same.
    assert!(html("<div style='display:none'>tout</div>").contains("tout"));
}

#[test]
fn text_that_hides_in_another_way_is_made_visible() {
    for (written, read) in [
        ("<p style='font-size:0'>a</p>", "<p style=\"font-size:0.75rem;\">a</p>"),
        ("<p style='font-size:1px;line-height:0'>a</p>", "<p style=\"font-size:0.75rem;line-height:1;\">a</p>"),
        ("<p style='color:#fff'>a</p>", "<p>a</p>"),
        ("<p style='color:#fefefe;background:white'>a</p>", "<p style=\"background:#ffffff;\">a</p>"),
        ("<p style='color:transparent'>a</p>", "<p>a</p>"),
        ("<p style='color:rgba(0,0,0,.02)'>a</p>", "<p>a</p>"),
        ("<font color=white>a</font>", "<font>a</font>"),
        ("<font size=-7>a</font>", "<font style=\"font-size:0.75rem;\">a</font>"),
        ("<p style='opacity:0;text-indent:-9em;position:absolute;left:-99px'>a</p>", "<p>a</p>"),
        ("<p style='width:0;height:0;max-height:0;overflow:hidden'>a</p>", "<p>a</p>"),
    ] {
        assert_eq!(html(written), read, "{written}");
    }
    // Sizes in each other do not add up to nothing, nor to everything.
    let nested = |size: &str| html(&format!("{}a", format!("<span style='font-size:{size}'>").repeat(20)));
    assert!(nested("50%").contains("0.75rem") && !nested("50%").contains("0.7rem"));
    assert!(nested("4em").contains(":3rem") && !nested("4em").contains(":4rem"));
    // White letters around a white surface.
    let inherited = html("<div style='background:navy;color:white'><p style='background:#fff'>a</p></div>");
    assert!(inherited.contains("<p style=\"background:#ffffff;color:#000000;--d:#ffffff;\">"), "{inherited}");
    let link = html("<p style='background:#0000ee'><a href=https://e.fr>a</a></p>");
    assert!(link.contains("style=\"color:#ffffff;\""), "{link}");
}

#[test]
fn dark_letters_have_a_light_form_and_a_painted_message_is_paper() {
    let plain = clean("<p style='color:#1f497d'>a</p><p style='background:#fff'>b</p>");
    assert!(plain.html.contains("color:#1f497d;--d:#") && !plain.paper, "{}", plain.html);
    assert!(clean("<table bgcolor=#003366><tr><td>a</table>").paper);
    assert!(clean("<body style='background:#fc0'>a").paper);
    let marked = clean("<p><span style='background:yellow'>a</span></p>");
    assert!(marked.html.contains("background-color:#ffff00;color:#000000;\"") && !marked.paper, "{}", marked.html);
}

#[test]
fn sizes_are_the_readers() {
    assert_eq!(html("<p style='font-size:16px'>a</p>"), "<p style=\"font-size:1rem;\">a</p>");
    assert_eq!(
        html("<p style='font-size:12pt;line-height:24px'>a</p>"),
        "<p style=\"font-size:1rem;line-height:1.5;\">a</p>"
    );
    assert_eq!(
        html("<h1><span style='font-size:.5em'>a</span></h1>"),
        "<h1><span style=\"font-size:1rem;\">a</span></h1>"
    );
    assert_eq!(html("<font size=+2>a</font>"), "<font style=\"font-size:1.5rem;\">a</font>");
}

#[test]
fn language_direction_words_for_pictures_and_roles_stay() {
    for kept in [
        "<p lang=\"ar\" dir=\"rtl\">a</p>",
        "<img alt=\"Plan\" src=\"cid:x\">",
        "<table role=\"presentation\"><tbody><tr><td>a</td></tr></tbody></table>",
        "<h2>a</h2>",
        "<table><tbody><tr><th scope=\"row\">a</th></tr></tbody></table>",
    ] {
        assert_eq!(html(kept), kept);
    }
    let page = html("<html lang=ar><body dir=rtl bgcolor=#FFFFFF onload=x background=https://e.fr/x>a</body></html>");
    assert_eq!(page, "<div lang=\"ar\"><div dir=\"rtl\" style=\"background:#ffffff;\">a</div></div>");
    assert_eq!(html("<div role=button>a</div><td lang='x\"y'>"), "<div>a</div>");
}

#[test]
fn links_are_told_in_their_order_with_what_they_show() {
    let clean = clean(
        "<a href=https://a.fr/1>un <b>deux</b></a><a href=javascript:x>non</a>\
                       <a href=https://b.fr><img src=https://e.fr/x alt=Image></a><a href=https://a.fr/1>c.fr</a>",
    );
    let told: Vec<_> = clean.links.iter().map(|link| (link.text.as_str(), link.target.as_str())).collect();
    assert_eq!(told, [("un deux", "https://a.fr/1"), ("Image", "https://b.fr"), ("c.fr", "https://a.fr/1")]);
    assert_eq!(clean.link("https://a.fr/1").map(|link| link.text.as_str()), Some("c.fr"), "the one in doubt");
    assert!(clean.link("https://b.fr/").is_some() && clean.link("https://c.fr").is_none());
}

#[test]
fn a_second_cleaning_changes_nothing() {
    for written in [
        "<p style='font-size:9pt;color:#123;background:#eee;margin:0 auto;border:1px solid red'>a &lt; b&nbsp;c</p>",
        "<table bgcolor=fc0 width=600 cellpadding=3><tr><td align=center><font size=5 color=navy face=Arial>x</font></table>",
        "<pre>\n\n a</pre><a href='https://a.fr/?a=b&amp;c=\"d'>x</a><img alt='a > b &amp;amp; \"c' src=cid:x>",
    ] {
        let once = html(written);
        assert_eq!(html(&once), once);
    }
}
