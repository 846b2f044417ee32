//! Drift: which side moved where directory and contacts differ although both were the same.

use serde::{Deserialize, Serialize};

/// Which side moved since sync and a contact agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Moved {
    /// The directory tells something else, or of somebody new, and nobody noticed.
    Entra,
    /// The contact was changed without sync: the directory tells what it told.
    Contact,
    /// The settings ask for something else of the same people.
    Settings,
}

impl Moved {
    /// Every side.
    pub const ALL: [Self; 3] = [Self::Entra, Self::Contact, Self::Settings];

    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Contact => "contact",
            Self::Settings => "settings",
        }
    }

    /// Reads the word.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.name() == name)
    }
}
