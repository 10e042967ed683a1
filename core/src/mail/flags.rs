//! The flags of a message (RFC 9051, 2.3.2) as a small set.

/// The flags of a message that the app knows.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Flags(u8);

impl Flags {
    /// Read.
    pub const SEEN: Self = Self(1);
    /// Marked by the teacher.
    pub const FLAGGED: Self = Self(2);
    /// Answered.
    pub const ANSWERED: Self = Self(4);
    /// A draft.
    pub const DRAFT: Self = Self(8);
    /// About to be expunged.
    pub const DELETED: Self = Self(16);
    /// Sent on to somebody (RFC 5788, 3.1).
    pub const FORWARDED: Self = Self(32);
    /// Unwanted, as somebody or a filter has said.
    pub const JUNK: Self = Self(64);
    /// Wanted, whatever a filter thinks.
    pub const NOT_JUNK: Self = Self(128);

    /// Those that are keywords, which a server need not keep (RFC 9051, 2.3.2).
    const KEYWORDS: Self = Self(32 | 64 | 128);

    const NAMES: [(Self, &'static str); 8] = [
        (Self::SEEN, "\\Seen"),
        (Self::FLAGGED, "\\Flagged"),
        (Self::ANSWERED, "\\Answered"),
        (Self::DRAFT, "\\Draft"),
        (Self::DELETED, "\\Deleted"),
        (Self::FORWARDED, "$Forwarded"),
        (Self::JUNK, "$Junk"),
        (Self::NOT_JUNK, "$NotJunk"),
    ];

    /// The set that a server names; names that the app does not know are left out.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().fold(Self::default(), |set, name| {
            let known = Self::NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
            known.map_or(set, |(flag, _)| set.with(*flag))
        })
    }

    /// The names of the flags in the set.
    pub fn names(self) -> Vec<&'static str> {
        Self::NAMES.iter().filter(|(flag, _)| self.has(*flag)).map(|(_, name)| *name).collect()
    }

    /// Whether all of `other` is in the set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set with `other`.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set without `other`.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in both sets.
    pub(super) fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set holds nothing but keywords.
    pub(super) fn is_keywords(self) -> bool {
        self.without(Self::KEYWORDS).is_empty()
    }

    pub(super) fn bits(self) -> i64 {
        i64::from(self.0)
    }

    pub(super) fn from_bits(bits: i64) -> Self {
        Self(u8::try_from(bits & 0xff).unwrap_or_default())
    }
}
