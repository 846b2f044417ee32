//! Who did something: what a caller's token says of them.

use serde::{Deserialize, Serialize};

/// A person or program that acted through the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// The `sub` of the token; absent where it names nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What people call them, where the token says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In which role.
    #[serde(default)]
    pub role: String,
}
