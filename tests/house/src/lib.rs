//! Draws the map of the core's modules from their `use crate::` lines, and knows which way its arrows may point.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The rooms in their order: an arrow points from a room to one on a lower floor. Rooms of one floor do not know each
/// other.
pub const FLOORS: &[&[&str]] =
    &[&["ports"], &["words"], &["store"], &["academy"], &["attempts"], &["portal"], &["mail"], &["companion"]];

/// Where each floor's room stands from the left, so that no arrow passes behind a room.
const PLACES: &[usize] = &[360, 80, 690, 80, 530, 690, 80, 480];

/// Who knows whom: from each room of the core, the rooms that its files name.
pub fn arrows(core: &Path) -> io::Result<BTreeMap<String, BTreeSet<String>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(core)? {
        let path = entry?.path();
        let Some(room) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        if room == "lib" {
            continue;
        }
        let known: &mut BTreeSet<String> = found.entry(room.to_owned()).or_default();
        for file in sources(&path)? {
            for line in fs::read_to_string(file)?.lines() {
                let line = line.trim().trim_start_matches("pub ");
                let Some(named) = line.strip_prefix("use crate::") else { continue };
                let end = named.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(named.len());
                known.insert(named[..end].to_owned());
            }
        }
        known.remove(room);
    }
    Ok(found)
}

/// The arrows that point the wrong way, each as a sentence.
pub fn wrong(arrows: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let floor = |room: &str| FLOORS.iter().position(|floor| floor.contains(&room));
    let mut found = Vec::new();
    for (from, known) in arrows {
        let Some(above) = floor(from) else {
            found.push(format!("{from} has no floor"));
            continue;
        };
        for to in known {
            match floor(to) {
                Some(below) if below < above => {}
                _ => found.push(format!("{from} must not know {to}")),
            }
        }
    }
    found
}

/// The map as a picture.
pub fn draw(arrows: &BTreeMap<String, BTreeSet<String>>) -> String {
    let (width, height) = (760, 60 + 80 * FLOORS.len());
    let place = |room: &str| {
        let index = FLOORS.iter().position(|floor| floor.contains(&room)).unwrap_or(0);
        (PLACES.get(index).copied().unwrap_or(380), height - 60 - 80 * index)
    };
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"16\" role=\"img\" aria-label=\"The modules of the core and who knows whom\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<defs><marker id=\"a\" markerWidth=\"8\" markerHeight=\"8\" \
         refX=\"8\" refY=\"4\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#678\"/></marker></defs>\n"
    );
    for (from, known) in arrows {
        for to in known {
            let ((x1, y1), (x2, y2)) = (place(from), place(to));
            let _ = writeln!(
                picture,
                "<line x1=\"{x1}\" y1=\"{}\" x2=\"{x2}\" y2=\"{}\" stroke=\"#678\" marker-end=\"url(#a)\"/>",
                y1 + 18,
                y2 - 20
            );
        }
    }
    for room in FLOORS.iter().flat_map(|floor| floor.iter()) {
        let (x, y) = place(room);
        let _ = writeln!(
            picture,
            "<rect x=\"{}\" y=\"{}\" width=\"120\" height=\"36\" rx=\"6\" fill=\"#eef\" stroke=\"#446\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{room}</text>",
            x - 60,
            y - 18,
            y + 6
        );
    }
    picture.push_str("</svg>\n");
    picture
}

fn sources(path: &Path) -> io::Result<Vec<PathBuf>> {
    if path.is_file() {
        let rust = path.extension().is_some_and(|extension| extension == "rs");
        let tests = path.file_stem().is_some_and(|stem| stem == "tests");
        return Ok(if rust && !tests { vec![path.to_owned()] } else { Vec::new() });
    }
    if path.file_name().is_some_and(|name| name == "tests") {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        found.extend(sources(&entry?.path())?);
    }
    Ok(found)
}
