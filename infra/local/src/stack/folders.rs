//! Where the stack keeps its files.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The data folder: the user's, or a temporary one that goes with the stack.
#[derive(Debug)]
pub(super) struct Folders {
    root: PathBuf,
    _temporary: Option<TempDir>,
}

impl Folders {
    pub(super) fn open(data_dir: Option<&Path>) -> std::io::Result<Self> {
        let (root, temporary) = match data_dir {
            Some(folder) => {
                std::fs::create_dir_all(folder)?;
                (folder.to_owned(), None)
            }
            None => {
                let temporary = tempfile::Builder::new().prefix("entra-contact-sync-").tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        Ok(Self { root, _temporary: temporary })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}
