//! A small mail server in memory, that does what RFC 9051 says, lacks what a test takes away, refuses what it is told to refuse,
//! and hangs up after so many bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

pub(super) const ALL: &str = "IMAP4rev1 MOVE UIDPLUS LITERAL+ LIST-EXTENDED LIST-STATUS UNSELECT SASL-IR AUTH=PLAIN";

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Letter {
    pub(super) uid: u32,
    pub(super) date: u32,
    pub(super) raw: String,
    pub(super) flags: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    pub(super) validity: u32,
    pub(super) next: u32,
    pub(super) letters: Vec<Letter>,
    pub(super) subscribed: bool,
    /// Left out of a list of all.
    pub(super) apart: bool,
    /// What MYRIGHTS tells.
    pub(super) rights: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) capabilities: String,
    pub(super) folders: BTreeMap<String, Folder>,
    /// Names under which no mail can be.
    pub(super) shells: Vec<&'static str>,
    /// What NAMESPACE, and GETQUOTAROOT, are answered.
    pub(super) namespaces: String,
    pub(super) quota: String,
    /// Commands that begin so are answered by that, so many times.
    pub(super) refuse: Vec<(&'static str, &'static str, u32)>,
    /// Just before the first command that begins so, another program gives the mailbox of this name that one.
    pub(super) renames: Option<(&'static str, &'static str, &'static str)>,
    /// Bytes that it still says before it hangs up.
    pub(super) left: Option<usize>,
    /// What it was asked, and how many bytes it had said after each answer.
    pub(super) asked: Vec<String>,
    pub(super) answers: Vec<usize>,
    said: usize,
    validity: u32,
    date: u32,
    selected: String,
}

impl Folder {
    fn status(&self) -> String {
        let (count, next, validity) = (self.letters.len(), self.next, self.validity);
        let unseen = self.letters.iter().filter(|one| !one.flags.contains("\\Seen")).count();
        format!("(MESSAGES {count} UIDNEXT {next} UIDVALIDITY {validity} UNSEEN {unseen})")
    }
}

impl Server {
    pub(super) fn new() -> Self {
        let mut server = Self {
            capabilities: ALL.to_owned(),
            folders: BTreeMap::new(),
            shells: Vec::new(),
            namespaces: String::new(),
            quota: String::new(),
            refuse: Vec::new(),
            renames: None,
            left: None,
            asked: Vec::new(),
            answers: Vec::new(),
            said: 0,
            validity: 0,
            date: 0,
            selected: String::new(),
        };
        for name in ["INBOX", "Trash", "Junk", "Archive", "Drafts", "Classe"] {
            server.create(name);
        }
        for number in 1..=8 {
            server.deliver("INBOX", number);
        }
        server
    }

    pub(super) fn create(&mut self, name: &str) {
        self.validity += 1;
        self.folders.insert(name.to_owned(), Folder { validity: self.validity, next: 1, ..Folder::default() });
    }

    pub(super) fn deliver(&mut self, name: &str, number: u32) {
        self.date += 1;
        let (date, raw) =
            (self.date, format!("Subject: {number}\r\nMessage-ID: <{number}@a.test>\r\n\r\nBonjour {number}\r\n"));
        self.add(name, Letter { uid: 0, date, raw, flags: BTreeSet::new() });
    }

    pub(super) fn add(&mut self, name: &str, letter: Letter) -> u32 {
        let folder = self.folders.get_mut(name).unwrap();
        let uid = folder.next;
        folder.next += 1;
        folder.letters.push(Letter { uid, ..letter });
        uid
    }

    /// Takes the message of this subject out of a folder, as another program does.
    pub(super) fn take(&mut self, name: &str, subject: &str) -> Letter {
        let letters = &mut self.folders.get_mut(name).unwrap().letters;
        let at = letters.iter().position(|one| subject_of(one) == subject).unwrap();
        letters.remove(at)
    }

    /// What is where: subjects and flags, sorted.
    pub(super) fn mail(&self) -> BTreeMap<String, Vec<(String, Vec<String>)>> {
        let mail = |folder: &Folder| {
            let mut all: Vec<_> =
                folder.letters.iter().map(|one| (subject_of(one), one.flags.iter().cloned().collect())).collect();
            all.sort();
            all
        };
        self.folders.iter().map(|(name, folder)| (name.clone(), mail(folder))).collect()
    }

    fn here(&mut self) -> &mut Folder {
        self.folders.get_mut(&self.selected).unwrap()
    }

    fn has(&self, capability: &str) -> bool {
        self.capabilities.split(' ').any(|one| one == capability)
    }

    fn answer(&mut self, tag: &str, command: &str, literal: Option<String>) -> String {
        self.asked.push(command.to_owned());
        if let Some((_, from, to)) = self.renames.take_if(|(begin, ..)| command.starts_with(*begin)) {
            let folder = self.folders.remove(from).unwrap();
            self.folders.insert(to.to_owned(), folder);
        }
        if command.starts_with("UID ") && !self.folders.contains_key(&self.selected) {
            return format!("{tag} NO Mailbox was deleted under us\r\n");
        }
        if let Some(refusal) = self.refuse.iter_mut().find(|(begin, _, times)| *times > 0 && command.starts_with(begin))
        {
            refusal.2 -= 1;
            return format!("{tag} {}\r\n", refusal.1);
        }
        let words = words(command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let told = self.told(&words, literal);
        match told {
            Ok((told, code)) => format!("{told}{tag} OK {code}done\r\n"),
            Err(no) => format!("{tag} {no}\r\n"),
        }
    }

    fn told(&mut self, words: &[&str], literal: Option<String>) -> Result<(String, String), &'static str> {
        let mut told = String::new();
        let mut code = String::new();
        match words {
            ["CAPABILITY"] => writeln!(told, "* CAPABILITY {}\r", self.capabilities).unwrap(),
            ["LIST", "", patterns @ ..] => {
                let patterns: Vec<_> = patterns.iter().take_while(|word| **word != "RETURN").collect();
                let patterns: Vec<_> = patterns.iter().map(|word| word.trim_matches(['(', ')', '*'])).collect();
                for (name, folder) in &self.folders {
                    let meant = |one: &&str| if one.is_empty() { !folder.apart } else { name.starts_with(*one) };
                    if !patterns.iter().any(meant) {
                        continue;
                    }
                    let subscribed = if folder.subscribed { "\\Subscribed" } else { "" };
                    writeln!(told, "* LIST ({subscribed}) \"/\" \"{name}\"\r").unwrap();
                    if self.has("LIST-STATUS") {
                        writeln!(told, "* STATUS \"{name}\" {}\r", folder.status()).unwrap();
                    }
                }
                for name in &self.shells {
                    writeln!(told, "* LIST (\\Noselect) \"/\" \"{name}\"\r").unwrap();
                }
            }
            ["NAMESPACE"] => told.clone_from(&self.namespaces),
            ["GETQUOTAROOT", _] => told.clone_from(&self.quota),
            ["MYRIGHTS", name] => {
                let folder = self.folders.get(*name).ok_or("NO [NONEXISTENT] no such mailbox")?;
                let rights = folder.rights.ok_or("NO not here")?;
                writeln!(told, "* MYRIGHTS \"{name}\" {rights}\r").unwrap();
            }
            ["STATUS", name, ..] => {
                let folder = self.folders.get(*name).ok_or("NO [NONEXISTENT] no such mailbox")?;
                writeln!(told, "* STATUS \"{name}\" {}\r", folder.status()).unwrap();
            }
            ["SELECT", name, ..] => {
                self.selected.clear();
                let folder = self.folders.get(*name).ok_or("NO [NONEXISTENT] no such mailbox")?;
                let (count, next, validity) = (folder.letters.len(), folder.next, folder.validity);
                self.selected = (*name).to_owned();
                write!(told, "* {count} EXISTS\r\n* OK [UIDVALIDITY {validity}] x\r\n* OK [UIDNEXT {next}] x\r\n")
                    .unwrap();
            }
            ["UID", "FETCH", set, rest @ ..] => {
                let set = self.uids(set);
                let rest = rest.join(" ");
                told = self.rows(
                    |_, uid| set.contains(&uid),
                    rest.contains("INTERNALDATE"),
                    rest.contains("HEADER"),
                    rest.contains("EMAILID"),
                );
            }
            ["FETCH", set, rest @ ..] => {
                let (low, high) = set.split_once(':').unwrap_or((set, set));
                let (low, high): (usize, usize) = (low.parse().unwrap(), high.parse().unwrap());
                let named = rest.contains(&"EMAILID");
                told = self.rows(|number, _| (low..=high).contains(&number), true, true, named);
            }
            ["UID", "STORE", set, how, flags @ ..] => {
                let set = self.uids(set);
                let flags = flags.join(" ").replace(['(', ')'], "");
                for letter in self.here().letters.iter_mut().filter(|one| set.contains(&one.uid)) {
                    for flag in flags.split(' ') {
                        if how.starts_with('+') {
                            letter.flags.insert(flag.to_owned());
                        } else {
                            letter.flags.remove(flag);
                        }
                    }
                }
            }
            ["UID", verb @ ("MOVE" | "COPY"), set, to] => {
                if !self.folders.contains_key(*to) {
                    return Err("NO [TRYCREATE] no such mailbox");
                }
                let set = self.uids(set);
                let letters: Vec<_> =
                    self.here().letters.iter().filter(|one| set.contains(&one.uid)).cloned().collect();
                let mut pairs = Vec::new();
                for letter in letters {
                    pairs.push((letter.uid, self.add(to, letter)));
                }
                let validity = self.folders[*to].validity;
                let list = |uids: Vec<u32>| uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
                let (from, there) = pairs.iter().copied().unzip();
                let copyuid = format!("[COPYUID {validity} {} {}] ", list(from), list(there));
                let copyuid = if self.has("UIDPLUS") && !pairs.is_empty() { copyuid } else { String::new() };
                if *verb == "MOVE" {
                    if !copyuid.is_empty() {
                        write!(told, "* OK {copyuid}x\r\n").unwrap();
                    }
                    told += &self.expunge(&set, false);
                } else {
                    code = copyuid;
                }
            }
            ["UID", "EXPUNGE", set] => {
                let set = self.uids(set);
                told = self.expunge(&set, true);
            }
            ["EXPUNGE"] => panic!("a plain EXPUNGE takes what others have marked"),
            ["APPEND", name, rest @ ..] => {
                let flags = rest[..rest.len() - 1].join(" ").replace(['(', ')'], "");
                let flags = flags.split(' ').filter(|flag| !flag.is_empty()).map(str::to_owned).collect();
                self.date += 1;
                let (date, raw) = (self.date, literal.unwrap());
                if !self.folders.contains_key(*name) {
                    return Err("NO [TRYCREATE] no such mailbox");
                }
                let uid = self.add(name, Letter { uid: 0, date, raw, flags });
                let validity = self.folders[*name].validity;
                if self.has("UIDPLUS") {
                    code = format!("[APPENDUID {validity} {uid}] ");
                }
            }
            ["UID", "SEARCH", "HEADER", field, value] => {
                let line = format!("{}: ", field.to_lowercase());
                let found = self.here().letters.iter().filter(|one| {
                    one.raw.lines().any(|one| one.to_lowercase().starts_with(&line) && one.contains(value))
                });
                let found: String = found.map(|one| format!(" {}", one.uid)).collect();
                write!(told, "* SEARCH{found}\r\n").unwrap();
            }
            ["UID", "SEARCH", ..] => {
                let found: String = self.here().letters.iter().map(|one| format!(" {}", one.uid)).collect();
                write!(told, "* SEARCH{found}\r\n").unwrap();
            }
            ["CREATE", name] => {
                if self.folders.contains_key(*name) {
                    return Err("NO [ALREADYEXISTS] it is there");
                }
                self.create(name);
            }
            ["RENAME", from, to] => {
                if self.folders.contains_key(*to) {
                    return Err("NO [ALREADYEXISTS] it is there");
                }
                let inside = format!("{from}/");
                let names: Vec<String> =
                    self.folders.keys().filter(|name| name == from || name.starts_with(&inside)).cloned().collect();
                if names.is_empty() {
                    return Err("NO [NONEXISTENT] no such mailbox");
                }
                for name in names {
                    let folder = self.folders.remove(&name).unwrap();
                    self.folders.insert(name.replacen(from, to, 1), folder);
                }
            }
            ["DELETE", name] => {
                self.folders.remove(*name).ok_or("NO [NONEXISTENT] no such mailbox")?;
            }
            [verb @ ("SUBSCRIBE" | "UNSUBSCRIBE"), name] => {
                let folder = self.folders.get_mut(*name).ok_or("NO [NONEXISTENT] no such mailbox")?;
                folder.subscribed = *verb == "SUBSCRIBE";
            }
            _ => {}
        }
        Ok((told, code))
    }

    fn uids(&mut self, set: &str) -> BTreeSet<u32> {
        let high = self.here().next;
        set.split(',')
            .flat_map(|range| {
                let (low, end) = range.split_once(':').unwrap_or((range, range));
                let number = |text: &str| if text == "*" { high } else { text.parse().unwrap() };
                number(low)..=number(end)
            })
            .collect()
    }

    fn expunge(&mut self, set: &BTreeSet<u32>, marked: bool) -> String {
        let mut told = String::new();
        let letters = &mut self.here().letters;
        let mut at = 0;
        while at < letters.len() {
            let one = &letters[at];
            if set.contains(&one.uid) && (!marked || one.flags.contains("\\Deleted")) {
                letters.remove(at);
                write!(told, "* {} EXPUNGE\r\n", at + 1).unwrap();
            } else {
                at += 1;
            }
        }
        told
    }

    fn rows(&mut self, wanted: impl Fn(usize, u32) -> bool, stamps: bool, header: bool, named: bool) -> String {
        let mut told = String::new();
        for (index, one) in self.here().letters.iter().enumerate() {
            if !wanted(index + 1, one.uid) {
                continue;
            }
            let flags = one.flags.iter().cloned().collect::<Vec<_>>().join(" ");
            let mut line = format!("* {} FETCH (UID {} FLAGS ({flags})", index + 1, one.uid);
            if stamps {
                let (second, size) = (one.date, one.raw.len());
                let (minute, second) = (second / 60, second % 60);
                let date = format!("01-Feb-2026 10:{minute:02}:{second:02} +0100");
                write!(line, " INTERNALDATE \"{date}\" RFC822.SIZE {size}").unwrap();
            }
            if named {
                write!(line, " EMAILID (M{})", one.date).unwrap();
            }
            if header {
                let head = one.raw.split_once("\r\n\r\n").unwrap().0.to_owned() + "\r\n\r\n";
                write!(line, " BODY[HEADER.FIELDS (FROM)]<0> {{{}}}\r\n{head}", head.len()).unwrap();
            }
            told += &line;
            told += ")\r\n";
        }
        told
    }
}

pub(super) fn subject_of(letter: &Letter) -> String {
    letter.raw.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned()
}

/// The words of a command, without their quotes.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in command.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words
}

/// Serves one connection.
pub(super) async fn serve(stream: DuplexStream, server: Arc<Mutex<Server>>) {
    let mut stream = BufReader::new(stream);
    let mut answer = format!("* OK [CAPABILITY {}] hi\r\n", server.lock().unwrap().capabilities);
    let mut line = String::new();
    loop {
        let cut = {
            let mut server = server.lock().unwrap();
            server.said += answer.len();
            let said = server.said;
            server.answers.push(said);
            let left = server.left;
            server.left = left.map(|left| left.saturating_sub(answer.len()));
            left.filter(|left| *left < answer.len())
        };
        let said = cut.map_or(answer.as_bytes(), |cut| &answer.as_bytes()[..cut]);
        if stream.write_all(said).await.is_err() || cut.is_some() {
            return;
        }
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or_default() == 0 {
            return;
        }
        let (tag, command) = line.trim_end().split_once(' ').unwrap();
        let mut literal = None;
        if let Some((_, size)) = command.rsplit_once('{') {
            let size: usize = size.trim_end_matches(['}', '+']).parse().unwrap();
            if !command.ends_with("+}") && stream.write_all(b"+ go\r\n").await.is_err() {
                return;
            }
            let mut bytes = vec![0; size + 2];
            if stream.read_exact(&mut bytes).await.is_err() {
                return;
            }
            bytes.truncate(size);
            literal = Some(String::from_utf8(bytes).unwrap());
        }
        let command = if command.starts_with("AUTHENTICATE") { "NOOP" } else { command };
        answer = server.lock().unwrap().answer(tag, command, literal);
    }
}
