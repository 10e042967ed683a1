//! What a sign-in by the portal's form costs the phone, against the same requests on the same kind of connection and nothing
//! else: no profile, no database, no keystore, no ledger, no reading of pages.

use std::time::Instant;

use academy::{Academy, Teacher, Way};
use cartable_core::companion::Companion;
use cartable_core::portal::{Question, SignInState};
use cartable_core::ports::Network;
use journeys::{ACADEMY, Hosts, Phone, network};

use crate::Failure;
use crate::child::cpu;
use crate::figure::{Figure, Rounds};
use crate::place::Place;

const ROUNDS: usize = 25;

/// What one sign-in took.
struct Cost {
    seconds: f64,
    cpu_seconds: f64,
}

pub(crate) async fn measure(place: &mut Place, rounds: Option<usize>) -> Result<Vec<Figure>, Failure> {
    let academy = place.academy().await?;
    let teacher = Teacher::by_uid("jdupont").ok_or("no such teacher")?;
    let phone = Phone::new(academy).profile(&academy.profile_toml_for(Way::Form));
    let (mut ours, mut ours_cpu) = (Rounds::default(), Rounds::default());
    let (mut bare, mut bare_cpu) = (Rounds::default(), Rounds::default());
    for round in 0..=rounds.unwrap_or(ROUNDS) {
        let folder = tempfile::tempdir()?;
        let companion = phone.open(folder.path()).await;
        let (this, that) = (signed_in(&companion, teacher).await?, by_hand(academy, teacher).await?);
        companion.shutdown().await?;
        // The first warms up.
        if round > 0 {
            ours.push(this.seconds);
            ours_cpu.push(this.cpu_seconds);
            bare.push(that.seconds);
            bare_cpu.push(that.cpu_seconds);
        }
    }
    Ok(vec![
        Figure::median("sign-in/form-time", &ours, "s"),
        Figure::median("sign-in/form-cpu", &ours_cpu, "s"),
        Figure::ratio("sign-in/form-time-to-bare", &ours, &bare),
        Figure::ratio("sign-in/form-cpu-to-bare", &ours_cpu, &bare_cpu),
    ])
}

async fn signed_in(companion: &Companion, teacher: &Teacher) -> Result<Cost, Failure> {
    let (start, before) = (Instant::now(), cpu()?);
    companion.begin_sign_in(ACADEMY).await?;
    let state = companion.enter_password(teacher.uid, &teacher.password.into()).await?;
    let cost = Cost { seconds: start.elapsed().as_secs_f64(), cpu_seconds: cpu()? - before };
    match state {
        SignInState::Asks(Question::Introduction { .. }) => Ok(cost),
        other => Err(format!("not signed in: {other:?}").into()),
    }
}

/// The same four requests, over one connection of their own.
async fn by_hand(academy: &Academy, teacher: &Teacher) -> Result<Cost, Failure> {
    let way: Network = network(academy.ca_pem(), &Hosts::of(academy));
    let (http, portal) = (way.http(), format!("{}/", academy.issuer()));
    let (start, before) = (Instant::now(), cpu()?);
    http.get(&portal).header("accept", "text/html").send().await?.bytes().await?;
    let page = http.get(&portal).header("accept", "text/html").send().await?.text().await?;
    let token = page.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = [("token", token.ok_or("no token")?), ("user", teacher.uid), ("password", teacher.password)];
    let answer = http.post(&portal).header("accept", "text/html").form(&form).send().await?;
    let cookies = answer.headers().get_all("set-cookie").iter().filter_map(|one| one.to_str().ok()?.split(';').next());
    let cookies = cookies.collect::<Vec<_>>().join("; ");
    let who = http.get(format!("{portal}mysession/?whoami")).header("cookie", cookies).send().await?.text().await?;
    let cost = Cost { seconds: start.elapsed().as_secs_f64(), cpu_seconds: cpu()? - before };
    if who.contains(teacher.uid) { Ok(cost) } else { Err(format!("not signed in: {who}").into()) }
}
