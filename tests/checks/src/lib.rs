//! Checks over the repository itself: its layers, its template, its paths, its documents.
#![expect(clippy::expect_used, clippy::panic, reason = "a broken check may panic")]

use std::path::{Path, PathBuf};

pub mod blocks;
pub mod sources;
pub mod template;

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("tests/checks lies two levels below the root")
        .to_path_buf()
}

/// A file of the repository.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
