use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::date;
use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::super::catalogue::BUNDLED;
use super::super::update::verified;
use super::super::{Catalogue, MAX_UPDATE, ProfileError, UpdateError, UpdateKey};
use super::TEST;

/// The desk that signs profiles, for one test.
struct Signer(Ed25519KeyPair);

impl Signer {
    fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    fn key(&self) -> UpdateKey {
        UpdateKey::new(self.0.public_key().as_ref().try_into().unwrap())
    }

    fn sign(&self, text: &str) -> Vec<u8> {
        let signature = self.0.sign(format!("cartable profile 1\n{text}").as_bytes());
        format!("{text}# cartable-signature-1 {}\n", STANDARD.encode(signature)).into_bytes()
    }
}

/// Nancy-Metz of a later day, which has a help line now.
fn newer() -> String {
    let text = BUNDLED.iter().find(|text| text.contains("id = \"nancy-metz\"")).unwrap();
    let text = text.replace("revised = \"2026-11-24\"", "revised = \"2027-01-15\"");
    text.replace("[support]\n", "[support]\nphone = \"03 83 00 00 00\"\n")
}

fn phone_of(all: &Catalogue) -> Option<&str> {
    all.by_id("nancy-metz").unwrap().support.phone.as_deref()
}

#[test]
fn a_newer_profile_with_the_right_signature_replaces_the_bundled_one() {
    let (desk, mut all) = (Signer::new(1), Catalogue::bundled().unwrap());
    assert_eq!(phone_of(&all), None);
    let taken = all.update(&desk.sign(&newer()), &desk.key()).unwrap();
    assert_eq!((taken.id.as_str(), taken.revised), ("nancy-metz", date(2027, 1, 15)));
    assert_eq!(phone_of(&all), Some("03 83 00 00 00"));
    assert_eq!(all.search("").len(), 31);
    // A new academy may come the same way.
    all.update(&desk.sign(TEST), &desk.key()).unwrap();
    assert_eq!(all.search("").len(), 32);
}

#[test]
fn what_must_not_be_taken_is_refused_by_its_own_name_and_the_bundled_one_stays() {
    let (desk, mut all) = (Signer::new(1), Catalogue::bundled().unwrap());
    let good = newer();
    let day = |day: &str| good.replace("2027-01-15", day);
    let refused = |offered, known| UpdateError::NotNewer { known, offered };
    let known = date(2026, 11, 24);
    let thief = good.replace("https://portail.ac-nancy-metz.fr", "https://portail.ac-lyon.fr");
    let claimed = ProfileError::Claimed("portail.ac-lyon.fr".to_owned());
    let http = good.replace("https://portail.ac-nancy-metz.fr", "http://portail.ac-nancy-metz.fr");
    let cut = desk.sign(&good)[..good.len() - 5].to_vec();
    let other =
        [desk.sign(&good.replace("03 83", "06 66"))[..good.len()].to_vec(), desk.sign(&good)[good.len()..].to_vec()];
    for (signed, reason) in [
        (desk.sign(&day("2026-11-24")), refused(known, known)),
        (desk.sign(&day("2020-01-01")), refused(date(2020, 1, 1), known)),
        (Signer::new(2).sign(&good), UpdateError::BadSignature),
        (other.concat(), UpdateError::BadSignature),
        (good.clone().into_bytes(), UpdateError::Unsigned),
        (cut, UpdateError::Unsigned),
        (Vec::new(), UpdateError::Unsigned),
        (b"# cartable-signature-1 AAAA\n".to_vec(), UpdateError::BadSignature),
        (desk.sign(&good).into_iter().chain([b'\n']).collect(), UpdateError::Unsigned),
        (vec![0xff; 100], UpdateError::BadSignature),
        (desk.sign(&good.replace("format = 1", "format = 2")), ProfileError::UnknownFormat(2).into()),
        (desk.sign(&thief), claimed.into()),
        (desk.sign(&http), ProfileError::Invalid("official_origins").into()),
        (desk.sign(&format!("{good}# {}\n", "x".repeat(MAX_UPDATE))), UpdateError::TooLarge),
    ] {
        assert_eq!(all.update(&signed, &desk.key()).unwrap_err(), reason);
        assert_eq!(phone_of(&all), None, "{reason}");
    }
    let broken = all.update(&desk.sign("format = 1\nid = 3\n"), &desk.key()).unwrap_err();
    assert!(matches!(broken, UpdateError::Profile(ProfileError::Unreadable(_))), "{broken:?}");
}

#[test]
fn a_signature_over_the_bare_text_is_none_over_a_profile() {
    let desk = Signer::new(1);
    let signature = STANDARD.encode(desk.0.sign(newer().as_bytes()));
    let signed = format!("{}# cartable-signature-1 {signature}\n", newer());
    let refused = Catalogue::bundled().unwrap().update(signed.as_bytes(), &desk.key()).map(|_| ());
    assert_eq!(refused, Err(UpdateError::BadSignature));
}

/// Made once by the commands of the module's README, with a key that is gone.
#[test]
fn what_openssl_signs_is_taken() {
    let public = STANDARD.decode("oROP6IphuviebEzOi4Rdv6lmMc1dq9fyqC7FN2lHEfk=").unwrap();
    let key = UpdateKey::new(public.try_into().unwrap());
    let signature = "fuhyKHgmpR47Pi9SWFmoEWugBslDAorHnBdTemVITOal\
                     6XLzrVoUaqxTnytXxop8bJoUer2O8T9Y45MuCX2tAg==";
    let signed = format!("format = 1\n# cartable-signature-1 {signature}\n");
    assert_eq!(verified(signed.as_bytes(), &key), Ok("format = 1\n"));
}

#[test]
fn the_largest_file_that_is_taken_has_256_kib() {
    let desk = Signer::new(1);
    let spare = MAX_UPDATE - desk.sign(&newer()).len() - 2;
    let full = format!("{}#{}\n", newer(), "x".repeat(spare));
    assert_eq!(desk.sign(&full).len(), MAX_UPDATE);
    Catalogue::bundled().unwrap().update(&desk.sign(&full), &desk.key()).unwrap();
}

#[test]
fn the_products_key_takes_nothing_that_was_signed_by_another() {
    let refused = Catalogue::bundled().unwrap().update(&Signer::new(1).sign(&newer()), &UpdateKey::PRODUCT).map(|_| ());
    assert_eq!(refused, Err(UpdateError::BadSignature));
}

#[test]
fn a_bad_file_in_the_folder_costs_that_file_only_and_is_told() {
    let (desk, folder) = (Signer::new(1), tempfile::tempdir().unwrap());
    let write = |name: &str, contents: &[u8]| fs::write(folder.path().join(name), contents).unwrap();
    write("a-forged.toml", &Signer::new(2).sign(&newer().replace("03 83", "06 66")));
    write("b-huge.toml", &vec![b'#'; 3 * MAX_UPDATE]);
    write("c-new.toml", &desk.sign(&newer()));
    write("d-old.toml", &desk.sign(&newer().replace("2027-01-15", "2027-01-14")));
    write("e-essai.toml", &desk.sign(TEST));
    write("notes.txt", b"not a profile");
    fs::create_dir(folder.path().join("f-folder.toml")).unwrap();
    let mut all = Catalogue::bundled().unwrap();
    let refused = all.update_from(folder.path(), &desk.key());
    let told: Vec<_> = refused.iter().map(|r| (r.file.file_name().unwrap().to_str().unwrap(), &r.reason)).collect();
    let old = UpdateError::NotNewer { known: date(2027, 1, 15), offered: date(2027, 1, 14) };
    assert_eq!(
        told,
        [("a-forged.toml", &UpdateError::BadSignature), ("b-huge.toml", &UpdateError::TooLarge), ("d-old.toml", &old)]
    );
    assert_eq!(phone_of(&all), Some("03 83 00 00 00"));
    assert!(all.by_id("essai").is_some());
}

#[test]
fn a_folder_that_is_not_there_has_no_updates_and_one_that_is_none_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (all, refused) = Catalogue::with_updates(&folder.path().join("profiles")).unwrap();
    assert_eq!((all.search("").len(), refused), (31, Vec::new()));
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let (_, refused) = Catalogue::with_updates(&file).unwrap();
    assert!(matches!(refused[..], [ref one] if matches!(one.reason, UpdateError::Unreadable(_)) && one.file == file));
}

proptest! {
    /// A signed file damaged at any byte, or cut anywhere, is refused; what was there stays.
    #[test]
    fn a_damaged_file_is_refused(at in any::<prop::sample::Index>(), flip in 1..=255u8, cut in any::<bool>()) {
        let desk = Signer::new(1);
        let mut signed = desk.sign(&newer());
        let at = at.index(signed.len());
        if cut { signed.truncate(at) } else { signed[at] ^= flip }
        let mut all = Catalogue::bundled().unwrap();
        let refused = all.update(&signed, &desk.key()).map(|_| ());
        prop_assert!(matches!(refused, Err(UpdateError::Unsigned | UpdateError::BadSignature)), "{refused:?}");
        prop_assert_eq!(phone_of(&all), None);
    }
}
