//! Draws mails before and after cleaning, as the pictures of `docs/reading.md`: `cargo run -p journeys --bin reading`.
//!
//! *Before* is the sender's HTML as a browser without any care shows it, with the network out of reach.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cartable_core::mail::mime::{CleanHtml, clean, document};
use journeys::chromium;

/// Of a phone, in CSS pixels.
const WIDTH: u32 = 400;
const LIMIT: Duration = Duration::from_secs(60);

/// Name, height, HTML.
const MAILS: &[(&str, u32, &str)] = &[
    (
        "letter",
        300,
        "<p style='font-family:Calibri;font-size:11pt;color:#1F497D'>Chers collègues,</p>\
         <p style='font-family:Calibri;font-size:11pt;color:black'>Le conseil de classe de la 4<sup>e</sup> B est avancé à \
         <b>mardi 17 h 30</b>, salle <span style='background:yellow'>B 204</span>.</p><ul style='color:#1F497D'><li>bulletins \
         à remplir pour lundi<li>appréciations relues par le professeur principal</ul>\
         <p style='font-size:9pt;color:gray'>Léa Reset, <a href='https://college.example'>collège Test</a></p>",
    ),
    (
        "newsletter",
        470,
        "<body bgcolor=#e9edf5><div style='display:none;font-size:1px'>Les horaires, la cantine et les sorties du mois</div>\
         <table width=380 align=center cellpadding=0 cellspacing=0 role=presentation><tr><td bgcolor=#000091 \
         style='padding:16px;color:#ffffff;font-family:Arial'><h2 style='margin:0;color:#fff'>Lettre d’information n° 12</h2>\
         <tr><td bgcolor=#ffffff style='padding:16px;font-family:Arial;color:#333333;line-height:20px'>\
         <p>Chères et chers collègues,<p>Les <b>horaires</b> de la rentrée sont en ligne.\
         <p><a href='https://suivi.lettre.example/c?u=42' style='display:inline-block;background:#000091;color:#fff;\
         padding:10px 18px;text-decoration:none;border-radius:4px'>Lire les horaires</a>\
         <p><img src='https://lettre.example/logo.png' alt='Logo de l’académie' width=120 height=60>\
         <img src='https://suivi.lettre.example/o.gif?u=42' width=1 height=1>\
         <p style='font-size:10px;color:#888'>Vous recevez cette lettre parce que vous enseignez.</table></body>",
    ),
    (
        "phishing",
        330,
        "<div style='position:fixed;top:0;left:0;right:0;background:#c00;color:#fff;padding:8px;z-index:9'>Messagerie \
         académique : session expirée</div><p style='margin-top:50px'>Votre boîte sera <span style='color:red'>fermée</span> ce soir. \
         <span style='font-size:0'>recette du gâteau au yaourt, météo du jour</span>\
         Confirmez votre mot de passe :<p><a href='https://ac-lyon.fr@mal.example/x'>https://portail.ac-lyon.fr/connexion</a>\
         <form action='https://mal.example/'>Identifiant <input name=u><br>Mot de passe <input type=password name=p>\
         <button>Valider</button></form><p style='color:#fff'>liste de mots que seul le filtre lit</p>\
         <img src='https://mal.example/vu.gif' alt='Logo'>",
    ),
    (
        "wide",
        300,
        "<p>Voici les moyennes :</p><table border=1 cellpadding=6 style='border-collapse:collapse'><tr><th scope=col>Élève\
         <th scope=col>Français<th scope=col>Mathématiques<th scope=col>Histoire<th scope=col>Anglais<th scope=col>Technologie\
         <tr><td style='white-space:nowrap'>Amélie Martin<td>14,5<td>12<td>15<td>16<td>13\
         <tr><td style='white-space:nowrap'>Noé Lefèvre<td>11<td>17,5<td>10<td>12<td>15</table>\
         <p style='font-size:40pt'>Très grand</p><p style='font-size:4px'>Très petit, mais à lire.</p>",
    ),
    (
        "arabic",
        230,
        "<html lang=ar dir=rtl><body><h3>مرحبا</h3><p>الاجتماع يوم <b>الثلاثاء</b> الساعة الخامسة مساء في القاعة B 204.</p>\
         <p lang=fr dir=ltr>Réunion mardi à 17 h, salle B 204.</p></body></html>",
    ),
];

#[tokio::main]
async fn main() -> io::Result<()> {
    academy::install(chromium::PACKAGES).await.map_err(io::Error::other)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let docs = root.join("docs/reading");
    std::fs::create_dir_all(&docs)?;
    let folder = tempfile::tempdir()?;
    for &(name, height, html) in MAILS {
        three(folder.path(), &docs, name, height, html, &clean(html)).await?;
    }
    Ok(())
}

/// Before, after, and after in the dark.
async fn three(folder: &Path, docs: &Path, name: &str, height: u32, html: &str, cleaned: &CleanHtml) -> io::Result<()> {
    let before = format!("<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>{html}");
    let after = document(cleaned);
    for (kind, page, dark) in [("before", &before, false), ("after", &after, false), ("dark", &after, true)] {
        let file: PathBuf = folder.join(format!("{name}-{kind}.html"));
        std::fs::write(&file, page)?;
        let picture = docs.join(format!("{name}-{kind}.png"));
        chromium::draw(&file, &picture, (WIDTH, height), dark, LIMIT).await?;
        println!("{}: {} bytes", picture.display(), std::fs::metadata(&picture)?.len());
    }
    Ok(())
}
