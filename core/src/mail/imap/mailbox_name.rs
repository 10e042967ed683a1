//! Names of mailboxes on the wire: in modified UTF-7 (RFC 3501, 5.1.3), or in UTF-8 where that is enabled (RFC 6855, 3).

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const CODEC: GeneralPurpose = GeneralPurpose::new(
    &IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// How names travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Utf7,
    Utf8,
}

impl Form {
    /// The name as it goes over the wire; `None` where it cannot be carried.
    pub(super) fn encode(self, name: &str) -> Option<String> {
        match self {
            Self::Utf7 => Some(encode(name)),
            Self::Utf8 => name.chars().all(may_stand).then(|| name.to_owned()),
        }
    }

    /// The name behind the wire's form; `None` where it has none, or one that [`Form::encode`] would write differently. Such
    /// a name can be shown as it came, and cannot be given to a command.
    pub(super) fn decode(self, wire: &str) -> Option<String> {
        match self {
            Self::Utf7 => decode(wire),
            Self::Utf8 => self.encode(wire),
        }
    }
}

/// RFC 6855, 3; and not what stands in the place of bytes that were no UTF-8: nobody knows them any more.
fn may_stand(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | char::REPLACEMENT_CHARACTER)
}

/// `Éléments` as `&AMk-l&AOk-ments`.
pub(super) fn encode(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let mut wide: Vec<u8> = Vec::new();
    let flush = |wide: &mut Vec<u8>, wire: &mut String| {
        if !wide.is_empty() {
            wire.push('&');
            wire.push_str(&CODEC.encode(&*wide));
            wire.push('-');
            wide.clear();
        }
    };
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            flush(&mut wide, &mut wire);
            wire.push(c);
            if c == '&' {
                wire.push('-');
            }
        } else {
            let mut units = [0; 2];
            wide.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut wide, &mut wire);
    wire
}

/// The name behind it, where [`encode`] would write it so.
pub(super) fn decode(wire: &str) -> Option<String> {
    loosely(wire).filter(|name| encode(name) == wire)
}

fn loosely(wire: &str) -> Option<String> {
    let mut name = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((plain, shifted)) = rest.split_once('&') {
        name.push_str(plain);
        let (coded, after) = shifted.split_once('-')?;
        if coded.is_empty() {
            name.push('&');
        } else {
            let bytes = CODEC.decode(coded).ok()?;
            if bytes.len() % 2 != 0 {
                return None;
            }
            let units = bytes.chunks_exact(2).map(|pair| match *pair {
                [high, low] => u16::from_be_bytes([high, low]),
                _ => 0xfffd,
            });
            for c in char::decode_utf16(units) {
                name.push(c.ok()?);
            }
        }
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}
