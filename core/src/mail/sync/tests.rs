mod noise;
mod queue;
mod scripted;
mod server;
mod shared;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::difference::difference;
use crate::mail::flags::Flags;

fn list() -> impl Strategy<Value = BTreeMap<u32, u8>> {
    proptest::collection::btree_map(1..60u32, 0..4u8, 0..40)
}

fn flags(bits: u8) -> Flags {
    Flags::from_bits(i64::from(bits))
}

proptest! {
    #[test]
    fn applying_the_difference_gives_the_servers_list(ours in list(), theirs in list()) {
        let as_list = |map: &BTreeMap<u32, u8>| map.iter().map(|(uid, bits)| (*uid, flags(*bits))).collect::<Vec<_>>();
        let found = difference(&as_list(&ours), &as_list(&theirs));
        let mut made: BTreeMap<u32, Flags> = as_list(&ours).into_iter().collect();
        for uid in &found.gone {
            prop_assert!(made.remove(uid).is_some());
        }
        for (uid, flags) in &found.changed {
            prop_assert!(made.insert(*uid, *flags).is_some_and(|before| before != *flags));
        }
        for uid in &found.fresh {
            prop_assert!(made.insert(*uid, flags(theirs[uid])).is_none());
        }
        prop_assert_eq!(made.into_iter().collect::<Vec<_>>(), as_list(&theirs));
    }
}
