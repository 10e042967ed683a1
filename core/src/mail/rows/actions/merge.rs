//! What the actions on one message come to.

use crate::mail::flags::Flags;

/// What a waiting action does with a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::mail) enum Kind {
    Add(Flags),
    Remove(Flags),
    /// To this mailbox.
    Move(i64),
    /// For ever.
    Destroy,
    /// It is a copy, to be made in this mailbox.
    Copy(i64),
    /// It was written here, and is to be put into this mailbox.
    Append(i64),
}

/// What becomes of a message in the end.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::mail) enum End {
    #[default]
    Stay,
    Move(i64),
    Destroy,
}

/// What must be told to the server so that it is as after all of the actions: first the flags, which go with the message, then
/// the rest.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::mail) struct Merged {
    pub(in crate::mail) add: Flags,
    pub(in crate::mail) remove: Flags,
    pub(in crate::mail) end: End,
}

impl Merged {
    /// Of a message in the mailbox `home` that has `flags` on the server. What is so already is not told.
    pub(in crate::mail) fn of(kinds: impl IntoIterator<Item = Kind>, home: i64, flags: Flags) -> Self {
        let (mut after, mut end) = (flags, End::Stay);
        for kind in kinds {
            match kind {
                // What is gone stays so.
                _ if end == End::Destroy => {}
                Kind::Add(flag) => after = after.with(flag),
                Kind::Remove(flag) => after = after.without(flag),
                Kind::Move(to) => end = if to == home { End::Stay } else { End::Move(to) },
                Kind::Destroy => end = End::Destroy,
                // How it came to be says nothing of where it goes.
                Kind::Copy(_) | Kind::Append(_) => {}
            }
        }
        match end {
            End::Destroy => Self { end, ..Self::default() },
            _ => Self { add: after.without(flags), remove: flags.without(after), end },
        }
    }

    /// Tells of the flags that `kind` is about also where the server seems to have them so already: it has `flags`, as far as one
    /// could see.
    pub(in crate::mail) fn insist(&mut self, kind: Kind, flags: Flags) {
        let (Kind::Add(about) | Kind::Remove(about)) = kind else { return };
        if self.end != End::Destroy {
            let after = flags.with(self.add).without(self.remove);
            self.add = self.add.with(after.both(about));
            self.remove = self.remove.with(about.without(after));
        }
    }

    /// Whether there is no flag to be told.
    pub(in crate::mail) fn keeps_flags(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}
