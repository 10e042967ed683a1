//! The page around a cleaned fragment.

use super::CleanHtml;

/// Sizes follow the reader's own (`rem`), pictures and long words never widen the page, a table that is too wide scrolls within
/// itself. A picture that is not shown has a frame around the words that stand for it.
const SHEET: &str = "html{-webkit-text-size-adjust:100%;text-size-adjust:100%}\
    body{margin:12px;font:1rem/1.4 system-ui,sans-serif;overflow-wrap:anywhere}\
    table{overflow-wrap:break-word;max-width:100%}.wide{overflow-x:auto}\
    img{max-width:100%;height:auto}img:not([src]){outline:1px dashed;padding:0 4px;opacity:.75}\
    pre{white-space:pre-wrap}blockquote{margin:8px 0;padding-left:10px;border-left:3px solid #9aa0a6}";
/// A message without surfaces of its own follows the system into the dark. Its letters take the colour that `--d` has for them;
/// its white surfaces, which `rewrite` writes as `background:`, vanish.
const NIGHT: &str = "@media(prefers-color-scheme:dark){body{background:#121212;color:#e8eaed}a{color:#8ab4f8}\
    [style*=\"--d:\"]{color:var(--d)!important}[style*=\"background:#\"]{background:none!important}}";
/// One with surfaces of its own is a sheet of paper in the dark: to repaint what somebody painted makes logos vanish.
const PAPER: &str = "body{background:#fff;color:#000}@media(prefers-color-scheme:dark){html{background:#121212}\
    body{margin:8px;padding:8px;border-radius:8px}}";

/// A whole page around `clean`, for a web view. Its policy forbids scripts, frames, forms and every fetch but that of the
/// message's own pictures, and where the reader asked for them, of pictures over https: what the cleaning removes is forbidden
/// once more.
///
/// The shell shows it from a string, without an address of its own (`about:blank`), with scripts, files and storage turned off,
/// and has two duties. It answers `cid:` by a handler of that scheme (`shouldInterceptRequest`, `WKURLSchemeHandler`) with the
/// bytes of the part of this message that has the `Content-ID`, and with nothing for others. And it follows no link itself: it
/// stops every navigation, shows the target by [`CleanHtml::link`], and opens it outside once the reader agrees. Letters follow
/// the size that the system has for web pages (`textZoom` on Android, Dynamic Type by `-webkit-text-size-adjust` on iOS).
pub fn document(clean: &CleanHtml) -> String {
    let (scheme, colours) = if clean.paper { ("light", PAPER) } else { ("light dark", NIGHT) };
    let remote = if clean.shows_remote { " https:" } else { "" };
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; img-src cid: data:{remote}; style-src 'unsafe-inline'; form-action 'none'; \
         base-uri 'none'\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"x-dns-prefetch-control\" content=\"off\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"{scheme}\"><style>{SHEET}{colours}</style></head>\
         <body dir=\"auto\">{}</body></html>",
        framed(&clean.html)
    )
}

/// The fragment with a frame around each outermost table, within which it scrolls. `<` and `>` stand only at the ends of tags
/// there.
fn framed(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + 256);
    let mut depth = 0_usize;
    for piece in html.split_inclusive('>') {
        let at = piece.find('<').unwrap_or(piece.len());
        let (text, tag) = piece.split_at_checked(at).unwrap_or((piece, ""));
        out.push_str(text);
        let opens = tag.strip_prefix("<table").is_some_and(|rest| rest.starts_with([' ', '>']));
        if opens && depth == 0 {
            out.push_str("<div class=\"wide\">");
        }
        out.push_str(tag);
        if tag == "</table>" {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                out.push_str("</div>");
            }
        }
        depth += usize::from(opens);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_that_was_asked_for_pictures_may_fetch_any() {
        let page = |shows_remote| document(&CleanHtml { shows_remote, ..CleanHtml::default() });
        assert!(page(false).contains("img-src cid: data:;") && page(true).contains("img-src cid: data: https:;"));
        for page in [page(false), page(true)] {
            assert!(page.contains("default-src 'none'") && !page.contains("script-src") && !page.contains("http:"));
        }
    }

    #[test]
    fn a_wide_table_scrolls_within_itself() {
        let html =
            "<p>a &lt;table&gt;</p><table role=\"none\"><tbody><tr><td><table></table></td></tr></tbody></table>b";
        let framed = framed(html);
        assert_eq!(framed.matches("<div class=\"wide\"><table").count(), 1);
        assert!(framed.ends_with("</table></div>b"), "{framed}");
        assert_eq!(framed.replace("<div class=\"wide\">", "").replace("</div>", ""), html);
    }

    #[test]
    fn a_painted_message_is_paper_in_the_dark_and_another_follows_the_system() {
        let page = |paper| document(&CleanHtml { paper, ..CleanHtml::default() });
        assert!(page(true).contains("content=\"light\"") && page(false).contains("content=\"light dark\""));
        assert!(page(false).contains("var(--d)") && !page(true).contains("var(--d)"));
    }
}
