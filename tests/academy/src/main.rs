//! Runs the academy for a process that is not written in Rust. Prints one line of JSON when all is ready, then runs until
//! its standard input closes, a SIGTERM or SIGINT comes, or the control is told to stop. With `--push` it starts
//! privacyIDEA too, with `--ent` the ENT.

use academy::{Academy, Control, Teacher, Way};
use serde_json::json;
use std::{
    error::Error,
    io::{Read, Write},
    sync::Arc,
};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let input_closed = input_closed();
    let mut builder = Academy::builder();
    for argument in std::env::args().skip(1) {
        builder = match argument.as_str() {
            "--push" => builder.push(),
            "--ent" => builder.ent(),
            other => return Err(format!("no argument {other}; there are --push and --ent").into()),
        };
    }
    let academy = Arc::new(builder.start().await?);
    let control = Control::bind(Arc::clone(&academy)).await?;
    let hello = json!({
        "control": format!("http://{}", control.address()?),
        "issuer": academy.issuer(),
        "profile": academy.profile_toml(),
        "profiles": {
            "form": academy.profile_toml_for(Way::Form),
            "browser": academy.profile_toml_for(Way::Browser),
        },
        "ca_pem": academy.ca_pem(),
        "hosts": academy.hosts(),
        "teachers": Teacher::all(),
    });
    let mut output = std::io::stdout().lock();
    writeln!(output, "{hello}")?;
    output.flush()?;
    drop(output);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = input_closed => {}
        ended = control.run() => ended?,
    }
    // Requests under way hold the academy too; without them it stops here, otherwise with the last of them.
    if let Some(academy) = Arc::into_inner(academy) {
        academy.stop().await?;
    }
    Ok(())
}

/// A thread of its own: the runtime would wait for a blocking read at its end.
fn input_closed() -> tokio::sync::oneshot::Receiver<()> {
    let (closed, wait) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(1)) {}
        // The academy may have ended first.
        let _ = closed.send(());
    });
    wait
}
