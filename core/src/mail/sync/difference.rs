//! What the phone knows of a mailbox against what the server lists.

use crate::mail::flags::Flags;

/// What one must do to `ours` to make it `theirs`.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Difference {
    pub(super) fresh: Vec<u32>,
    pub(super) gone: Vec<u32>,
    pub(super) changed: Vec<(u32, Flags)>,
}

/// Both lists ascend by UID.
pub(super) fn difference(ours: &[(u32, Flags)], theirs: &[(u32, Flags)]) -> Difference {
    let mut found = Difference::default();
    let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
    loop {
        match (ours.peek(), theirs.peek()) {
            (None, None) => return found,
            (Some((our, _)), Some((their, flags))) if our == their => {
                if ours.next().is_some_and(|(_, before)| before != flags) {
                    found.changed.push((*their, *flags));
                }
                theirs.next();
            }
            (Some((our, _)), None) => {
                found.gone.push(*our);
                ours.next();
            }
            (Some((our, _)), Some((their, _))) if our < their => {
                found.gone.push(*our);
                ours.next();
            }
            (_, Some((their, _))) => {
                found.fresh.push(*their);
                theirs.next();
            }
        }
    }
}
