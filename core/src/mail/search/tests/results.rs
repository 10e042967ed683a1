use super::{Query, Scene, TODAY};
use crate::mail::search::Found;

const LETTER: &str = "From: =?utf-8?Q?L=C3=A9a_Lef=C3=A8vre?= <lea.lefevre@academie.test>\nTo: Jeanne Dupont <jdupont@academie.test>\n\
                      Cc: paul@academie.test\nSubject: Conseil de classe\nContent-Type: multipart/mixed; boundary=x\n";

/// Three messages: of Léa's with a file, of Paul's, and a newsletter in another mailbox.
async fn mail() -> (Scene, [i64; 3]) {
    let scene = Scene::new().await;
    let first = scene.arrives(scene.inbox, 1, 60, LETTER).await;
    let body = format!(
        "{LETTER}\n--x\nContent-Type: text/plain; charset=utf-8\n\nBonjour,\n\nL'élève du 3e B a rendu son œuvre. Le conseil aura lieu mardi, \
         et la classe de neige est reportée.\n--x\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=\"Bulletin-T1.pdf\"\n\n\
         x\n--x--\n"
    );
    scene.body(first, &body).await;
    let second =
        scene.arrives(scene.inbox, 2, 30, "From: Paul <paul@ailleurs.test>\nSubject: Re: classe de neige\n").await;
    let third = scene
        .arrives(
            scene.other,
            3,
            60 * 24 * 40,
            "From: lettre@b.test\nSubject: Lettre aux =?utf-8?Q?=C3=A9l=C3=A8ves?=\n",
        )
        .await;
    (scene, [first, second, third])
}

#[tokio::test]
async fn words_are_found_wherever_they_stand_and_fields_only_where_they_say() {
    let (scene, [first, second, third]) = mail().await;
    for (text, wanted) in [
        ("classe", vec![second, first]),
        ("CLASSE conseil", vec![first]),
        ("eleve", vec![first, third]),
        ("\"élève\"", vec![first]),
        ("l'eleve oeuvre", vec![first]),
        ("bulletin", vec![first]),
        ("lefev", vec![first]),
        ("de:lea", vec![first]),
        ("from:paul", vec![second]),
        ("à:paul", vec![first]),
        ("paul", vec![second, first]),
        ("objet:neige", vec![second]),
        ("neige", vec![second, first]),
        ("\"conseil de classe\"", vec![first]),
        ("\"classe de neige\"", vec![second, first]),
        ("\"neige de classe\"", vec![]),
        ("classe -neige", vec![]),
        ("classe -\"conseil de classe\"", vec![second]),
        ("classe -objet:neige", vec![first]),
        ("-classe", vec![third]),
        ("a:pièce", vec![first]),
        ("-a:pièce", vec![second, third]),
        ("dans:eleves", vec![third]),
        ("dans:reception classe", vec![second, first]),
        ("-dans:inbox", vec![third]),
        ("dans:nulle-part", vec![]),
        ("avant:7j", vec![third]),
        ("après:7j classe", vec![second, first]),
        ("avant:hier classe", vec![]),
        ("classe c", vec![second, first]),
        ("classe \" (", vec![second, first]),
        ("", vec![]),
    ] {
        assert_eq!(scene.find(text).await, wanted, "{text}");
    }
}

#[tokio::test]
async fn a_phrase_whose_text_is_not_here_any_more_is_as_good_as_its_words() {
    let (scene, [first, second, _]) = mail().await;
    assert_eq!(scene.find("\"neige classe\"").await, [] as [i64; 0]);
    scene.mail.empty_cache().await.unwrap();
    assert_eq!(scene.find("\"neige classe\"").await, [first], "of {second} the subject says that it is not so");
}

#[tokio::test]
async fn marks_show_the_words_in_subject_and_snippet() {
    let (scene, [first, second, _]) = mail().await;
    scene.mail.index_waiting().await.unwrap();
    let query = Query::read("classe œuv", TODAY);
    let Found { hits, after, waiting, .. } = scene.mail.search(&query, None, 10).await.unwrap();
    assert_eq!((hits.len(), after, waiting), (1, None, 0));
    assert_eq!(&hits[0].row.subject[hits[0].marks[0].clone()], "classe");
    assert_eq!(hits[0].mailbox, scene.inbox);
    let snippets = scene.mail.snippets(&query, &[first, second, 999]).await.unwrap();
    let marked = |at: usize| snippets[at].marks.iter().map(|mark| &snippets[at].text[mark.clone()]).collect::<Vec<_>>();
    assert_eq!((marked(0), snippets[0].subject), (vec!["œuvre", "classe"], false));
    assert!(snippets[0].text.chars().count() <= 160 && !snippets[0].text.contains('\n'), "{}", snippets[0].text);
    assert_eq!((marked(1), snippets[1].subject, snippets.len()), (vec!["classe"], true, 2));
}

#[tokio::test]
async fn a_search_that_nobody_waits_for_stops_and_the_next_one_is_answered() {
    let (scene, [first, ..]) = mail().await;
    let endless = scene.store.read_aside(|c| {
        let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        Ok(c.query_row(sql, [], |row| row.get::<_, i64>(0))?)
    });
    let dropped = tokio::time::timeout(std::time::Duration::from_millis(50), endless).await;
    assert!(dropped.is_err());
    // Dropped before its turn, it never begins.
    for _ in 0..100 {
        let query = Query::read("classe", TODAY);
        let dropped = scene.mail.search(&query, None, 10);
        drop(dropped);
    }
    assert_eq!(scene.find("oeuvre").await, [first]);
}
