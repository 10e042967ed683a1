use proptest::prelude::*;

use super::super::mailbox_name::{decode, encode};
use super::super::response::{code_of, internal_date};
use super::super::set::UidSet;

#[test]
fn names_have_the_form_of_rfc_3501() {
    for (name, wire) in [
        ("INBOX", "INBOX"),
        ("Éléments envoyés", "&AMk-l&AOk-ments envoy&AOk-s"),
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("Parents & élèves", "Parents &- &AOk-l&AOg-ves"),
        ("📎", "&2D3czg-"),
    ] {
        assert_eq!(encode(name), wire);
        assert_eq!(decode(wire).as_deref(), Some(name));
    }
    for wrong in ["&", "&AOk", "&!-", "&AA-", "&2D0-"] {
        assert_eq!(decode(wrong), None, "{wrong}");
    }
}

#[test]
fn codes_are_read_out_of_the_text() {
    assert_eq!(code_of("[OVERQUOTA] full").as_deref(), Some("OVERQUOTA"));
    assert_eq!(code_of("[copyuid 1 2 3] ok").as_deref(), Some("COPYUID"));
    assert_eq!(code_of("no [code] here"), None);
    assert_eq!(code_of("[]"), None);
}

#[test]
fn dates_of_servers_are_read() {
    assert_eq!(internal_date("17-Jul-1996 02:44:25 -0700"), Some(837_596_665));
    assert_eq!(internal_date(" 7-Jul-1996 02:44:25 +0000"), Some(836_707_465));
    assert_eq!(internal_date("yesterday"), None);
}

proptest! {
    #[test]
    fn every_name_comes_back(name in ".{0,60}") {
        let wire = encode(&name);
        prop_assert!(wire.is_ascii());
        prop_assert_eq!(decode(&wire), Some(name));
    }

    #[test]
    fn decoding_never_panics(wire in ".{0,60}") {
        let _ = decode(&wire);
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_fits_a_line(
        uids in proptest::collection::vec(prop_oneof![1..5000u32, any::<u32>()], 0..600),
    ) {
        let set = UidSet::of(&uids);
        let mut named = Vec::new();
        for piece in set.pieces() {
            prop_assert!(piece.len() <= 1000);
            for range in piece.split(',') {
                let (low, high) = range.split_once(':').unwrap_or((range, range));
                named.push((low.parse::<u32>().unwrap(), high.parse::<u32>().unwrap()));
            }
        }
        for uid in &uids {
            prop_assert!(set.has(*uid) && named.iter().any(|(low, high)| (low..=high).contains(&uid)));
        }
        let mut distinct = uids.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let size: u64 = named.iter().map(|(low, high)| u64::from(high - low) + 1).sum();
        prop_assert_eq!(size, distinct.len() as u64);
    }
}
