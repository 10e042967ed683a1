//! The table of the academies that the app knows, and of what it does not know of them.

use cartable_core::academy::{
    Academy, Catalogue, Confidence, Generation, GenerationName, Kind, MailLogin, MailMechanism, MoveStatus,
    PortalProtocol, SecondFactor, ServerFacts, TlsStart, WayIn,
};
use cartable_core::words::Language;
use serde_json::{Value, json};

/// What stands for a fact that no source states.
const UNKNOWN: &str = "?";

/// The columns of an academy's first line, and of the lines of its mail servers below.
const WIDTHS: [usize; 7] = [20, 33, 21, 15, 6, 3, 10];
const MAIL_WIDTHS: [usize; 5] = [12, 11, 37, 37, 10];

/// The academies, in the order of their names, and the messagerie nationale.
fn all(catalogue: &Catalogue) -> impl Iterator<Item = &Academy> {
    let national = catalogue.academies().filter(|academy| academy.kind == Kind::National);
    catalogue.search("").into_iter().chain(national)
}

/// For programs: one object a line and academy, `null` for what is not known.
pub(crate) fn lines_of_json(catalogue: &Catalogue) -> String {
    all(catalogue).map(|academy| format!("{}\n", object(catalogue, academy))).collect()
}

/// For people, at most 120 characters wide.
pub(crate) fn table(catalogue: &Catalogue, language: Language) -> String {
    let say = |french: &'static str, english: &'static str| if language == Language::French { french } else { english };
    let head = [
        say("Académie", "Academy"),
        say("Portail", "Portal"),
        say("Accès", "Way in"),
        say("Second facteur", "Second factor"),
        "NUMEN",
        "Svc",
        say("Confiance", "Confidence"),
    ];
    let mail =
        [say("  Revu le", "  Revised"), say("Messagerie", "Mail"), "IMAP", "SMTP", say("Confiance", "Confidence")];
    let mut table = laid_out(&WIDTHS, &head.map(str::to_owned)) + &laid_out(&MAIL_WIDTHS, &mail.map(str::to_owned));
    table += &format!("{}\n", "─".repeat(119));
    for academy in all(catalogue) {
        table += &rows(catalogue, academy, language);
    }
    let known = all(catalogue).count();
    let legend = say("profils ; ? : aucune source ne le dit", "profiles; ?: no source says so");
    table + &format!("{known} {legend}\n")
}

/// An academy's own line, and one for each generation of its mail.
fn rows(catalogue: &Catalogue, academy: &Academy, language: Language) -> String {
    let first = [
        short_name(academy).to_owned(),
        portal(academy).unwrap_or(UNKNOWN).to_owned(),
        way_in(academy, language),
        listed(academy.second_factors.iter().map(|factor| factor_name(*factor, language))),
        listed(academy.numen_codes.iter().map(String::as_str)),
        academy.services.len().to_string(),
        belief(academy.confidence("portals.0.address"), language),
    ];
    let mut rows = laid_out(&WIDTHS, &first);
    let revised = format!("  {}", academy.revised);
    let generations = generations(catalogue, academy);
    for (name, generation) in &generations {
        let server = |facts: Option<&ServerFacts>| facts.map_or(UNKNOWN.to_owned(), |facts| written(facts, language));
        let imap = generation.and_then(|generation| generation.imap.as_ref());
        let smtp = generation.and_then(|generation| generation.smtp.as_ref());
        let line = [
            revised.clone(),
            generation_name(*name, language).to_owned(),
            server(imap),
            server(smtp),
            belief(mail_confidence(catalogue, academy, *name), language),
        ];
        rows += &laid_out(&MAIL_WIDTHS, &line);
    }
    rows
}

/// The generations to show: the academy's own, whether its servers are known or not, and the messagerie nationale once all
/// addresses are there.
fn generations<'a>(catalogue: &'a Catalogue, academy: &'a Academy) -> Vec<(GenerationName, Option<&'a Generation>)> {
    let moved = academy.move_to_national.is_some_and(|plan| plan.status == MoveStatus::Done);
    let mut names = Vec::new();
    if academy.kind != Kind::National && (!moved || academy.generation(GenerationName::Legacy).is_some()) {
        names.push(GenerationName::Legacy);
    }
    if moved || academy.kind == Kind::National {
        names.push(GenerationName::National);
    }
    names.into_iter().map(|name| (name, catalogue.generation(academy, name))).collect()
}

/// How far the least sure of the servers is to be believed.
fn mail_confidence(catalogue: &Catalogue, academy: &Academy, name: GenerationName) -> Option<Confidence> {
    let (holder, path) = match name {
        GenerationName::National => (catalogue.national()?, "generations.national"),
        _ => (academy, "generations.legacy"),
    };
    let generation = holder.generation(name)?;
    let known = [("imap", generation.imap.is_some()), ("smtp", generation.smtp.is_some())];
    let servers = known.into_iter().filter(|(_, known)| *known);
    servers.filter_map(|(server, _)| holder.confidence(&format!("{path}.{server}.host"))).min()
}

fn object(catalogue: &Catalogue, academy: &Academy) -> Value {
    let english = Language::English;
    let server = |facts: Option<&ServerFacts>| {
        facts.map(|facts| json!({"host": facts.host, "port": facts.port, "tls": facts.tls.map(tls)}))
    };
    let mail: Vec<_> = generations(catalogue, academy)
        .into_iter()
        .map(|(name, generation)| {
            json!({
                "generation": generation_name(name, english),
                "imap": server(generation.and_then(|g| g.imap.as_ref())),
                "smtp": server(generation.and_then(|g| g.smtp.as_ref())),
                "login": generation.and_then(|g| g.login).map(login),
                "auth": generation.map(|g| g.auth.iter().map(|one| mechanism(*one)).collect::<Vec<_>>()),
                "confidence": mail_confidence(catalogue, academy, name).map(|c| confidence_name(c, english)),
            })
        })
        .collect();
    json!({
        "id": academy.id,
        "name": academy.name,
        "city": academy.city,
        "portal": portal(academy),
        "way_in": match academy.way_in() {
            WayIn::Oidc(_) => Some("oidc"),
            WayIn::Form(_) => Some("form"),
            WayIn::Browser(_) => Some("browser"),
            _ => None,
        },
        "protocol": academy.portals.first().and_then(|portal| portal.protocol).map(protocol),
        "second_factors": known(academy.second_factors.iter().map(|f| factor_name(*f, english))),
        "mail_domains": academy.mail_domains,
        "mail": mail,
        "move_to_national": academy.move_to_national.map(|plan| json!({
            "status": match plan.status {
                MoveStatus::Announced => "announced",
                MoveStatus::Apart => "apart",
                MoveStatus::Done => "done",
                _ => "other",
            },
            "year": plan.year,
        })),
        "services": academy.services.len(),
        "numen_codes": known(academy.numen_codes.iter().map(String::as_str)),
        "revised": academy.revised.to_string(),
        "confidence": academy.confidence("portals.0.address").map(|c| confidence_name(c, english)),
    })
}

/// The name without what all of them begin with.
fn short_name(academy: &Academy) -> &str {
    let begin = ["Académie de ", "Académie d'"].into_iter().find_map(|begin| academy.name.strip_prefix(begin));
    begin.unwrap_or(&academy.name)
}

/// A list, or nothing where an empty one says that nobody knows.
fn known<'a>(words: impl Iterator<Item = &'a str>) -> Option<Vec<&'a str>> {
    let words: Vec<_> = words.collect();
    if words.is_empty() { None } else { Some(words) }
}

fn portal(academy: &Academy) -> Option<&str> {
    match academy.way_in() {
        WayIn::Oidc(_) => academy.official_origins.first()?.host_str(),
        WayIn::Form(portal) | WayIn::Browser(portal) => portal.address.host_str(),
        _ => None,
    }
}

fn way_in(academy: &Academy, language: Language) -> String {
    let protocol = academy.portals.first().map(|portal| portal.protocol.map_or(UNKNOWN, protocol));
    match academy.way_in() {
        WayIn::Oidc(_) => "oidc".to_owned(),
        WayIn::Form(_) => if language == Language::French { "formulaire" } else { "form" }.to_owned(),
        WayIn::Browser(_) => {
            let browser = if language == Language::French { "navigateur" } else { "browser" };
            format!("{browser} {}", protocol.unwrap_or(UNKNOWN))
        }
        _ => UNKNOWN.to_owned(),
    }
}

fn written(server: &ServerFacts, language: Language) -> String {
    let port = server.port.map_or(UNKNOWN.to_owned(), |port| port.to_string());
    let start = match (server.tls, language) {
        (Some(TlsStart::Implicit), _) => "TLS",
        (Some(_), _) => "STARTTLS",
        (None, _) => UNKNOWN,
    };
    format!("{}:{port} {start}", server.host)
}

fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.collect();
    if words.is_empty() { UNKNOWN.to_owned() } else { words.join(", ") }
}

fn belief(confidence: Option<Confidence>, language: Language) -> String {
    confidence.map_or(UNKNOWN, |confidence| confidence_name(confidence, language)).to_owned()
}

fn confidence_name(confidence: Confidence, language: Language) -> &'static str {
    match (confidence, language) {
        (Confidence::High, Language::French) => "haute",
        (Confidence::Medium, Language::French) => "moyenne",
        (Confidence::Low, Language::French) => "faible",
        (Confidence::High, _) => "high",
        (Confidence::Medium, _) => "medium",
        (Confidence::Low, _) => "low",
        _ => UNKNOWN,
    }
}

fn generation_name(name: GenerationName, language: Language) -> &'static str {
    match (name, language) {
        (GenerationName::National, Language::French) => "nationale",
        (GenerationName::National, _) => "national",
        (_, Language::French) => "académique",
        (_, _) => "legacy",
    }
}

fn factor_name(factor: SecondFactor, language: Language) -> &'static str {
    let (french, english) = match factor {
        SecondFactor::Totp => ("TOTP", "TOTP"),
        SecondFactor::OtpKey => ("clé OTP", "OTP key"),
        SecondFactor::PinOtp => ("PIN + OTP", "PIN + OTP"),
        SecondFactor::RsaSecurid => ("RSA SecurID", "RSA SecurID"),
        SecondFactor::MailCode => ("code par mail", "mail code"),
        SecondFactor::PinMailCode => ("PIN + code par mail", "PIN + mail code"),
        SecondFactor::Push => ("téléphone", "push"),
        SecondFactor::TrustedColleague => ("collègue", "colleague"),
        SecondFactor::BirthDate => ("date de naissance", "birth date"),
        _ => (UNKNOWN, UNKNOWN),
    };
    if language == Language::French { french } else { english }
}

fn protocol(protocol: PortalProtocol) -> &'static str {
    match protocol {
        PortalProtocol::Saml => "SAML",
        PortalProtocol::Cleartrust => "ClearTrust",
        PortalProtocol::Discovery => "discovery",
        PortalProtocol::LemonldapNg => "LemonLDAP::NG",
        _ => UNKNOWN,
    }
}

fn tls(start: TlsStart) -> &'static str {
    if start == TlsStart::Implicit { "implicit" } else { "starttls" }
}

fn login(login: MailLogin) -> &'static str {
    if login == MailLogin::Identifier { "identifier" } else { "address" }
}

fn mechanism(mechanism: MailMechanism) -> &'static str {
    match mechanism {
        MailMechanism::OAuthBearer => "oauthbearer",
        MailMechanism::XOAuth2 => "xoauth2",
        _ => "password",
    }
}

/// One row: cells that are too long go on below themselves.
fn laid_out(widths: &[usize], cells: &[String]) -> String {
    let columns: Vec<_> = widths.iter().zip(cells).map(|(width, cell)| wrapped(cell, *width)).collect();
    let height = columns.iter().map(Vec::len).max().unwrap_or(0);
    let mut row = String::new();
    for line in 0..height {
        let mut text = String::new();
        for (width, column) in widths.iter().zip(&columns) {
            let cell = column.get(line).map_or("", String::as_str);
            text += &format!("{cell:<width$}  ");
        }
        row += &format!("{}\n", text.trim_end());
    }
    row
}

/// The text in lines of at most `width` characters, broken between words; its indentation stays.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let indent = text.chars().take_while(|c| *c == ' ').collect::<String>();
    let mut lines = vec![indent.clone()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or("", String::as_str);
        let begun = last.len() > indent.len();
        let joined = if begun { format!("{last} {word}") } else { format!("{last}{word}") };
        if !begun || joined.chars().count() <= width {
            lines.pop();
            lines.push(joined);
        } else {
            lines.push(format!("{indent}{word}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{lines_of_json, short_name, table, wrapped};
    use cartable_core::academy::Catalogue;
    use cartable_core::words::Language;
    use serde_json::Value;

    fn catalogue() -> Catalogue {
        Catalogue::bundled().unwrap()
    }

    #[test]
    fn the_table_has_every_academy_and_fits_into_120_columns() {
        let catalogue = catalogue();
        for language in [Language::French, Language::English] {
            let table = table(&catalogue, language);
            let widest = table.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= 120, "{widest}");
            let flat = table.split_whitespace().collect::<Vec<_>>().join(" ");
            let mut seen = 0;
            for academy in catalogue.academies() {
                assert!(short_name(academy).split(' ').all(|word| flat.contains(word)), "{}", academy.name);
                for host in academy.generations.iter().flat_map(|g| [&g.imap, &g.smtp]).flatten().map(|s| &s.host) {
                    assert!(flat.contains(host.as_str()), "{host}");
                }
                for portal in academy.portals.iter().take(1) {
                    assert!(flat.contains(portal.address.host_str().unwrap()), "{}", portal.address);
                }
                seen += 1;
            }
            assert!(flat.contains(&format!("{seen} profil")) && seen == 32);
        }
    }

    #[test]
    fn a_row_is_as_the_profile_says_and_a_gap_is_a_question_mark() {
        let (french, english) = (table(&catalogue(), Language::French), table(&catalogue(), Language::English));
        let row = |table: &str, first: &str| {
            let lines: Vec<_> = table.lines().skip_while(|line| !line.starts_with(first)).take(2).collect();
            lines.join("\n")
        };
        let nancy = "\
Nancy-Metz            portail.ac-nancy-metz.fr           navigateur SAML        PIN + OTP        12      0    moyenne
  2026-11-24  académique   ?                                      smtps.ac-nancy-metz.fr:465 TLS         moyenne";
        let creteil = "\
Créteil               ?                                  ?                      ?                24      1    ?
  2026-11-24  legacy       imap.ac-creteil.fr:993 TLS             smtp.ac-creteil.fr:465 TLS             medium";
        assert_eq!((row(&french, "Nancy-Metz"), row(&english, "Créteil")), (nancy.to_owned(), creteil.to_owned()));
        assert!(english.contains("browser") && !english.contains("navigateur"));
        // Whose portal nobody names.
        let unknown = catalogue().academies().filter(|academy| academy.portals.is_empty()).count();
        assert!(unknown > 0);
        let alone = |line: &&str| line.split_whitespace().filter(|word| *word == "?").count() >= 2;
        assert!(french.lines().filter(alone).count() >= unknown);
    }

    #[test]
    fn programs_get_one_object_an_academy_with_the_same_members() {
        let objects: Vec<Value> =
            lines_of_json(&catalogue()).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects.len(), 32);
        let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        for object in &objects {
            assert_eq!(members(object), members(&objects[0]));
            assert!(!object["mail"].as_array().unwrap().is_empty(), "{object}");
            assert!(!object.to_string().contains('?'), "{object}");
        }
        let by_id = |id: &str| objects.iter().find(|object| object["id"] == id).unwrap();
        let creteil = by_id("creteil");
        assert_eq!(creteil["mail"][0]["imap"]["port"], 993);
        assert_eq!(by_id("reunion")["mail"][0]["generation"], "national");
        let nancy = by_id("nancy-metz");
        assert_eq!((&nancy["numen_codes"][0], &creteil["second_factors"]), (&"12".into(), &Value::Null));
        assert_eq!((&nancy["protocol"], &nancy["mail"][0]["imap"]), (&"SAML".into(), &Value::Null));
        assert_eq!(objects.last().unwrap()["id"], "national");
    }

    #[test]
    fn a_long_cell_is_broken_between_words() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("  abcdefgh i", 4), ["  abcdefgh", "  i"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
