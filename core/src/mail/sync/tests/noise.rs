//! A server whose answers are spoilt on the way: lines that get lost, come twice, cannot be read, or end in the middle. Whatever
//! is concluded from them, no message goes from the phone that is still on the server.

use super::scripted::{ALL, CONDSTORE, Liar, Scene};
use crate::mail::error::MailError;

/// Neither counts changes nor knows a list of mailboxes with their state.
const PLAIN: &str = "IMAP4rev1 UNSELECT SASL-IR AUTH=PLAIN";
/// Phones, each of which syncs so often. `NOISE=2000 cargo test -p cartable-core noise` for more.
const PHONES: u64 = 12;
const SYNCS: u64 = 8;

/// Chance that can be repeated, and how the answers of a server are spoilt by it.
#[derive(Clone)]
pub(super) struct Noise {
    state: u64,
    /// Whether lines get lost too.
    loses: bool,
}

impl Noise {
    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % end
    }

    /// What arrives of an answer, and whether the connection is still there then. Its numbers arrive as they are, or not at all: a
    /// lie that fits together is nothing that anybody could find out.
    pub(super) fn spoil(&mut self, answer: &str) -> (Vec<u8>, bool) {
        let mut spoilt = Vec::new();
        let mut lines = answer.split_inclusive('\n').peekable();
        while let Some(first) = lines.next() {
            let mut line = first.as_bytes().to_vec();
            let literal = first.ends_with("}\r\n");
            if literal {
                // Its content and the end of the answer.
                line.extend(lines.by_ref().take(2).flat_map(str::bytes));
            }
            if first.starts_with("* ") {
                match self.below(100) {
                    0..8 if self.loses => continue,
                    8..12 => line.extend_from_within(..),
                    12..16 => spoilt.extend(self.junk()),
                    16..22 if !literal => {
                        let at = 2 + self.below(line.len() as u64 - 4) as usize;
                        if !line[at].is_ascii_digit() {
                            line[at] = b"x(\"{ ]\\\xff\r"[self.below(9) as usize];
                        }
                    }
                    22 => {
                        let at = self.below(line.len() as u64) as usize;
                        spoilt.extend(&line[..at]);
                        return (spoilt, false);
                    }
                    _ => {}
                }
            }
            spoilt.extend(line);
        }
        (spoilt, true)
    }

    fn junk(&mut self) -> Vec<u8> {
        let lines: [&[u8]; 8] = [
            b"* OK [ALERT] Maintenance\r\n",
            b"* FLAGS (\\Seen)\r\n",
            b"* 2 FETCH (X-GM-LABELS () FLAGS (\\Seen))\r\n",
            b"* 4000000 FETCH (FLAGS (\\Deleted))\r\n",
            b"* NO [UNAVAILABLE] hm\r\n",
            b"* \xff\xfe\x00\x01\r\n",
            b"* LIST (\\NoInferiors\r\n",
            b"\r\n",
        ];
        lines[self.below(8) as usize].to_vec()
    }
}

#[tokio::test]
async fn whatever_is_lost_or_spoilt_on_the_way_no_message_goes_that_is_still_there() {
    let phones = std::env::var("NOISE").map_or(PHONES, |phones| phones.parse().unwrap());
    let (mut failed, mut whole) = (0, 0);
    for seed in 0..phones {
        for capabilities in [ALL, CONDSTORE, PLAIN] {
            let scene = Scene::of(Liar::new(capabilities)).await;
            let loses = seed % 2 == 1;
            let mut chance = Noise { state: seed, loses };
            for round in 0..SYNCS {
                let (fresh, read) = (chance.below(3), chance.below(9));
                scene.change(|liar| {
                    for _ in 0..fresh {
                        liar.messages.push((liar.uid_next, false));
                        liar.uid_next += 1;
                    }
                    for (uid, seen) in &mut liar.messages {
                        *seen |= u64::from(*uid) % 9 == read;
                    }
                    liar.mod_seq += 1;
                    // More than what changed is no lie.
                    liar.changes = liar.rows(|_, _| true, false);
                    liar.noise = Some(Noise { state: seed ^ (round << 32), loses });
                });
                let before = scene.shown().await;
                match scene.sync().await {
                    Ok(report) => {
                        assert_eq!(report.gone, 0, "seed {seed}, round {round}, {capabilities}");
                        whole += 1;
                    }
                    // The second: its first command already came to nothing, and there is no server to connect to anew.
                    Err(MailError::Imap(_) | MailError::NoServer) => failed += 1,
                    Err(other) => panic!("seed {seed}: {other}"),
                }
                let after = scene.shown().await;
                let lost = before.iter().find(|(uid, _)| !after.iter().any(|(other, _)| other == uid));
                assert_eq!(lost, None, "seed {seed}, round {round}, {capabilities}");
            }
            scene.change(|liar| liar.noise = None);
            scene.sync().await.unwrap();
            let (shown, there) = (scene.shown().await, scene.there());
            assert_eq!(shown.len(), there.len(), "seed {seed}, {capabilities}: {shown:?}");
            // One whose header got lost is there without its subject, as unreadable. Of a flag that was told and got lost nobody
            // can know; what came and could not be read is asked for anew.
            let same =
                |row: &&(String, bool)| there.iter().any(|other| other.0 == row.0 && (loses || other.1 == row.1));
            let wrong = shown.iter().find(|row| !row.0.is_empty() && !same(row));
            assert_eq!(wrong, None, "seed {seed}, {capabilities}");
        }
    }
    assert!(failed > phones && whole > phones, "{failed} syncs failed, {whole} were whole");
}
