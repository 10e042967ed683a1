//! What is wanted of a message, what is still missing of it, and what is fetched ahead.

use proptest::prelude::*;

use super::super::PIECE;
use super::super::plan::{Want, asks, cut, to_read};
use super::super::policy::{Facts, Prefetch, Share, is_worse};
use crate::mail::imap::{Ask, Encoding, Part, Role};
use crate::mail::link::Link;

const DAY: i64 = 24 * 60 * 60 * 1000;

#[test]
fn what_is_fetched_ahead_depends_on_the_way_and_on_the_message() {
    use Link::{LowData, Metered, Offline, Unmetered};
    use Prefetch::{Everything, Nothing, Usual};
    let (texts, few) = (Share::Texts(256 * 1024), Share::Texts(32 * 1024));
    let inbox = Some(Role::Inbox);
    for (policy, link, size, days, unread, role, expected) in [
        (Usual, Unmetered, 9_000, 29, false, inbox, texts),
        (Usual, Unmetered, 9_000, 29, false, None, texts),
        (Usual, Unmetered, 30_000_000, 29, false, inbox, texts),
        (Usual, Unmetered, 9_000, 31, true, inbox, Share::None),
        (Usual, Unmetered, 9_000, 1, true, Some(Role::Junk), Share::None),
        (Usual, Unmetered, 9_000, 1, true, Some(Role::Trash), Share::None),
        (Usual, Metered, 9_000, 2, true, inbox, few),
        (Usual, Metered, 9_000, 2, false, inbox, Share::None),
        (Usual, Metered, 40_000, 2, true, inbox, Share::None),
        (Usual, Metered, 9_000, 4, true, inbox, Share::None),
        (Usual, Metered, 9_000, 2, true, None, Share::None),
        (Usual, LowData, 9_000, 0, true, inbox, Share::None),
        (Usual, Offline, 9_000, 0, true, inbox, Share::None),
        (Everything, Unmetered, 9_000_000, 3000, false, Some(Role::Junk), Share::All),
        (Everything, Metered, 9_000, 2, true, inbox, few),
        (Everything, Metered, 9_000, 3000, false, inbox, Share::None),
        (Everything, LowData, 9_000, 0, true, inbox, Share::None),
        (Nothing, Unmetered, 9_000, 0, true, inbox, Share::None),
    ] {
        let share = policy.share(link, Facts { size, age_ms: days * DAY, unread, role });
        assert_eq!(share, expected, "{policy:?} {link:?} {size} {days} {unread} {role:?}");
        // What is too old is not even looked for.
        let looked_for = policy.oldest(link).is_some_and(|oldest| days * DAY <= oldest);
        assert!(looked_for || share == Share::None);
    }
    for policy in [Usual, Everything, Nothing] {
        assert_eq!(Prefetch::named(policy.name()), policy);
    }
    assert!(is_worse(Metered, Unmetered) && is_worse(Offline, LowData) && !is_worse(Unmetered, Metered));
    assert!(!is_worse(Metered, Metered));
}

fn leaf(section: &str, media_type: &str, octets: u32) -> Part {
    Part { section: section.to_owned(), media_type: media_type.to_owned(), octets, ..Part::default() }
}

fn sections(root: &Part) -> Vec<String> {
    to_read(root).0.iter().map(|want| format!("{} {}", want.section, want.expected)).collect()
}

#[test]
fn of_a_message_the_texts_are_read_and_the_small_pictures_in_them() {
    let picture = |section: &str, octets| Part { inline: true, ..leaf(section, "image/png", octets) };
    let inside = Part {
        section: "1".to_owned(),
        media_type: "multipart/related".to_owned(),
        parts: vec![leaf("1.1", "text/html", 900), picture("1.2", 5_000), picture("1.3", 500_000)],
        ..Part::default()
    };
    let attached = Part { attachment: true, ..leaf("3", "text/plain", 70) };
    let root = Part {
        parts: vec![inside, leaf("2", "application/pdf", 4_000), attached, leaf("4", "message/rfc822", 800)],
        ..Part::default()
    };
    let wanted = [
        "1.MIME 0",
        "1.1.MIME 0",
        "1.1 900",
        "1.2.MIME 0",
        "1.2 5000",
        "1.3.MIME 0",
        "2.MIME 0",
        "3.MIME 0",
        "4.MIME 0",
    ];
    assert_eq!(sections(&root), wanted);
    // All of it in one question.
    let (wants, incomplete) = to_read(&root);
    assert_eq!((asks(7, &wants).len(), incomplete), (1, false));
    assert_eq!(sections(&leaf("1", "text/plain", 90_000)), ["1 90000"]);
    assert_eq!(sections(&leaf("1", "application/pdf", 90_000)), [""; 0]);
}

#[test]
fn of_texts_without_end_a_bounded_part_is_read() {
    let texts = |count: usize, octets| Part {
        parts: (1..=count).map(|number| leaf(&number.to_string(), "text/plain", octets)).collect(),
        ..Part::default()
    };
    for (root, incomplete) in [(texts(1, u32::MAX), false), (texts(40, 2_000_000), true), (texts(300, 10_000), false)] {
        let (wants, out) = to_read(&root);
        let wanted: u64 = wants.iter().map(|want| want.expected).sum();
        assert!(wanted <= 4 * 1024 * 1024 && out == incomplete, "{wanted}");
        let longest = asks(1, &wants).into_iter().map(|ask| match ask {
            Ask::Pieces(_, pieces) => pieces.len(),
            Ask::Messages(..) => 0,
        });
        assert!(longest.max().unwrap() <= 24);
    }
}

#[test]
fn a_text_is_cut_where_a_line_ends() {
    for (text, kept) in [("=C3=\nabc=C", "=C3=\n"), ("abc", "abc"), ("a\n", "a\n"), ("", "")] {
        let mut bytes = text.as_bytes().to_vec();
        cut(&mut bytes);
        assert_eq!(bytes, kept.as_bytes());
    }
}

#[test]
fn the_size_of_a_file_is_told_about_right() {
    for length in [1u32, 56, 57, 58, 5_000, 3_000_000] {
        let octets = length.div_ceil(57) * 2 + length.div_ceil(3) * 4;
        let part = Part { encoding: Encoding::Base64, ..leaf("2", "application/pdf", octets) };
        assert!(part.decoded_size().abs_diff(u64::from(length)) <= 3, "{length} {}", part.decoded_size());
    }
}

/// A server that has `size` bytes and tells of `told`; it gives at most `most` of them for a question, and none to some.
fn fetched(size: u64, told: u64, most: u64, deaf: u64) -> (Want, u64, usize) {
    let (mut want, mut came, mut rounds) = (Want::new("2", told, 64 * 1024 * 1024).up_to_its_end(), 0, 0);
    loop {
        let questions = asks(1, std::slice::from_ref(&want));
        if questions.is_empty() || rounds == 200 {
            return (want, came, rounds);
        }
        rounds += 1;
        for (number, ask) in questions.into_iter().enumerate() {
            let Ask::Pieces(_, pieces) = ask else { panic!() };
            for (_, offset, asked) in pieces {
                // Cut off: the rest of this round does not come.
                if deaf > 0 && rounds < 20 && number as u64 >= deaf {
                    continue;
                }
                let length = size.saturating_sub(u64::from(offset)).min(u64::from(asked)).min(most);
                want.came(u64::from(offset), length, u64::from(asked));
                came += length;
            }
        }
    }
}

proptest! {
    #[test]
    fn a_section_comes_whole_whatever_was_told_of_its_size_and_no_byte_of_it_twice(
        size in 0..3_000_000u64,
        told in prop_oneof![Just(0), 0..3_000_000u64],
        deaf in 0..5u64,
    ) {
        for told in [size, told] {
            let (want, came, _) = fetched(size, told, u64::MAX, deaf);
            prop_assert_eq!((want.reached(), want.done(), came), (size, size, size));
            prop_assert!(!want.is_endless() && !want.is_absurd());
            prop_assert_eq!(want.total(), size);
        }
    }

    #[test]
    fn a_server_that_gives_less_than_it_is_asked_for_is_asked_again(size in 1..400_000u64, most in 20_000..60_000u64) {
        let (want, came, _) = fetched(size, size, most, 0);
        prop_assert_eq!((want.reached(), came), (size, size));
    }
}

#[test]
fn what_goes_on_behind_its_end_is_not_believed() {
    let mut want = Want::new("2", 100_000, 400_000).up_to_its_end();
    assert_eq!(want.came(0, u64::from(PIECE), u64::from(PIECE)), Some(false));
    assert_eq!(want.came(u64::from(PIECE), 40_000, u64::from(PIECE)), Some(true));
    assert!(!want.is_absurd());
    assert_eq!(want.came(200_000, 10, u64::from(PIECE)), Some(true));
    want.came(u64::from(PIECE), 35_000, u64::from(PIECE));
    assert!(want.is_absurd());
    // Nothing, in the middle of what is missing, says nothing.
    let mut gap = Want::new("2", 300_000, 900_000).up_to_its_end();
    assert_eq!(gap.came(131_072, 0, u64::from(PIECE)), None);
    assert!(gap.is_endless());
}
