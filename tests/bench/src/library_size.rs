//! How much the core weighs in a phone.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::Failure;
use crate::figure::Figure;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bindings/build-library");
const BUILD_LIMIT: Duration = Duration::from_secs(3600);
const GOAL: f64 = 6e6;

/// Builds the library as it goes into a phone, stripped, and weighs it. Takes minutes.
pub(crate) async fn measure() -> Result<Vec<Figure>, Failure> {
    let building = Command::new(SCRIPT).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let built = timeout(BUILD_LIMIT, building.wait_with_output()).await.map_err(|_| "the build took too long")??;
    if !built.status.success() {
        return Err(format!("the library was not built: {}", built.status).into());
    }
    let said = String::from_utf8(built.stdout)?;
    let library = said.lines().last().ok_or("the build does not say where the library is")?;
    let bytes = std::fs::metadata(Path::new(library))?.len();
    Ok(vec![Figure::new("library-size", bytes as f64, "bytes").at_most(GOAL)])
}
