//! No message loads anything: each known way to do so is cleaned and shown to a real browser, while somebody listens. The same
//! browser loads the uncleaned ones, so the test would see it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cartable_core::mail::mime::{Pictures, clean, clean_with, document};
use journeys::chromium;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::vectors::{aimed, vectors};

const LIMIT: Duration = Duration::from_secs(240);
/// How many must load uncleaned: the others are of other browsers, or want a click.
const LOADING: usize = 150;

/// What was asked for, by its path; a connection without a request counts by a dash.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

/// Serves `pages` by their number, and whatever else by an empty answer. Ends with the test.
async fn serve(pages: Vec<String>) -> (u16, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Asked::default();
    let (told, pages) = (asked.clone(), Arc::new(pages));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, told.clone(), Arc::clone(&pages)));
        }
    });
    (port, asked)
}

async fn answer(mut stream: TcpStream, asked: Asked, pages: Arc<Vec<String>>) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < 65_536 {
        match stream.read(&mut piece).await {
            Ok(length @ 1..) => request.extend_from_slice(&piece[..length]),
            _ => break,
        }
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or("-").to_owned();
    let page = path.strip_prefix("/page/").and_then(|number| pages.get(number.parse::<usize>().ok()?));
    asked.0.lock().unwrap().push(path.clone());
    let (kind, body) = page.map_or(("text/plain", ""), |page| ("text/html; charset=utf-8", page.as_str()));
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await;
}

/// The numbers of the vectors that reached their server, and what else did.
fn reached(asked: &Asked) -> (BTreeSet<usize>, usize) {
    let asked = asked.0.lock().unwrap();
    let number = |path: &String| {
        let digits: String = path.trim_start_matches('/').chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    (asked.iter().filter_map(number).collect(), asked.len())
}

/// A page with a frame for each of so many pages of a host.
fn frames(host: &str, count: usize) -> String {
    (0..count)
        .map(|number| format!("<iframe src='http://{host}/page/{number}' width=300 height=60></iframe>"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_known_way_to_load_something_is_left_in_a_cleaned_message() {
    academy::install(chromium::PACKAGES).await.unwrap();
    let vectors = vectors();
    assert!(vectors.len() >= 250, "{}", vectors.len());
    let kinds = ["raw", "bare", "whole"];
    let mut rules = Vec::new();
    let (mut listening, mut showing) = (Vec::new(), Vec::new());
    for kind in kinds {
        let (port, asked) = serve(Vec::new()).await;
        rules.push(format!("MAP {kind}.example:80 127.0.0.1:{port}"));
        listening.push((kind, asked));
    }
    let page = |kind: &str, number: usize, vector: &str| {
        let written = aimed(vector, &format!("http://{kind}.example/{number}"));
        match kind {
            "raw" => written,
            // A web view may be set up without the policy of the page.
            "bare" => format!("<!doctype html><meta charset=utf-8><body>{}", clean(&written).html),
            _ => document(&clean(&written)),
        }
    };
    let mut first = String::from("<!doctype html>");
    for kind in kinds {
        let pages: Vec<String> =
            vectors.iter().enumerate().map(|(number, vector)| page(kind, number, vector)).collect();
        first.push_str(&frames(&format!("pages-{kind}.example"), pages.len()));
        let (port, shown) = serve(pages).await;
        showing.push((kind, shown));
        rules.push(format!("MAP pages-{kind}.example:80 127.0.0.1:{port}"));
    }
    let (port, index) = serve(vec![first]).await;
    rules.push("MAP * ~NOTFOUND".to_owned());
    let rules = rules.join(",").replace("MAP * ~NOTFOUND", "MAP * ~NOTFOUND,EXCLUDE 127.0.0.1");
    chromium::visit(&format!("http://127.0.0.1:{port}/page/0"), &rules, LIMIT).await.unwrap();
    assert!(!index.0.lock().unwrap().is_empty(), "the browser came");
    for (kind, shown) in showing {
        let asked = shown.0.lock().unwrap();
        let number = |path: &String| path.strip_prefix("/page/")?.parse::<usize>().ok();
        let shown: BTreeSet<usize> = asked.iter().filter_map(number).collect();
        assert_eq!(shown.len(), vectors.len(), "{kind}: every page was shown");
    }
    for (kind, asked) in &listening {
        let (loaded, requests) = reached(asked);
        println!("{kind}: {} of {} vectors loaded, {requests} requests", loaded.len(), vectors.len());
        if *kind == "raw" {
            let idle: Vec<&String> =
                vectors.iter().enumerate().filter(|(n, _)| !loaded.contains(n)).map(|(_, v)| v).collect();
            assert!(loaded.len() >= LOADING, "only {} loaded uncleaned; not: {idle:#?}", loaded.len());
        } else {
            let leaking: Vec<&String> = loaded.iter().map(|number| &vectors[*number]).collect();
            assert_eq!(requests, 0, "{kind}: {leaking:#?} {:?}", asked.0.lock().unwrap());
        }
    }
}

#[test]
fn with_pictures_asked_for_only_pictures_over_https_are_left() {
    for vector in vectors() {
        let written = aimed(&vector, "http://pictures.example/x");
        let html = clean_with(&written, Pictures::remote(&[])).html;
        // `<` and `>` stand only at the ends of tags there.
        for tag in html.split('<').skip(1).filter_map(|piece| piece.split('>').next()) {
            let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect();
            for word in ["link", "meta", "base", "script", "style", "svg", "math", "iframe", "object", "form", "video"]
            {
                assert_ne!(name, word, "{vector}: {html}");
            }
            for attribute in ["srcset=", "background=", "poster=", "ping=", "action=", "url(", "src=\"http:"] {
                assert!(!tag.contains(attribute), "{vector}: {html}");
            }
        }
        let fetched = html.match_indices("src=\"").map(|(at, _)| &html[at + 5..]);
        for source in fetched {
            assert!(
                ["https://", "data:image/", "cid:"].iter().any(|scheme| source.starts_with(scheme)),
                "{vector}: {html}"
            );
        }
    }
}
