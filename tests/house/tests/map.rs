//! The map of the house is what the code says, and its arrows point one way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use house::{arrows, draw, wrong};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn every_arrow_points_to_a_lower_floor() {
    assert_eq!(wrong(&arrows(&root().join("core/src")).unwrap()), Vec::<String>::new());
}

#[test]
fn an_arrow_against_the_order_is_found() {
    let against = BTreeMap::from([("ports".to_owned(), BTreeSet::from(["mail".to_owned()]))]);
    assert_eq!(wrong(&against), ["ports must not know mail"]);
}

/// `UPDATE=1 cargo test -p house` draws it anew.
#[test]
fn the_committed_map_is_current() {
    let file = root().join("docs/map.svg");
    let drawn = draw(&arrows(&root().join("core/src")).unwrap());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &drawn).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), drawn, "run UPDATE=1 cargo test -p house");
}
