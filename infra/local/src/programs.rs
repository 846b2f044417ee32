//! The functions' programs, built with cargo.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use entra_contact_sync_local::console;

/// Why there are no programs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramsError {
    #[error("cargo cannot be started")]
    Cargo(#[source] std::io::Error),
    #[error("the functions do not build")]
    Build,
    #[error("cargo built no program {0}")]
    Missing(String),
}

/// Builds the packages `names` in the workspace of the manifest `workspace` and answers the folder
/// that holds their programs. Progress goes to standard error.
pub(crate) async fn build(workspace: &Path, names: &[&str]) -> Result<PathBuf, ProgramsError> {
    console::progress(&format!("Building {} functions …", names.len()));
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg("build").arg("--manifest-path").arg(workspace);
    command.arg("--message-format=json-render-diagnostics");
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    for name in names {
        command.args(["-p", name]);
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(ProgramsError::Cargo)?;
    let mut programs: Vec<PathBuf> = Vec::new();
    if let Some(output) = child.stdout.take() {
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next_line().await.map_err(ProgramsError::Cargo)? {
            let message: Value = serde_json::from_str(&line).unwrap_or_default();
            let program = message.get("executable").and_then(Value::as_str);
            programs.extend(program.map(PathBuf::from));
        }
    }
    if !child.wait().await.map_err(ProgramsError::Cargo)?.success() {
        return Err(ProgramsError::Build);
    }
    folder_of(&programs, names)
}

fn folder_of(programs: &[PathBuf], names: &[&str]) -> Result<PathBuf, ProgramsError> {
    let mut folder = None;
    for name in names {
        let missing = || ProgramsError::Missing((*name).to_owned());
        let program = programs.iter().find(|program| program.file_stem() == Some(name.as_ref()));
        let parent = program.and_then(|program| program.parent()).ok_or_else(missing)?;
        folder = Some(parent.to_owned());
    }
    folder.ok_or(ProgramsError::Build)
}
