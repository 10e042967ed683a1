//! How much the core weighs in a phone.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;
use tokio::time::timeout;

use crate::Failure;
use crate::figure::Figure;

const PACKAGE: &str = "cartable-ffi";
const LIBRARY: &str = "cartable_ffi";
const BUILD_LIMIT: Duration = Duration::from_secs(3600);
const GOAL: f64 = 6e6;

#[derive(Deserialize)]
struct Workspace {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

/// Builds the library as it goes into a phone, stripped, and weighs it. Says so and gives nothing where there is none.
pub(crate) async fn measure() -> Result<Vec<Figure>, Failure> {
    let described = cargo(&["metadata", "--no-deps", "--format-version", "1"]).await?;
    let workspace: Workspace = serde_json::from_slice(&described)?;
    if !workspace.packages.iter().any(|package| package.name == PACKAGE) {
        eprintln!("library-size: there is no package {PACKAGE} in the workspace yet");
        return Ok(Vec::new());
    }
    // Without what a phone does not carry: the keystores of desktops, which bring a message bus.
    cargo(&["build", "--profile", "ship", "--no-default-features", "-p", PACKAGE]).await?;
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let library = workspace.target_directory.join("ship").join(format!("{prefix}{LIBRARY}{suffix}"));
    let bytes = std::fs::metadata(library)?.len();
    Ok(vec![Figure::new("library-size", bytes as f64, "bytes").at_most(GOAL)])
}

/// Runs cargo in this workspace and gives what it prints.
async fn cargo(words: &[&str]) -> Result<Vec<u8>, Failure> {
    let running = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(words)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let done = timeout(BUILD_LIMIT, running.wait_with_output()).await.map_err(|_| "cargo took too long")??;
    if !done.status.success() {
        return Err(format!("cargo {}: {}", words.join(" "), done.status).into());
    }
    Ok(done.stdout)
}
