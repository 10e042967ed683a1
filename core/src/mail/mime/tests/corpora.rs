//! What is read of the messages that other mail software tests itself with: a line each, looked through by a person.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::{Reading, attachment, read_message};

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "tests", "data", "corpora"].iter().collect()
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The messages of an origin.
fn messages(origin: &Path) -> impl Iterator<Item = (String, Vec<u8>)> {
    let is_message = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name != "LICENCE" && name != "summary.golden"
    };
    let named = |path: PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap());
    sorted(origin).into_iter().filter(is_message).map(named)
}

fn origins() -> Vec<PathBuf> {
    sorted(&folder()).into_iter().filter(|path| path.is_dir()).collect()
}

fn line(name: &str, reading: &Reading) -> String {
    let headers = &reading.headers;
    let from =
        headers.from.as_ref().map(|from| format!("{} <{}>", from.name.as_deref().unwrap_or_default(), from.address));
    let date =
        headers.date_ms.map_or_else(String::new, |ms| jiff::Timestamp::from_millisecond(ms).unwrap().to_string());
    let html = reading.html.as_ref().map(|html| format!(" html {}", html.html.chars().count())).unwrap_or_default();
    let files: Vec<_> =
        reading.attachments.iter().map(|one| format!("{} {} {}", one.name, one.media_type, one.size)).collect();
    let mut said = vec![format!("{:?}", reading.trouble)];
    said.extend(reading.notices.iter().map(|notice| format!("{notice:?}")));
    for one in reading.report.iter().flat_map(|report| &report.recipients) {
        said.push(format!("{:?} {} {:?} {}", one.fate, one.address, one.reason, one.status.as_deref().unwrap_or("-")));
    }
    said.extend(reading.invitation.as_ref().map(|one| format!("{:?} {} {:?}", one.method, one.summary, one.start)));
    let words: Vec<_> = reading.text.split_whitespace().collect();
    let words: String = words.join(" ").chars().take(100).collect();
    format!(
        "{name} | {} | {} | {date} | text {}{html} | {} | {} | {words}\n",
        headers.subject,
        from.unwrap_or_default(),
        reading.text.replace('\r', "").chars().count(),
        files.join(", "),
        said.join(", "),
    )
}

#[test]
fn the_messages_of_other_projects_read_as_they_should() {
    let mut count = 0;
    for origin in origins() {
        assert!(origin.join("LICENCE").exists(), "{}", origin.display());
        let mut summary = String::new();
        for (name, raw) in messages(&origin) {
            summary.push_str(&line(&name, &read_message(&raw)));
            count += 1;
        }
        let file = origin.join("summary.golden");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&file, &summary).unwrap();
        }
        let written = fs::read_to_string(&file).unwrap_or_default();
        for (found, expected) in summary.lines().zip(written.lines()) {
            assert_eq!(found, expected, "{}", origin.display());
        }
        assert_eq!(summary.lines().count(), written.lines().count(), "{}", origin.display());
    }
    assert!(count >= 500, "{count}");
}

#[test]
fn no_message_of_other_projects_is_a_blank_or_has_an_attachment_that_cannot_be_saved() {
    for origin in origins() {
        for (name, raw) in messages(&origin) {
            let reading = read_message(&raw);
            for one in &reading.attachments {
                let (told, bytes) = attachment(&raw, one.index).unwrap_or_else(|| panic!("{name}: {one:?}"));
                assert_eq!((&told, bytes.len()), (one, one.size), "{name}");
            }
            let body = raw.windows(2).position(|end| end == b"\n\n" || end == b"\n\r").map_or(&[][..], |at| &raw[at..]);
            let shown = !reading.text.trim().is_empty()
                || reading.html.as_ref().is_some_and(|html| !html.html.trim().is_empty() || html.remote_pictures > 0)
                || !reading.attachments.is_empty();
            assert!(
                shown || body.iter().filter(|byte| byte.is_ascii_alphanumeric()).count() < 300,
                "{name}: {reading:?}"
            );
        }
    }
}
