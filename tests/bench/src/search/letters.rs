//! Letters of invented words, and questions for them.

/// Distinct words.
const WORDS: usize = 60_000;
const PEOPLE: usize = 1500;
/// Seconds from a letter to the next: 200,000 are those of almost four years.
const INTERVAL: i64 = 600;
const FIRST: i64 = 1_662_012_000;
const SYLLABLES: [&str; 64] = [
    "co", "pro", "con", "re", "de", "par", "ma", "ti", "on", "ment", "la", "le", "ta", "ser", "vi", "tion", "é", "in",
    "dé", "pré", "cla", "as", "se", "sco", "lai", "ex", "am", "en", "po", "ri", "mo", "na", "lo", "gi", "que", "sur",
    "tra", "va", "il", "ré", "ver", "bi", "bou", "cha", "che", "di", "fi", "for", "gar", "ho", "ju", "ki", "li", "mu",
    "né", "pa", "quo", "ro", "sa", "te", "tu", "vo", "za", "œu",
];

/// What is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    One,
    Two,
    Three,
    /// A word of which two to six letters are there.
    Prefix,
    /// Two words, and so much of the third.
    TwoAndPrefix,
}

impl Shape {
    pub(crate) const ALL: [Self; 5] = [Self::One, Self::Two, Self::Three, Self::Prefix, Self::TwoAndPrefix];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::One => "one-word",
            Self::Two => "two-words",
            Self::Three => "three-words",
            Self::Prefix => "prefix",
            Self::TwoAndPrefix => "two-words-and-prefix",
        }
    }
}

/// A source of letters: the same for the same seed.
pub(crate) struct Letters {
    seed: u64,
    words: Vec<String>,
    /// How often words up to each are used.
    frequency: Vec<f64>,
    people: Vec<(String, String)>,
}

pub(crate) struct Letter {
    pub(crate) number: u32,
    pub(crate) received_ms: i64,
    pub(crate) subject: String,
    pub(crate) from_name: String,
    pub(crate) from_address: String,
    pub(crate) raw: Vec<u8>,
    /// Bytes of subject, people and text.
    pub(crate) text: u64,
    header: usize,
}

impl Letter {
    pub(crate) fn header(&self) -> &[u8] {
        &self.raw[..self.header]
    }
}

/// xorshift: the same on every machine.
struct Chance(u64);

impl Chance {
    fn new(seed: u64, number: u64) -> Self {
        let mut chance = Self((seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1);
        for _ in 0..4 {
            chance.next();
        }
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.unit() * limit as f64) as usize
    }
}

impl Letters {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed, u64::MAX);
        let mut seen = std::collections::HashSet::new();
        let mut words = Vec::with_capacity(WORDS);
        while words.len() < WORDS {
            let usual = match words.len() {
                0..60 => 1,
                60..800 => 2,
                800..8000 => 3,
                _ => 4,
            };
            let mut word: String = (0..usual).map(|_| SYLLABLES[chance.below(SYLLABLES.len())]).collect();
            if chance.below(3) == 0 || seen.contains(&word) {
                word.push_str(SYLLABLES[chance.below(SYLLABLES.len())]);
            }
            if seen.insert(word.clone()) {
                words.push(word);
            }
        }
        let mut sum = 0.0;
        let frequency = (0..WORDS).map(|rank| {
            sum += 1.0 / (rank as f64 + 2.7);
            sum
        });
        let frequency = frequency.collect();
        let person = |chance: &mut Chance| {
            let mut name = |count| -> String { (0..count).map(|_| SYLLABLES[chance.below(SYLLABLES.len())]).collect() };
            let (first, last) = (name(2), name(3));
            let address = format!("{first}.{last}@academie.test").replace('é', "e").replace('œ', "oe");
            (format!("{first} {last}"), address)
        };
        let people = (0..PEOPLE).map(|_| person(&mut chance)).collect();
        Self { seed, words, frequency, people }
    }

    fn word(&self, chance: &mut Chance) -> &str {
        let wanted = chance.unit() * self.frequency.last().copied().unwrap_or_default();
        &self.words[self.frequency.partition_point(|sum| *sum < wanted).min(WORDS - 1)]
    }

    fn text(&self, chance: &mut Chance, count: usize) -> String {
        let words: Vec<&str> = (0..count).map(|_| self.word(chance)).collect();
        words.join(" ")
    }

    pub(crate) fn letter(&self, number: u32) -> Letter {
        let mut chance = Chance::new(self.seed, number.into());
        let subject = {
            let count = 3 + chance.below(6);
            self.text(&mut chance, count)
        };
        let mut person = || &self.people[(PEOPLE as f64 * chance.unit().powi(3)) as usize];
        let ((from_name, from_address), (to_name, to_address)) = (person(), person());
        // Most are short, and some are long.
        let length = (40.0 / (chance.unit() + 0.05)) as usize + chance.below(160);
        let words = self.text(&mut chance, length);
        let mut body = String::with_capacity(words.len() + 100);
        for (at, word) in words.split(' ').enumerate() {
            body.push_str(word);
            body.push_str(if at % 12 == 11 { "\r\n" } else { " " });
        }
        let seconds = FIRST + i64::from(number) * INTERVAL + (chance.below(500) as i64);
        let date = date(seconds);
        let header = format!(
            "From: \"{from_name}\" <{from_address}>\r\nTo: \"{to_name}\" <{to_address}>\r\nDate: {date}\r\n\
             Message-ID: <{number}.bench@academie.test>\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        );
        let text = subject.len() + from_name.len() + from_address.len() + to_name.len() + to_address.len() + body.len();
        Letter {
            number,
            received_ms: seconds * 1000,
            from_name: from_name.clone(),
            from_address: from_address.clone(),
            text: text as u64,
            header: header.len(),
            raw: (header + &body).into_bytes(),
            subject,
        }
    }

    /// A question that some letter answers: words of its text, of two letters and more.
    pub(crate) fn question(&self, number: u32, shape: Shape) -> String {
        let mut chance = Chance::new(self.seed ^ 0x5ea4c4, u64::from(number) * 8 + shape as u64);
        loop {
            let letter = self.letter(chance.below(200_000) as u32);
            let body = String::from_utf8_lossy(&letter.raw[letter.header..]).into_owned();
            let words: Vec<&str> = body.split_whitespace().filter(|word| word.chars().count() > 2).collect();
            if words.len() < 20 {
                continue;
            }
            let mut some = || words[chance.below(words.len())];
            let (one, two, three) = (some(), some(), some());
            let letters = 2 + chance.below(5);
            let begun = |word: &str| word.chars().take(letters).collect::<String>();
            return match shape {
                Shape::One => format!("\"{one}\""),
                Shape::Two => format!("{one} \"{two}\""),
                Shape::Three => format!("{one} {two} \"{three}\""),
                Shape::Prefix => begun(one),
                Shape::TwoAndPrefix => format!("{one} {two} {}", begun(three)),
            };
        }
    }
}

/// RFC 5322, 3.3, in UTC.
fn date(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Civil from days, with March as the first month of a year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + i64::from(month >= 10);
    let name = ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"][month as usize];
    format!("{day:02} {name} {year} {:02}:{:02}:{:02} +0000", rest / 3600, rest / 60 % 60, rest % 60)
}
