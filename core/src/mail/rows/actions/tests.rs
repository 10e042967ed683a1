use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Deed, End, Kind, Merged};
use crate::mail::flags::Flags;
use crate::mail::rows::{self, ActionKind, Arrived};
use crate::store::Store;

/// A message on a server that does what it is told.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Model {
    place: Option<i64>,
    flags: Flags,
    told: usize,
}

impl Model {
    fn at(home: i64, flags: u8) -> Self {
        Self { place: Some(home), flags: Flags::from_bits(i64::from(flags)), told: 0 }
    }

    fn act(&mut self, kind: Kind) {
        self.told += 1;
        match kind {
            _ if self.place.is_none() => {}
            Kind::Add(flag) => self.flags = self.flags.with(flag),
            Kind::Remove(flag) => self.flags = self.flags.without(flag),
            Kind::Move(to) | Kind::Copy(to) | Kind::Append(to) => self.place = Some(to),
            Kind::Destroy => self.place = None,
        }
    }

    fn tell(&mut self, merged: Merged) {
        if !merged.add.is_empty() {
            self.act(Kind::Add(merged.add));
        }
        if !merged.remove.is_empty() {
            self.act(Kind::Remove(merged.remove));
        }
        match merged.end {
            End::Stay => {}
            End::Move(to) => self.act(Kind::Move(to)),
            End::Destroy => self.act(Kind::Destroy),
        }
    }

    fn state(&self) -> (Option<i64>, Option<Flags>) {
        (self.place, self.place.map(|_| self.flags))
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    let flags = || any::<u8>().prop_map(|bits| Flags::from_bits(i64::from(bits)));
    prop_oneof![
        4 => flags().prop_map(Kind::Add),
        4 => flags().prop_map(Kind::Remove),
        4 => (1..4i64).prop_map(Kind::Move),
        1 => Just(Kind::Destroy),
    ]
}

proptest! {
    /// Whatever of it the server did late, and whenever: told once more, it is as it should be.
    #[test]
    fn flags_that_the_server_perhaps_heard_of_are_right_even_where_it_does_them_late(
        flags in any::<u8>(),
        kinds in prop::collection::vec(kind(), 1..6),
        heard in any::<u8>(),
    ) {
        let mut single = Model::at(1, flags);
        kinds.iter().for_each(|kind| single.act(*kind));
        let mut merged = Merged::of(kinds.iter().copied(), 1, Flags::from_bits(i64::from(flags)));
        let mut late = Model::at(1, flags);
        let are_flags = |kind: &Kind| matches!(kind, Kind::Add(_) | Kind::Remove(_));
        let heard: Vec<_> = kinds.iter().enumerate().filter(|(at, kind)| heard & (1 << at) != 0 && are_flags(kind)).collect();
        for (_, kind) in &heard {
            merged.insist(**kind, Flags::from_bits(i64::from(flags)));
            late.act(**kind);
        }
        late.tell(merged);
        prop_assert_eq!(late.state(), single.state());
    }

    #[test]
    fn what_actions_come_to_has_their_effect_in_no_more_commands(
        kinds in proptest::collection::vec(kind(), 0..12), home in 1..4i64, flags in any::<u8>()
    ) {
        let (mut one_by_one, mut at_once) = (Model::at(home, flags), Model::at(home, flags));
        kinds.iter().for_each(|kind| one_by_one.act(*kind));
        let merged = Merged::of(kinds.iter().copied(), home, at_once.flags);
        at_once.tell(merged);
        prop_assert_eq!(one_by_one.state(), at_once.state());
        prop_assert!(at_once.told <= one_by_one.told.min(3));
        // Nothing is told that is so already.
        let again = Merged::of(kinds, at_once.place.unwrap_or(home), at_once.flags);
        if at_once.place.is_some() && one_by_one.flags == at_once.flags && !matches!(merged.end, End::Move(_)) {
            prop_assert_eq!(again, Merged::default());
        }
    }
}

#[test]
fn there_and_back_is_nothing_and_destruction_swallows_all() {
    let seen = Flags::SEEN;
    let there_and_back = [Kind::Add(seen), Kind::Move(2), Kind::Remove(seen), Kind::Move(3), Kind::Move(1)];
    assert_eq!(Merged::of(there_and_back, 1, Flags::default()), Merged::default());
    let destroyed = Merged::of([Kind::Add(seen), Kind::Move(2), Kind::Destroy], 1, Flags::default());
    assert_eq!(destroyed, Merged { end: End::Destroy, ..Merged::default() });
    assert_eq!(Merged::of([Kind::Move(2), Kind::Move(3)], 1, seen).end, End::Move(3));
}

#[tokio::test]
async fn a_call_about_thousands_is_one_step_and_its_undoing_too() {
    const MESSAGES: u32 = 5000;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let made = store.write(|t, changes| {
        let inbox = rows::mailbox_named(t, "essai", "INBOX", None, true)?;
        let archive = rows::mailbox_named(t, "essai", "Archive", None, true)?;
        let message = |uid| Arrived {
            uid,
            received_ms: 1,
            size: 1,
            flags: Flags::default(),
            header: vec![b'x'; 300],
            email_id: None,
            unreadable: false,
        };
        rows::add(t, inbox, &(1..=MESSAGES).map(message).collect::<Vec<_>>())?;
        let all = rows::shown_in(t, inbox, false)?;
        let deed = Deed::begin(t, "essai", ActionKind::Move, Flags::default(), Some(archive))?;
        deed.act(t, changes, &all, &[Kind::Move(archive)])?;
        Ok((deed.id, inbox, archive))
    });
    let (deed, inbox, archive) = made.await.unwrap();
    let (items, shown) = store
        .read(move |c| Ok((rows::items(c, "essai", 0, i64::MAX, 2000)?, rows::mailboxes(c, "essai")?)))
        .await
        .unwrap();
    let known: Vec<_> = shown.iter().map(|one| (one.id, one.known, one.unread)).collect();
    assert_eq!(known, [(archive, 5000, 5000), (inbox, 0, 0)]);
    assert_eq!(items.0.len(), 2000);
    let uids: BTreeSet<u32> = items.0.iter().map(|item| item.uid).collect();
    assert_eq!((uids.len(), items.0[0].merged.end), (2000, End::Move(archive)));
    let shown = store.write(move |t, changes| {
        assert_eq!(rows::undo(t, changes, "essai", deed)?, rows::Undone::Wholly);
        assert!(!rows::is_waiting(t, "essai")?);
        rows::mailboxes(t, "essai")
    });
    assert_eq!(shown.await.unwrap().iter().map(|one| one.known).collect::<Vec<_>>(), [0, 5000]);
}
