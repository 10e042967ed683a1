//! What is read from the written samples, word for word, and that no change to them ends in a panic.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::super::{Reading, attachment, read_headers, read_message};

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "tests", "data", "mail"].iter().collect()
}

fn samples() -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut samples: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    samples.sort();
    samples
}

fn crlf(raw: &[u8]) -> Vec<u8> {
    raw.split_inclusive(|b| *b == b'\n')
        .flat_map(|line| [line.strip_suffix(b"\n").unwrap_or(line), b"\r\n"].concat())
        .collect()
}

/// As people see it.
fn told(reading: &Reading) -> String {
    let html = reading
        .html
        .as_ref()
        .map_or(String::new(), |html| format!("--- html, {} remote pictures\n{}\n", html.remote_pictures, html.html));
    let attachments: String = reading
        .attachments
        .iter()
        .map(|a| {
            format!(
                "{}: {} {} {} B inline {} cid {:?}\n",
                a.index, a.name, a.media_type, a.size, a.inline, a.content_id
            )
        })
        .collect();
    let mut more = String::new();
    for notice in &reading.notices {
        more.push_str(&format!("--- {notice:?}\n"));
    }
    for told in [
        reading.report.as_ref().map(|one| format!("{one:#?}")),
        reading.invitation.as_ref().map(|one| format!("{one:#?}")),
    ] {
        more.extend(told.map(|told| format!("--- {told}\n")));
    }
    let (headers, text) = (&reading.headers, reading.text.replace("\r\n", "\n"));
    format!("{headers:#?}\n{:?}\n--- text\n{text}\n{html}--- attachments\n{attachments}{more}", reading.trouble)
}

#[test]
fn the_samples_read_as_they_should() {
    for (name, raw) in samples() {
        let file = folder().join(format!("{name}.golden"));
        let told = told(&read_message(&raw));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&file, &told).unwrap();
        }
        assert_eq!(fs::read_to_string(&file).unwrap_or_default(), told, "{name}");
    }
}

#[test]
fn the_samples_read_the_same_with_the_line_ends_of_the_wire() {
    for (name, raw) in samples() {
        if name != "unreadable" {
            let mut wire = read_message(&crlf(&raw));
            let file = read_message(&raw);
            // An attachment that is not encoded has its lines counted with their ends.
            wire.attachments.iter_mut().zip(&file.attachments).for_each(|(one, other)| one.size = other.size);
            let even = |text: String| text.replace('\r', "").replace("&#13;", "");
            assert_eq!(even(told(&wire)), even(told(&file)), "{name}");
        }
    }
}

#[test]
fn the_headers_alone_say_the_same_as_the_whole_message() {
    for (name, raw) in samples() {
        assert_eq!(read_headers(&raw), read_message(&raw).headers, "{name}");
    }
}

fn sample_and_place() -> impl Strategy<Value = (usize, f64)> {
    (0..samples().len(), 0.0..1.0f64)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_sample_damaged_anywhere_is_still_opened(
        (which, place) in sample_and_place(),
        (other, from) in sample_and_place(),
        noise in proptest::collection::vec(any::<u8>(), 0..20),
        length in 0..400usize,
    ) {
        let samples = samples();
        let (raw, piece) = (&samples[which].1, &samples[other].1);
        let at = (raw.len() as f64 * place) as usize;
        let from = (piece.len() as f64 * from) as usize;
        let piece = &piece[from..(from + length).min(piece.len())];
        for damaged in [
            [&raw[..at], &noise, &raw[at..]].concat(),
            [&raw[..at], piece, &raw[at..]].concat(),
            [&raw[..at], &raw[(at + length).min(raw.len())..]].concat(),
            raw[..at].to_vec(),
        ] {
            let reading = read_message(&damaged);
            for one in &reading.attachments {
                let (told, bytes) = attachment(&damaged, one.index).unwrap();
                prop_assert_eq!((&told, told.size), (one, bytes.len()));
                prop_assert!(!told.name.is_empty() && !told.name.contains(['/', '\\', '\0']) && !told.name.starts_with('.'));
            }
        }
    }
}
