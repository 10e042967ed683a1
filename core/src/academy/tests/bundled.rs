//! The bundled profiles against a table of what is known of each academy.

use super::super::catalogue::BUNDLED;
use super::super::{Academy, Audience, Catalogue, Confidence, Kind, LockRule};

/// Every fact with how far it is believed, and where it stands in the profile or why it was left out.
const FACTS: &str = include_str!("facts.tsv");

struct Fact<'a> {
    academy: &'a str,
    value: &'a str,
    confidence: &'a str,
    path: &'a str,
    left_out: &'a str,
}

fn facts() -> impl Iterator<Item = Fact<'static>> {
    FACTS.lines().skip(1).map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
        [academy, _, value, confidence, path, left_out] => Fact { academy, value, confidence, path, left_out },
        _ => panic!("{line}"),
    })
}

/// The file of an academy as it is, without the sources.
fn table(id: &str) -> toml::Table {
    let mut tables = BUNDLED.iter().map(|text| toml::from_str::<toml::Table>(text).unwrap());
    let mut table = tables.find(|table| table["id"].as_str() == Some(id)).unwrap_or_else(|| panic!("{id}"));
    table.remove("evidence");
    table
}

/// All values at a path or below it.
fn values(value: &toml::Value, path: &str) -> Vec<String> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    match value {
        toml::Value::Table(table) if path.is_empty() => table.values().flat_map(|below| values(below, "")).collect(),
        toml::Value::Table(table) => table.get(first).map(|below| values(below, rest)).unwrap_or_default(),
        toml::Value::Array(entries) if path.is_empty() => entries.iter().flat_map(|entry| values(entry, "")).collect(),
        toml::Value::Array(entries) => {
            let named = entries.iter().find(|entry| entry.get("name").and_then(toml::Value::as_str) == Some(first));
            named.map(|entry| values(entry, rest)).unwrap_or_default()
        }
        toml::Value::String(text) => vec![text.clone()],
        toml::Value::Integer(number) => vec![number.to_string()],
        toml::Value::Boolean(yes) => vec![yes.to_string()],
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_fact_is_in_its_profile_as_believed_as_its_source_or_was_left_out_for_a_reason() {
    let all = Catalogue::bundled().unwrap();
    for Fact { academy, value, confidence, path, left_out } in facts() {
        let file = toml::Value::Table(table(academy));
        if left_out.is_empty() {
            let told = values(&file, path);
            let host = format!("//{value}");
            let there = told.iter().any(|told| told == value || told.contains(&host) || told.ends_with(value));
            assert!(there, "{academy}: {value} is not at {path} but {told:?}");
            let believed = match confidence {
                "high" => Confidence::High,
                "medium" => Confidence::Medium,
                _ => panic!("{academy}: {value} is {confidence} and in the profile"),
            };
            assert_eq!(all.by_id(academy).unwrap().confidence(path), Some(believed), "{academy}: {value} at {path}");
        } else {
            let known = values(&file, "");
            assert!(path.is_empty() && !known.iter().any(|told| told == value), "{academy}: {value} was left out");
            let host = format!("//{value}");
            assert!(!known.iter().any(|told| told.contains(&host)), "{academy}: {value} was left out");
        }
    }
}

#[test]
fn every_address_of_a_profile_is_a_fact_of_the_table() {
    for academy in Catalogue::bundled().unwrap().academies() {
        for host in academy.hosts() {
            let known =
                facts().any(|fact| fact.academy == academy.id && fact.value == host && fact.left_out.is_empty());
            assert!(known, "{}: {host}", academy.id);
        }
    }
}

#[test]
fn thirty_academies_a_vice_rectorat_and_the_messagerie_nationale_are_there() {
    let all = Catalogue::bundled().unwrap();
    let count = |kind| all.academies().filter(|academy| academy.kind == kind).count();
    assert_eq!([Kind::Academy, Kind::ViceRectorat, Kind::National].map(count), [30, 1, 1]);
    assert_eq!(facts().map(|fact| fact.academy).collect::<std::collections::BTreeSet<_>>().len(), 32);
    let mut codes: Vec<_> = all.academies().flat_map(|academy| &academy.numen_codes).collect();
    codes.sort();
    let expected: Vec<_> =
        (1..=33).filter(|n| ![26, 29, 30].contains(n)).chain([43]).map(|n| format!("{n:02}")).collect();
    assert_eq!(codes, expected.iter().collect::<Vec<_>>());
}

#[test]
fn an_academys_hosts_lie_below_its_own_domain() {
    for academy in Catalogue::bundled().unwrap().academies() {
        let mut domains = academy.mail_domains.clone();
        if academy.kind == Kind::National {
            domains.push("education.gouv.fr".to_owned());
        }
        for host in academy.hosts() {
            let own = domains.iter().any(|d| host.strip_suffix(d.as_str()).is_some_and(|rest| rest.ends_with('.')));
            assert!(own, "{}: {host}", academy.id);
        }
    }
}

#[test]
fn nothing_of_low_reliability_is_in_a_bundled_profile_and_no_source_is_blank() {
    for academy in Catalogue::bundled().unwrap().academies() {
        for told in &academy.evidence {
            assert!(told.confidence > Confidence::Low && told.source.len() > 5, "{}: {told:?}", academy.id);
        }
    }
}

#[test]
fn a_portal_for_families_is_nobodys_way_in() {
    let all = Catalogue::bundled().unwrap();
    for id in ["besancon", "strasbourg"] {
        let academy = all.by_id(id).unwrap();
        assert!(academy.services.iter().any(|service| service.audience == Some(Audience::Families)), "{id}");
        assert!(academy.official_origins.is_empty() && academy.portals.is_empty(), "{id}");
    }
}

#[test]
fn what_no_academy_publishes_is_left_open() {
    let all = Catalogue::bundled().unwrap();
    let silent = |academy: &Academy| academy.lock.is_none() && academy.lock_rule() == LockRule::CAREFUL;
    assert!(all.academies().all(|academy| silent(academy) && academy.oidc.is_none()));
    let nancy = all.by_id("nancy-metz").unwrap();
    assert_eq!(nancy.password_policy().min_length, 12);
    assert!(nancy.generations.iter().all(|generation| generation.imap.is_none()));
}
