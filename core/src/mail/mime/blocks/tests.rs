use proptest::prelude::*;

use super::{Block, BlockKind, blocks};

/// One letter a block: T, S, and the depth of a quote.
fn kinds(text: &str) -> String {
    let letter = |block: Block| match block.kind {
        BlockKind::Text => 'T',
        BlockKind::Signature => 'S',
        BlockKind::Quote { depth } => char::from_digit(u32::from(depth), 36).unwrap_or('?'),
    };
    blocks(text).into_iter().map(letter).collect()
}

#[test]
fn quotes_and_signatures_are_told_from_the_letter() {
    for (text, expected) in [
        ("Bonjour\n\nLéa\n", "T"),
        ("Oui.\n\nLe 3 mai, Paul a écrit :\n\n> Venez-vous ?\n>\n> Paul\n", "T1"),
        ("Oui.\nOn Tue, Paul Martin\n<p@a.example> wrote:\n> a\n>> b\n> > c\n> d\nFin\n", "T121T"),
        ("Bonjour\n-- \nLéa Reset\nProfesseure\n", "TS"),
        ("Oui\n-- \nLéa\n> cité\n", "TS1"),
        ("Oui\n\nEnvoyé de mon iPhone\n\n> cité\n", "TS1"),
        ("Envoyé de mon domicile, ce texte continue.\nIl dit plus.\n", "T"),
        ("D’accord.\n\n-----Message d’origine-----\nDe : Paul\n\nTexte\n> plus tôt\n", "T1"),
        ("Vu.\n\nDe : Paul Martin <p@a.example>\nEnvoyé : lundi 3 mai\nÀ : Léa\nObjet : Conseil\n\nBonjour\n", "T1"),
        // Forwarded with nothing said: that is what is to be read.
        ("De : Paul\nEnvoyé : lundi\nÀ : Léa\nObjet : Conseil\n\nBonjour\n", "T"),
        ("De : quelqu’un\nje ne sais pas\n", "T"),
        ("Il a écrit :\nrien\n", "T"),
        ("", ""),
    ] {
        assert_eq!(kinds(text), expected, "{text}");
    }
}

#[test]
fn a_text_of_alternating_quotes_has_no_more_blocks_than_a_screen_bears() {
    let text = "> a\nb\n".repeat(100_000);
    let found = blocks(&text);
    assert!(found.len() <= 2000, "{}", found.len());
    assert_eq!(found.iter().map(|block| block.text.as_str()).collect::<String>(), text);
    let deep = format!("{} x\n", ">".repeat(100_000));
    assert_eq!(blocks(&deep)[0].kind, BlockKind::Quote { depth: 50 });
}

proptest! {
    #[test]
    fn the_blocks_together_are_the_text(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("\n"), Just("> "), Just(">"), Just("-- \n"), Just("Le "), Just("a écrit :\n"), Just("De : x\n"), Just("Envoyé : x\n"),
                Just("À : x\n"), Just("Objet : x\n"), Just("-----Original Message-----\n"), Just("Sent from my x\n"), Just("é"), Just("\r\n"),
            ],
            0..60,
        )
    ) {
        let text = pieces.concat();
        prop_assert_eq!(blocks(&text).iter().map(|block| block.text.as_str()).collect::<String>(), text);
    }
}
