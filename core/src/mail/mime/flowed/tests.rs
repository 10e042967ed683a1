use proptest::prelude::*;

use super::unflow;

#[test]
fn broken_paragraphs_flow_together() {
    for (text, delete_space, expected) in [
        ("Un \r\ndeux \r\ntrois\r\nquatre", false, "Un deux trois\nquatre\n"),
        ("日本 \n語\n", true, "日本語\n"),
        // A blank that belongs to the text comes twice.
        ("Un  \ndeux\n", true, "Un deux\n"),
        // What was stuffed.
        (" From moi\n >pas une citation\n  retrait\n", false, "From moi\n>pas une citation\n retrait\n"),
        ("> Un \n> deux\n>> trois \n>> quatre\ncinq", false, "> Un deux\n>> trois quatre\ncinq\n"),
        // Of another depth: a new paragraph, whatever its line end says.
        ("> Un \ndeux\n", false, "> Un \ndeux\n"),
        ("Au revoir \n-- \nLéa \nReset\n", false, "Au revoir \n-- \nLéa Reset\n"),
        ("Un\n\nDeux \n\nTrois\n", false, "Un\n\nDeux \nTrois\n"),
        ("fin ", false, "fin \n"),
        ("", false, ""),
    ] {
        assert_eq!(unflow(text, delete_space), expected, "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_word_is_lost_and_nothing_grows(text in "([a-z>é ]{0,12}(\r\n|\n)?){0,30}", delete_space: bool) {
        let flowed = unflow(&text, delete_space);
        let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).collect::<String>();
        prop_assert_eq!(letters(&flowed), letters(&text));
        prop_assert!(flowed.len() <= text.len() + text.lines().count() + 1);
    }
}
