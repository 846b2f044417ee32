//! What a function's processes write to their standard output and error.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// Lines held in memory per function; the file holds all of them.
const REMEMBERED_LINES: usize = 5_000;

/// The log of one function, over all its processes.
#[derive(Debug)]
pub struct FunctionLog {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    lines: VecDeque<String>,
    file: File,
}

impl FunctionLog {
    /// Appends to `<folder>/<function>.log`.
    pub(crate) fn open(folder: &Path, function: &str) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!("{function}.log"));
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self { inner: Mutex::new(Inner { lines: VecDeque::new(), file }) })
    }

    /// The last lines written, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, line: String) {
        let mut inner = self.lock();
        // A full disk must not stop the function; the line is still in memory.
        let written = writeln!(inner.file, "{line}");
        drop(written);
        if inner.lines.len() == REMEMBERED_LINES {
            inner.lines.pop_front();
        }
        inner.lines.push_back(line);
    }

    /// Copies `output` line by line until it ends.
    pub(super) async fn follow(&self, output: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(output).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            self.append(String::from_utf8_lossy(&line).into_owned());
        }
    }
}
