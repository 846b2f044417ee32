//! The pause of everything: what an operator does when no connection may write.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Since when no connection syncs, and who said so. Hints and runs wait meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// When it began.
    pub since: Timestamp,
    /// The `sub` of the token of whoever began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
