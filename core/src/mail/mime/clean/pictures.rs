//! Pictures of a message: which may be shown, which are fetched from elsewhere, and which only tell that one has read.

use std::borrow::Cow;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::{Host, Url};

use super::has_scheme;
use super::markup::Tag;
use super::style::Style;
use crate::mail::mime::percent_decoded;

const MAX_DATA_PICTURE: usize = 64 * 1024;
const MAX_URL: usize = 8 * 1024;
/// In pixels: nobody sees it.
const UNSEEN: f32 = 2.0;
/// Where the pictures of large senders lie that tell them that a message was opened. Each is a part of address and path that
/// serves nothing else.
const TRACKERS: &[&str] = &[
    "/wf/open?",
    "/track/open",
    "/trk/open",
    "/open.aspx",
    "/e/open",
    "/email/open",
    "/pixel.gif",
    "/pixel.png",
    "/tracking/pixel",
    "/mtracking.gif",
    "/__ptq.gif",
    "/tr/op/",
    "/oo/open",
    "/o.gif?",
    "google-analytics.com/",
    "mailtrack.io/",
    "mailfoogae.appspot.com/",
    "list-manage.com/track/",
];

/// Which pictures a cleaned message may have, besides small ones within its own text.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Pictures<'m> {
    /// The `Content-ID`s of the message's parts, without angle brackets: a `cid:` of another message is none of this one.
    /// `None` where the caller does not know them: then each is kept, and the one who answers `cid:` must.
    pub content_ids: Option<&'m [String]>,
    /// Whether the reader asked for those of other servers, which tells these servers when and where the message is read.
    pub remote: bool,
}

impl<'m> Pictures<'m> {
    /// Only those of the message itself.
    pub fn own(content_ids: &'m [String]) -> Self {
        Self { content_ids: Some(content_ids), remote: false }
    }

    /// Those of other servers as well: ask the reader first, and say of [`super::CleanHtml::picture_hosts`] who learns of it.
    pub fn remote(content_ids: &'m [String]) -> Self {
        Self { content_ids: Some(content_ids), remote: true }
    }
}

/// What an `<img>` is.
#[derive(Debug, PartialEq)]
pub(super) enum Picture<'t> {
    /// Of the message: to be shown.
    Own(Cow<'t, str>),
    /// Of another server, by its https address, and that server.
    Remote(String, String),
    /// It tells somebody that the message was read, and shows nothing.
    Tracker,
    /// None of this message, or none at all.
    Nothing,
}

impl Pictures<'_> {
    pub(super) fn judge<'t>(&self, tag: &'t Tag<'_>, style: &Style) -> Picture<'t> {
        let Some(src) = tag.value("src").map(str::trim) else { return Picture::Nothing };
        if let Some(id) = src.get(4..).filter(|_| has_scheme(src, &["cid:"])) {
            return if self.has(id) { Picture::Own(Cow::Owned(format!("cid:{id}"))) } else { Picture::Nothing };
        }
        if has_scheme(src, &["data:"]) {
            return if is_raster(src) { Picture::Own(Cow::Borrowed(src)) } else { Picture::Nothing };
        }
        let Some((address, host)) = https(src) else { return Picture::Nothing };
        let unseen = [("width", style.width), ("height", style.height)].into_iter().any(|(side, styled)| {
            let told = tag.value(side).and_then(|value| value.trim().trim_end_matches("px").parse::<f32>().ok());
            styled.or(told).is_some_and(|pixels| pixels <= UNSEEN)
        });
        if unseen || style.hides || tag.value("hidden").is_some() || is_tracker(&address) {
            return Picture::Tracker;
        }
        Picture::Remote(address, host)
    }

    fn has(&self, id: &str) -> bool {
        let Some(known) = self.content_ids else { return !id.is_empty() };
        let decoded = percent_decoded(id);
        known.iter().map(|known| known.trim_matches(['<', '>'])).any(|known| known == id || known == decoded)
    }
}

fn is_tracker(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    TRACKERS.iter().any(|known| lower.contains(known))
}

/// The address over TLS, and its host. None for what is not on the open Internet: a message must not make the phone knock at
/// the router or at the neighbour's printer. None also where the address carries a name and password.
fn https(src: &str) -> Option<(String, String)> {
    let mut url = Url::parse(src).ok().filter(|_| src.len() <= MAX_URL)?;
    if url.scheme() == "http" && url.port().is_none() {
        // Nearly every server has both; what is fetched in the clear can be read and changed on its way.
        url.set_scheme("https").ok()?;
    }
    let named = url.username().is_empty() && url.password().is_none();
    let host = match url.host()? {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            let local = [".local", ".localhost", ".internal", ".lan", ".home", ".home.arpa", ".onion"];
            (name.contains('.') && !local.iter().any(|ending| name.ends_with(ending))).then(|| name.to_owned())?
        }
        Host::Ipv4(address) => is_public(IpAddr::V4(address)).then(|| address.to_string())?,
        Host::Ipv6(address) => is_public(IpAddr::V6(address)).then(|| address.to_string())?,
    };
    url.set_fragment(None);
    (url.scheme() == "https" && named).then(|| (url.into(), host))
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [one, two, ..] = v4.octets();
            let shared = one == 100 && (64..128).contains(&two);
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || shared)
                && one != 0
                && one < 240
        }
        IpAddr::V6(v6) => match v6.to_ipv4() {
            Some(v4) => is_public(IpAddr::V4(v4)),
            // 2000::/3 is what IANA gives out.
            None => v6.segments().first().is_some_and(|first| (0x2000..0x4000).contains(first)),
        },
    }
}

/// Whether the address holds a picture of a kind that can neither act nor load, by what it says and by its first bytes.
fn is_raster(src: &str) -> bool {
    let Some((kind, data)) = src.split_once(',').filter(|_| src.len() <= MAX_DATA_PICTURE) else { return false };
    let kind = kind.to_ascii_lowercase();
    let known = [
        "data:image/png;base64",
        "data:image/jpeg;base64",
        "data:image/jpg;base64",
        "data:image/gif;base64",
        "data:image/webp;base64",
    ];
    if !known.contains(&kind.as_str()) {
        return false;
    }
    let start: String = data.chars().filter(|c| !c.is_ascii_whitespace()).take(16).collect();
    let start = STANDARD.decode(start.get(..start.len() / 4 * 4).unwrap_or_default()).unwrap_or_default();
    let webp = start.starts_with(b"RIFF") && start.get(8..12).is_some_and(|kind| kind == b"WEBP");
    webp || [&b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff", b"GIF87a", b"GIF89a"]
        .iter()
        .any(|sign| start.starts_with(sign))
}

#[cfg(test)]
mod tests;
