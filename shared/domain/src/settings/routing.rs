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

impl Routing {
    /// Whether it matters at all who else means somebody.
    pub fn heeds_anybody(&self) -> bool {
        match self.overlap {
            Overlap::Both => false,
            Overlap::First | Overlap::Conflict => true,
        }
    }

    /// Whether it matters that a connection with this priority means somebody too.
    pub fn heeds(&self, priority: u32) -> bool {
        match self.overlap {
            Overlap::Both => false,
            Overlap::First => priority <= self.priority,
            Overlap::Conflict => true,
        }
    }
}

impl Default for Routing {
    fn default() -> Self {
        Self { priority: 1, overlap: Overlap::Conflict }
    }
}
