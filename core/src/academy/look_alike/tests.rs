use proptest::prelude::*;

use super::{Catalogue, slips};

fn catalogue() -> Catalogue {
    Catalogue::bundled().unwrap()
}

fn official(host: &str) -> Option<String> {
    catalogue().look_alike(host).map(|found| found.official.to_owned())
}

#[test]
fn what_looks_like_an_academy_and_is_not_is_found_with_the_official_name() {
    let nancy = [
        "ac-nancy-rnetz.fr",
        "ac-nancymetz.fr",
        "acnancymetz.fr",
        "ac-nancy-metz.fr.example.com",
        "ac-nancy-metz.com",
        "AC-NANCY-METZ.COM",
        "ac-nancy-metz.com.",
        "id-ac-nancy-metz.fr",
        "ac-nancy-metz-messagerie.fr",
        "webmail.ac-nancy-metz.net",
        "messagerieacnancymetz.fr",
        "ac.nancy-metz.fr",
        "ac-nancy.metz.fr",
        "ac-nanci-metz.fr",
        "ac-nancy-mets.fr",
        "ac-nnacy-metz.fr",
        "ac_nancy_metz.fr",
        "ac–nancy–metz.fr",
        "ac-nancy-mеtz.fr",
        "аc-nаncy-metz.fr",
        "ac-nàncy-metz.fr",
        "ac-nancy\u{200b}-metz.fr",
        "ａｃ-nancy-metz.fr",
        // "ac-nancy-mеtz.fr", whose first e is Cyrillic, as it goes on the wire.
        "xn--ac-nancy-mtz-1ck.fr",
    ];
    for host in nancy {
        assert_eq!(official(host).as_deref(), Some("ac-nancy-metz.fr"), "{host}");
    }
    let others = [
        ("ac-1yon.fr", "ac-lyon.fr"),
        ("ac-iyon.fr", "ac-lyon.fr"),
        ("ac-lyon.com", "ac-lyon.fr"),
        ("aclyon.fr", "ac-lyon.fr"),
        ("portail-ac-lyon.fr", "ac-lyon.fr"),
        ("ac-liile.fr", "ac-lille.fr"),
        ("ac-lile.fr", "ac-lille.fr"),
        ("ac-crete1l.fr", "ac-creteil.fr"),
        ("ac-n0umea.nc", "ac-noumea.nc"),
        ("ac-noumea.fr", "ac-noumea.nc"),
        ("www.ac-rouen.tk", "ac-normandie.fr"),
        ("education-gouv.fr", "education.gouv.fr"),
        ("messagerie-education-gouv.fr", "education.gouv.fr"),
        ("educationgouv.com", "education.gouv.fr"),
        ("messagerie.education.gouv.fr.connexion.example", "education.gouv.fr"),
    ];
    for (host, expected) in others {
        assert_eq!(official(host).as_deref(), Some(expected), "{host}");
    }
}

#[test]
fn no_host_of_a_profile_is_taken_for_a_look_alike() {
    let catalogue = catalogue();
    let mut seen = 0;
    for academy in catalogue.academies() {
        let portals = academy.portals.iter().map(|portal| &portal.address);
        let recovery = academy.recovery.iter().filter_map(|tool| tool.address.as_ref());
        let services = academy.services.iter().map(|service| &service.address);
        let pages =
            portals.chain(recovery).chain(services).chain(&academy.support.page).chain(&academy.official_origins);
        let hosts = pages.filter_map(|url| url.host_str()).chain(academy.hosts());
        for host in hosts.chain(academy.mail_domains.iter().map(String::as_str)) {
            assert_eq!(catalogue.look_alike(host), None, "{host}");
            seen += 1;
        }
        for domain in &academy.mail_domains {
            for host in ["imap", "smtps", "webmail", "rnail", "a.b"].map(|label| format!("{label}.{domain}")) {
                assert_eq!(catalogue.look_alike(&host), None, "{host}");
            }
        }
    }
    assert!(seen > 120, "{seen}");
}

#[test]
fn the_hosts_of_everyday_life_are_no_look_alikes() {
    let everyday = "gmail.com orange.fr wanadoo.fr laposte.net free.fr sfr.fr neuf.fr bbox.fr yahoo.fr hotmail.fr \
        outlook.com icloud.com proton.me protonmail.com posteo.net mailo.com ik.me gmx.fr aol.com numericable.fr \
        imap.gmail.com imap.orange.fr imap.laposte.net smtp.free.fr outlook.office365.com imap.mail.me.com \
        education.gouv.fr gouv.fr interieur.gouv.fr finances.gouv.fr impots.gouv.fr beta.gouv.fr sante.gouv.fr \
        univ-lyon1.fr univ-lorraine.fr u-paris.fr univ-paris13.fr sorbonne-universite.fr ens-lyon.fr insa-lyon.fr unistra.fr \
        univ-reims.fr univ-nantes.fr univ-amu.fr umontpellier.fr u-bordeaux.fr unicaen.fr inspe-lille-hdf.fr \
        cned.fr reseau-canope.fr onisep.fr crous-lyon.fr crous-nancy-metz.fr eduscol.education.fr education.fr \
        nancy.fr metz.fr lyon.fr paris.fr nice.fr nantes.fr lille.fr rennes.fr toulouse.fr dijon.fr reims.fr \
        grandnancy.eu metropole-nice.fr nicecotedazur.org ville-dijon.fr tourisme-reims.fr cc-rennes.fr actu.fr acnis.fr \
        acadomia.fr academie-francaise.fr academie-medecine.fr ac.fr aclu.org acer.fr ac-franchise.com accor.com active.fr \
        acdc.com acrimed.org acteurspublics.fr action.com ac-audit.fr ac-conseil.fr bc-lyon.fr cci-lyon.fr \
        ca-normandie.fr ca-paris.fr ca-toulouse31.fr ca-centrest.fr ca-reunion.fr ch-lille.fr chu-reims.fr chu-nice.fr \
        maclyon.fr monlyon.fr villeurbanne.fr pronote.net index-education.net parisclassenumerique.fr monlycee.net \
        lyceeconnecte.fr toutatice.fr ecoledirecte.com atrium-sud.fr l-educdenormandie.fr auvergnerhonealpes.fr \
        example.com example.org localhost intranet a b.c";
    let catalogue = catalogue();
    for host in everyday.split_whitespace() {
        assert_eq!(catalogue.look_alike(host), None, "{host}");
    }
    assert_eq!(catalogue.look_alike(""), None);
}

#[test]
fn one_academy_is_no_look_alike_of_another() {
    let catalogue = catalogue();
    let domains: Vec<_> = catalogue.academies().flat_map(|academy| &academy.mail_domains).collect();
    assert!(domains.len() > 30);
    for domain in domains {
        assert_eq!(catalogue.look_alike(domain), None, "{domain}");
        assert!(catalogue.is_academic(domain));
    }
    assert!(!catalogue.is_academic("gmail.com") && !catalogue.is_academic("ac-lyon.fr.example"));
}

/// The distance by its definition, slow.
fn model(one: &[char], other: &[char]) -> usize {
    let (Some((a, rest)), Some((b, others))) = (one.split_first(), other.split_first()) else {
        return one.len().max(other.len());
    };
    let mut least = model(rest, others) + usize::from(a != b);
    least = least.min(model(rest, other) + 1).min(model(one, others) + 1);
    if let ([c, d, tail @ ..], [e, f, tails @ ..]) = (one, other)
        && (c, d) == (f, e)
    {
        least = least.min(model(tail, tails) + 1);
    }
    least
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn slips_are_counted_as_defined(one in "[abc]{0,6}", other in "[abc]{0,6}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let (expected, most) = (model(&chars(&one), &chars(&other)), 3);
        let counted = slips(&one, &other, most);
        prop_assert!(counted == expected || counted > most && expected > most, "{} {}", counted, expected);
    }

    #[test]
    fn one_slip_in_a_long_official_name_is_found(at in 3_usize..12, letter in "[a-z]") {
        let mut name: Vec<char> = "ac-montpellier".chars().collect();
        name[at] = letter.chars().next().unwrap();
        let host = format!("{}.fr", name.iter().collect::<String>());
        prop_assert_eq!(official(&host).is_none(), host == "ac-montpellier.fr");
    }

    #[test]
    fn any_text_is_judged_without_a_panic(host in "\\PC{0,80}", labels in "[a-zà-ÿа-я0-9.-]{0,300}") {
        let catalogue = catalogue();
        let _ = (catalogue.look_alike(&host), catalogue.look_alike(&labels), catalogue.is_academic(&host));
    }
}
