//! Where the stack keeps its files.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The data folder: the user's, or a temporary one that goes with the stack.
#[derive(Debug)]
pub(super) struct Folders {
    root: PathBuf,
    temporary: Option<TempDir>,
}

impl Folders {
    pub(super) fn open(data_dir: Option<&Path>) -> std::io::Result<Self> {
        if let Some(folder) = data_dir {
            std::fs::create_dir_all(folder)?;
            return Ok(Self { root: folder.to_owned(), temporary: None });
        }
        let temporary = tempfile::Builder::new().prefix("entra-contact-sync-").tempdir()?;
        Ok(Self { root: temporary.path().to_owned(), temporary: Some(temporary) })
    }

    pub(super) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The file or folder `name` in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}
