//! What survives a restart: how the simulator was made, and every change since.
//!
//! A directory follows from the seed, so the journal of changes is all there is to keep.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::command::Entry;
use crate::options::TenantSpec;

const ORIGIN: &str = "origin.json";

/// The journal in a data directory.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Reading or writing failed.
    #[error("cannot use {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is not what this version writes.
    #[error("{path} line {line} cannot be read")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// The directory belongs to a simulator with another seed or other tenants.
    #[error("{path} was made with another seed or other tenants; use another directory")]
    OtherWorld {
        /// The file.
        path: PathBuf,
    },
}

/// What the generated part of the state follows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Origin {
    pub(crate) seed: u64,
    pub(crate) tenants: Vec<TenantSpec>,
    /// The signing keys made at the first start, PKCS#8 PEM.
    pub(crate) signing_keys: Vec<String>,
}

impl Origin {
    fn same_world(&self, other: &Self) -> bool {
        self.seed == other.seed && self.tenants == other.tenants
    }
}

impl Journal {
    /// Whether a data directory was used before.
    pub(crate) fn exists(directory: &Path) -> bool {
        directory.join(ORIGIN).exists()
    }

    /// Opens a data directory; answers its origin and entries, or writes the expected origin.
    pub(crate) fn open(
        directory: &Path,
        expected: &Origin,
    ) -> Result<(Self, Origin, Vec<Entry>), JournalError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| JournalError::Io { path, source }
        };
        fs::create_dir_all(directory).map_err(io(directory))?;
        let origin_path = directory.join(ORIGIN);
        let origin = if origin_path.exists() {
            let text = fs::read(&origin_path).map_err(io(&origin_path))?;
            let known: Origin = serde_json::from_slice(&text).map_err(|source| {
                JournalError::Damaged { path: origin_path.clone(), line: 1, source }
            })?;
            if !known.same_world(expected) {
                return Err(JournalError::OtherWorld { path: origin_path });
            }
            known
        } else {
            let text = serde_json::to_vec_pretty(expected).unwrap_or_default();
            fs::write(&origin_path, text).map_err(io(&origin_path))?;
            expected.clone()
        };
        let path = directory.join("journal.jsonl");
        let entries = if path.exists() { read(&path)? } else { Vec::new() };
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(io(&path))?;
        Ok((Self { file }, origin, entries))
    }

    /// Adds an entry; it is with the operating system when this returns.
    pub(crate) fn append(&mut self, entry: &Entry) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

/// Reads all entries; a last line cut by a crash is dropped from the file.
fn read(path: &Path) -> Result<Vec<Entry>, JournalError> {
    let io = |source| JournalError::Io { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(io)?);
    let mut entries = Vec::new();
    let mut whole: u64 = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line).map_err(io)?;
        if length == 0 {
            break;
        }
        if line.last() != Some(&b'\n') {
            let file = OpenOptions::new().write(true).open(path).map_err(io)?;
            file.set_len(whole).map_err(io)?;
            break;
        }
        entries.push(serde_json::from_slice(&line).map_err(|source| JournalError::Damaged {
            path: path.to_owned(),
            line: entries.len() + 1,
            source,
        })?);
        whole += u64::try_from(length).unwrap_or(0);
    }
    Ok(entries)
}
