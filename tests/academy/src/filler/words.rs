//! What teachers write about. Braces are slots: see [`fill_slots`].

use super::chance::Chance;

/// A correspondent: name as shown, local part of the address, domain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) local: &'static str,
    pub(super) domain: &'static str,
}

impl Person {
    pub(super) fn address(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }
}

/// Whose mailbox is filled.
pub(super) const OWNER: Person = person("Jeanne Dupont", "jdupont", "academie.test");
pub(super) const DAEMON: Person = person("Mail Delivery System", "MAILER-DAEMON", "smtp.academie.test");
pub(super) const IPROF: Person = person("I-Prof (ne pas répondre)", "ne-pas-repondre", "iprof.academie.test");
pub(super) const NEWSLETTER: Person =
    person("Délégation académique au numérique éducatif", "lettre-drane", "listes.academie.test");

const fn person(name: &'static str, local: &'static str, domain: &'static str) -> Person {
    Person { name, local, domain }
}

pub(super) const PEOPLE: &[&Person] = &[
    &person("Théo Bernard", "theo.bernard", "academie.test"),
    &person("Léa Reset", "lea.reset", "academie.test"),
    &person("Paul Martin", "paul.martin", "academie.test"),
    &person("Hélène Lefèvre", "helene.lefevre", "academie.test"),
    &person("François Beaupré", "francois.beaupre", "academie.test"),
    &person("Maëlle Le Goff", "maelle.le-goff1", "academie.test"),
    &person("Noël Château", "noel.chateau", "academie.test"),
    &person("Aïcha Benaïssa", "aicha.benaissa", "academie.test"),
    &person("Anne-Sophie Gœtz", "anne-sophie.goetz", "academie.test"),
    &person("Loïc Guérin", "loic.guerin2", "academie.test"),
    &person("Éloïse Ünal", "eloise.unal", "academie.test"),
    &person("Zoé d'Aÿ", "zoe.day", "academie.test"),
    &person("Jean-Noël Crémieux", "jean-noel.cremieux", "academie.test"),
    &person("Marie-Thérèse Hoarau", "marie-therese.hoarau", "academie.test"),
    &person("Bruno Block", "bruno.block", "academie.test"),
    &person("Fatoumata Diarra", "fatoumata.diarra", "academie.test"),
    &person("Nguyễn Thị Hà", "thi-ha.nguyen", "academie.test"),
    &person("Łukasz Wójcik", "lukasz.wojcik", "academie.test"),
    &person("Secrétariat de direction", "ce.0750001a", "academie.test"),
    &person("Vie scolaire (CPE)", "vie-scolaire.0750001a", "academie.test"),
    &person("Proviseure adjointe", "proviseur-adjoint.0750001a", "academie.test"),
    &person("Dupuis, Gérard (parent)", "gerard.dupuis", "orange.example"),
    &person("Mme Françoise Péchard", "f.pechard", "wanadoo.example"),
    &person("Karim Haddad", "karim.haddad", "free.example"),
    &person("Sarah O'Neill", "s.oneill", "school.example"),
    &person("Emma Thompson", "emma.thompson", "exchange.example"),
    &person("Michael \"Mike\" Brown", "mbrown", "school.example"),
    &person("CDI - Documentation", "cdi.0750001a", "academie.test"),
];

pub(super) const SUBJECTS_FR: &[&str] = &[
    "Conseil de classe {class} : {day} à {hour}",
    "Réunion parents-professeurs du {day}",
    "Bulletins du {term} trimestre – saisie avant le {day}",
    "Absence de {pupil} ({class})",
    "Sortie pédagogique au musée, {class}",
    "Convocation : jury du baccalauréat, épreuve « {topic} »",
    "Emploi du temps modifié à partir du {day}",
    "Projet Erasmus+ – où en sommes-nous ?",
    "Commande de manuels pour la rentrée ({topic})",
    "Formation continue : inscription au PAF",
    "Mouvement intra-académique : vœux et barème",
    "Surveillance des devoirs communs {class}",
    "Salle informatique {room} : vidéoprojecteur en panne",
    "Exclusion de cours de {pupil}",
    "Rendez-vous de carrière",
    "PAP de {pupil} : aménagements à prévoir",
    "Compte rendu du conseil d'enseignement ({topic})",
    "Heures supplémentaires effectives, état à signer",
    "Demande de rendez-vous au sujet de {pupil}",
    "Photos de classe",
];

pub(super) const SUBJECTS_EN: &[&str] = &[
    "School exchange: host families for {class}",
    "Minutes of our call on {day}",
    "eTwinning project: next steps",
    "Visit to London, {day}",
    "Language assistant timetable",
    "Feedback on the {topic} worksheets",
    "Travel documents for {pupil}",
];

/// What a long-winded sender adds to a subject; several of them make it longer than any list shows.
pub(super) const TAILS_FR: &[&str] = &[
    " – merci de bien vouloir confirmer votre présence auprès du secrétariat",
    ", à transmettre à l'ensemble de l'équipe pédagogique de la classe",
    " (rappel, car plusieurs collègues n'ont pas encore répondu à notre précédent message)",
    " : ordre du jour, documents préparatoires et répartition des salles",
];

pub(super) const SENTENCES_FR: &[&str] = &[
    "Le conseil de classe de la {class} aura lieu le {day} à {hour}, en salle {room}.",
    "Merci de saisir vos appréciations et vos moyennes avant le {day} au soir, délai de rigueur.",
    "{pupil} a été absent à trois reprises ce mois-ci sans que la famille ait été prévenue.",
    "Je vous propose de nous retrouver à la récréation pour en parler, si cela vous convient.",
    "La réunion parents-professeurs est maintenue malgré les travaux du bâtiment B.",
    "Vous trouverez ci-joint le compte rendu ; n'hésitez pas à le corriger.",
    "Les élèves de {class} ont bien travaillé, mais l'ensemble reste hétérogène en {topic}.",
    "L'inspectrice souhaite observer un cours avec la {class} ({topic}).",
    "Pensez à vérifier votre dossier sur I-Prof, notamment l'échelon et l'adresse postale.",
    "Le vidéoprojecteur de la salle {room} ne s'allume plus ; un ticket a été ouvert.",
    "Nous avons reçu {count} réponses pour la sortie, il en manque encore une dizaine.",
    "Le budget s'élève à {count} € par élève, transport compris.",
    "Les parents de {pupil} demandent un rendez-vous avant les vacances de Noël.",
    "Il faudrait prévoir un tiers temps pour les épreuves communes.",
    "Je n'arrive toujours pas à me connecter à Pronote depuis hier soir… et vous ?",
    "Le brevet blanc est fixé au {day} ; les sujets sont à déposer au secrétariat.",
    "Où en est-on de la commande des manuels ? Le CDI attend notre décision.",
    "La cheffe d'établissement rappelle que les téléphones sont interdits dans les couloirs.",
    "Bravo à tous pour la journée portes ouvertes : cœur à l'ouvrage et bonne humeur !",
    "L'élève délégué souhaite que le devoir ({topic}) soit reporté d'une semaine.",
    "« Peut mieux faire » n'est pas une appréciation, comme chacun le sait.",
    "Qui peut me remplacer pour la surveillance du {day} à {hour} ?",
];

pub(super) const SENTENCES_EN: &[&str] = &[
    "The host families of {class} are confirmed, except for {pupil}.",
    "Could you send me the worksheets for {topic} before {day}?",
    "We expect {count} pupils and three teachers at the station at {hour}.",
    "Please find the minutes below and tell me what I forgot.",
    "The head teacher is happy with the programme, and so are the parents.",
    "Room {room} is booked for the rehearsal; there is no projector, I'm afraid.",
    "The coach costs {count} pounds a day, driver included.",
    "It's raining again, so the match is put off until {day}.",
    "Your pupils' letters arrived this morning: everybody was delighted.",
    "I shall be on a training course until {day}; write to my colleague if it is urgent.",
];

const CLASSES: &[&str] = &["6e2", "5eA", "4e3", "3eB", "2nde 4", "1re G2", "Tle STMG", "Tle 5", "BTS NDRC 1"];
const TOPICS: &[&str] =
    &["mathématiques", "français", "histoire-géographie", "SVT", "physique-chimie", "anglais", "EPS", "espagnol"];
const TOPICS_EN: &[&str] = &["mathematics", "history", "biology", "drama", "French", "geography"];
const PUPILS: &[&str] = &["Inès B.", "Mathéo R.", "Chloé P.", "Raphaël D.", "Noémie L.", "Yacine K.", "Gaëtan V."];
const DAYS: &[&str] = &["mardi 3 décembre", "jeudi 12 mars", "vendredi 8 novembre", "lundi 16 juin", "1er février"];
const DAYS_EN: &[&str] = &["Tuesday 3 December", "Thursday", "12 March", "next Friday", "the first of June"];

/// Puts a class, a topic, a pupil, a day, an hour, a room, a term or a number where a sentence wants one.
pub(super) fn fill_slots(text: &str, english: bool, chance: &mut Chance) -> String {
    let mut filled = String::with_capacity(text.len() + 24);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((slot, after)) = after.split_once('}') else { break };
        filled.push_str(before);
        match slot {
            "class" => filled.push_str(chance.pick(CLASSES)),
            "topic" => filled.push_str(chance.pick(if english { TOPICS_EN } else { TOPICS })),
            "pupil" => filled.push_str(chance.pick(PUPILS)),
            "day" => filled.push_str(chance.pick(if english { DAYS_EN } else { DAYS })),
            "hour" => filled.push_str(&format!("{}{}30", chance.between(8, 18), if english { ":" } else { " h " })),
            "room" => filled.push_str(&format!("B{}", chance.between(101, 320))),
            "term" => filled.push_str(chance.pick(&["1er", "2e", "3e"])),
            _ => filled.push_str(&chance.between(12, 240).to_string()),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}
