//! Cursors that callers carry: opaque, and bound to the list that gave them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// How many bytes of the list's digest a cursor carries.
const TAG: usize = 8;

/// Which list a cursor belongs to: its name and whatever narrows it.
fn tag(list: &[&str]) -> Vec<u8> {
    let mut digest = Sha256::new();
    for part in list {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    digest.finalize().iter().copied().take(TAG).collect()
}

/// A cursor of `list` that stands at `position`.
pub(crate) fn seal(list: &[&str], position: &str) -> String {
    let mut bytes = tag(list);
    bytes.extend_from_slice(position.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position in a cursor of `list`; `None` when the cursor is another list's, or no cursor.
pub(crate) fn open(list: &[&str], cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (given, position) = bytes.split_at_checked(TAG)?;
    if given != tag(list) {
        return None;
    }
    String::from_utf8(position.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_in_the_list_that_gave_it() {
        let cursor = seal(&["runs", "con_1"], "run_7");
        assert_eq!(open(&["runs", "con_1"], &cursor).as_deref(), Some("run_7"));
        assert_eq!(open(&["runs", "con_2"], &cursor), None);
        for garbage in ["", "x", "%%%", "AAAA"] {
            assert_eq!(open(&["runs", "con_1"], garbage), None, "{garbage}");
        }
    }
}
