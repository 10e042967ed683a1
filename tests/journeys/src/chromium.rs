//! A real browser: what it loads, and what a page looks like in it.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

/// Its Debian packages, for [`academy::install`].
pub const PACKAGES: &[&str] = &["chromium", "fonts-dejavu-core"];
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-features=HttpsUpgrades,MediaRouter",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
];

/// Opens `address` and stays until all that it loads has come and its timers have run for some seconds. `hosts` are the browser's
/// `--host-resolver-rules`. Gives the page as it was then. An error once the limit is over; the browser ends in any case.
pub async fn visit(address: &str, hosts: &str, limit: Duration) -> io::Result<String> {
    let rules = format!("--host-resolver-rules={hosts}");
    run(&["--virtual-time-budget=2000", "--dump-dom", &rules, address], limit).await
}

/// Draws the page in the file `html` into `png`, `width` by `height` pixels, by day or in the dark.
pub async fn draw(html: &Path, png: &Path, (width, height): (u32, u32), dark: bool, limit: Duration) -> io::Result<()> {
    let size = format!("--window-size={width},{height}");
    let shot = format!("--screenshot={}", png.display());
    let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!dark));
    run(&["--host-resolver-rules=MAP * ~NOTFOUND", &size, &shot, &scheme, &format!("file://{}", html.display())], limit)
        .await
        .map(drop)
}

async fn run(arguments: &[&str], limit: Duration) -> io::Result<String> {
    let profile = TempDir::new()?;
    let child = Command::new("chromium")
        .args(FLAGS)
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .env("HOME", profile.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let group = child.id().map(|id| format!("-{id}"));
    let ended = timeout(limit, child.wait_with_output()).await;
    // Its helpers end with it, but not before the folder they write to goes; what is left of them is of its group.
    if let Some(group) = group {
        Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status().await?;
    }
    let output = ended.map_err(io::Error::from)??;
    if !output.status.success() {
        return Err(io::Error::other(format!("chromium ended with {}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
