//! The way to the servers, as the phone knows it.

/// The way to the servers, as the phone's system knows it. A hint: it decides what is fetched unasked and how, never what the
/// teacher asks for. The better, the greater.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Link {
    /// None: nothing is tried unasked.
    Offline,
    /// The teacher has told the phone to spare data.
    LowData,
    /// Paid by the byte, or slow.
    Metered,
    /// Nothing is known against it.
    #[default]
    Unmetered,
}
