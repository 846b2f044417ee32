//! How a tenant that several accounts use is split, as the document says it.

use serde::{Deserialize, Serialize};

/// What happens to people whom another connection to the same tenant means too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Routing {
    /// Lower goes first.
    pub priority: u32,
    /// Who takes them.
    pub overlap: Overlap,
}

/// Who takes people whom several connections mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Overlap {
    /// Each of the connections.
    Both,
    /// The one with the lowest priority number.
    First,
    /// Nobody who has not got them yet.
    Conflict,
}

impl Default for Routing {
    fn default() -> Self {
        Self { priority: 1, overlap: Overlap::Conflict }
    }
}
