//! The page for changing a directory by hand.

/// Everything in one file; it talks to the control API.
pub(super) const PAGE: &str = include_str!("page.html");
