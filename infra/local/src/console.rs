//! What people read: results on standard output, progress on standard error.

use std::io::{IsTerminal as _, Write as _};

/// Writes a line to standard output. Nobody reading it is no reason to stop.
pub fn result(line: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        tracing::debug!("Standard output is closed.");
    }
}

/// Writes a line to standard error.
pub fn progress(line: &str) {
    let mut out = std::io::stderr().lock();
    // A line that `live` left unfinished is overwritten.
    let clear = if out.is_terminal() { "\r\x1b[2K" } else { "" };
    if writeln!(out, "{clear}{line}").is_err() {
        tracing::debug!("Standard error is closed.");
    }
}

/// Shows a line that the next one replaces, on a terminal; elsewhere as any other line.
pub fn live(line: &str) {
    let mut out = std::io::stderr().lock();
    let written = if out.is_terminal() {
        write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush())
    } else {
        writeln!(out, "{line}")
    };
    if written.is_err() {
        tracing::debug!("Standard error is closed.");
    }
}

/// An error with all its causes, on one line. A cause that its error repeats is told once.
pub fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.ends_with(&told) {
            text = format!("{text}: {told}");
        }
        cause = error.source();
    }
    text
}
