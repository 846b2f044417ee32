//! Checks over the repository itself: its layers, its template, its paths.
#![expect(clippy::expect_used, reason = "a broken check may panic")]

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("tests/checks lies two levels below the root")
        .to_path_buf()
}
