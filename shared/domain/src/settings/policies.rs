//! What may happen by itself, as the document says it.

use serde::{Deserialize, Serialize};

use crate::guard::GuardLimits;

/// What may happen by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Policies {
    /// Making contacts.
    pub create: ChangeMode,
    /// Changing contacts.
    pub update: ChangeMode,
    /// Taking over contacts that exist already.
    pub link: LinkMode,
    /// Whether managed fields are read-only to people.
    pub lock_managed: bool,
    /// Whether the name of a contact that existed already follows the directory.
    pub name_of_existing: NameOfExisting,
    /// What happens when a user leaves, by cause.
    pub removal: Removal,
    /// How many removals a window allows.
    pub guard: GuardLimits,
}

/// A class of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangeMode {
    /// By itself.
    Auto,
    /// A person decides.
    Review,
    /// Never.
    Off,
}

/// Taking over contacts that exist already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkMode {
    /// By itself.
    Auto,
    /// A person decides.
    Review,
    /// The user is left alone.
    Off,
    /// The record fails.
    Fail,
}

/// The name of contacts that existed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NameOfExisting {
    /// Follows the directory.
    Sync,
    /// Stays.
    Keep,
}

/// What happens when a user leaves, by cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Removal {
    /// In the recycle bin.
    pub soft_deleted: RemovalAction,
    /// Gone for good.
    pub hard_deleted: RemovalAction,
    /// No longer meant by the scope.
    pub out_of_scope: RemovalAction,
    /// Left the groups of the scope.
    pub left_group: RemovalAction,
    /// Sign-in blocked, where the scope excludes such accounts.
    pub disabled: RemovalAction,
    /// Days before the action; 0 = at once.
    pub grace_days: u32,
}

/// What happens to the contact of a user who left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RemovalAction {
    /// Nothing at all.
    Keep,
    /// It keeps its fields and is no longer updated.
    StopUpdating,
    /// A person decides.
    Review,
    /// It keeps its fields and loses the tie to the user.
    Unlink,
    /// It becomes inactive.
    Deactivate,
    /// It is deleted.
    Delete,
}

impl RemovalAction {
    /// Whether the guard counts it.
    pub fn is_destructive(self) -> bool {
        match self {
            Self::Unlink | Self::Deactivate | Self::Delete => true,
            Self::Keep | Self::StopUpdating | Self::Review => false,
        }
    }
}
