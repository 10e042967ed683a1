//! The command line.

use std::path::PathBuf;

use cartable_core::words::Language;

pub(crate) const USAGE: &str = "\
A teacher's morning against the real servers of a small academy.

usage: tour [options]
       tour academies [--lang en|fr] [--json]   the table of the academies that the app knows

  --messages N   how many messages the mailbox holds (default 2000)
  --lang en|fr   the language of the tour (default fr)
  --json         one JSON object a line and step: name, ok, ms, detail
  --keep         leave the academy up at the end, print its addresses and accounts, wait for Ctrl-C
  --picture FILE write what was shown as a picture (SVG)
  --help         this text

Exits with 0 when every step was good, with 1 when one was not, with 2 when the options make no sense.
";

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) messages: u64,
    pub(crate) language: Language,
    pub(crate) json: bool,
    pub(crate) keep: bool,
    pub(crate) picture: Option<PathBuf>,
    /// Only the table of the academies.
    pub(crate) academies: bool,
}

impl Options {
    /// `None` when only the usage was asked for.
    pub(crate) fn read(mut args: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            messages: 2000,
            language: Language::French,
            json: false,
            keep: false,
            picture: None,
            academies: false,
        };
        let mut morning = false;
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} wants a value"));
            morning |= matches!(arg.as_str(), "--messages" | "--keep" | "--picture");
            match arg.as_str() {
                "academies" => options.academies = true,
                "--messages" => {
                    let count = value()?;
                    options.messages = count.parse().map_err(|_| format!("{count} is no number of messages"))?;
                    if !(1..=1_000_000).contains(&options.messages) {
                        return Err("between 1 and 1,000,000 messages".to_owned());
                    }
                }
                "--lang" => match value()?.as_str() {
                    "fr" => options.language = Language::French,
                    "en" => options.language = Language::English,
                    other => return Err(format!("{other} is neither en nor fr")),
                },
                "--json" => options.json = true,
                "--keep" => options.keep = true,
                "--picture" => options.picture = Some(value()?.into()),
                "--help" | "-h" => return Ok(None),
                other => return Err(format!("{other} is no option")),
            }
        }
        if options.academies && morning {
            return Err("the table of the academies takes --lang and --json only".to_owned());
        }
        Ok(Some(options))
    }
}

#[cfg(test)]
mod tests {
    use super::{Language, Options};

    fn read(line: &str) -> Result<Option<Options>, String> {
        Options::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_that_make_no_sense_are_told() {
        for line in [
            "--messages",
            "--messages 0",
            "--messages many",
            "--lang de",
            "--quick",
            "academies --keep",
            "--messages 5 academies",
            "academie",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
        assert!(read("--json --help").unwrap().is_none());
        let table = read("academies --lang en --json").unwrap().unwrap();
        assert!(table.academies && table.json && table.language == Language::English);
        let options = read("--messages 20 --lang en --json --keep --picture a.svg").unwrap().unwrap();
        assert!((options.messages, options.json, options.keep) == (20, true, true) && options.picture.is_some());
    }
}
