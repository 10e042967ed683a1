use async_imap::imap_proto::Response;
use proptest::prelude::*;

use super::super::code::Code;
use super::super::mailbox_name::{decode, encode};
use super::super::response::internal_date;
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
    for (text, code) in [
        ("[OVERQUOTA] full", Some(Code::OverQuota)),
        ("[NoModSeq] none", Some(Code::NoModSeq)),
        ("[CLOSED] Previous mailbox closed.", Some(Code::Closed)),
        ("[MODIFIED 7,9:8] Conditional STORE failed", Some(Code::Modified(UidSet::of(&[7, 8, 9])))),
        ("[MODIFIED x] what", Some(Code::Other("MODIFIED".to_owned()))),
        ("[XWEATHER fine] out", Some(Code::Other("XWEATHER".to_owned()))),
        ("no [code] here", None),
        ("[]", None),
    ] {
        assert_eq!(Code::in_text(text), code, "{text}");
    }
    assert_eq!(Code::in_text("[AUTHENTICATIONFAILED] no").unwrap().to_string(), "AUTHENTICATIONFAILED");
}

#[test]
fn codes_that_the_parser_knows_are_the_same() {
    for (line, code) in [
        ("[UIDVALIDITY 7] valid", Code::UidValidity(7)),
        ("[UIDNEXT 8] next", Code::UidNext(8)),
        ("[HIGHESTMODSEQ 715194045007] high", Code::HighestModSeq(715_194_045_007)),
        ("[APPENDUID 38505 3955] done", Code::AppendUid(38_505, 3955)),
        (
            "[COPYUID 38505 304,319:320 3956:3958] done",
            Code::CopyUid(38_505, vec![304..=304, 319..=320], vec![3956..=3958]),
        ),
        ("[ALERT] soon", Code::Alert),
        ("[READ-ONLY] look", Code::ReadOnly),
        ("[TRYCREATE] make it", Code::TryCreate),
    ] {
        let line = format!("* OK {line}\r\n");
        let Ok((_, Response::Data { outcome, .. })) = Response::parse(line.as_bytes()) else { panic!("{line}") };
        assert_eq!(Code::of(&outcome), Some(code), "{line}");
    }
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
