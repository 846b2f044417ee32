//! Connections and their states.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::{AccountId, ConnectionId, TenantId};
use crate::silence::Silence;

/// An account's tie to one Entra tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Our id.
    pub id: ConnectionId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Where it stands.
    pub status: ConnectionStatus,
    /// What is wrong and how to mend it; present exactly in status `attention`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention: Option<Attention>,
    /// Why it is paused, where nobody asked for a pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_for: Option<PausedFor>,
    /// What the caller of `POST …/connections` asked for: a tenant's GUID or domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted_tenant: Option<String>,
    /// The proven tenant; absent before consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Tenant>,
    /// Which Graph permissions were found to work.
    #[serde(default)]
    pub permissions: Vec<PermissionState>,
    /// When consent was proven; errors of the first minutes after it are replication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized_at: Option<Timestamp>,
    /// When the last full run reached the end of the directory, whole, in part or held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sync_at: Option<Timestamp>,
    /// What it should have heard by now and did not, as the sweep saw it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<Silence>,
    /// Whether it was ever enabled: a first enabling is announced as such.
    #[serde(default)]
    pub enabled_once: bool,
    /// Raised by every write; guards concurrent edits.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What is known of a connected tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// The directory's GUID, proven by its admin's sign-in.
    pub id: TenantId,
    /// The organisation's display name; absent until it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its verified domains.
    #[serde(default)]
    pub verified_domains: Vec<String>,
    /// How many users it has, as Graph counted them when asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_count: Option<u64>,
    /// How many groups it has, as Graph counted them when asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_count: Option<u64>,
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConnectionStatus {
    /// Made; nobody consented yet.
    Invited,
    /// The tenant is proven; permissions are being tried.
    Authorized,
    /// Each needed permission was called with success; nothing is written until enabled.
    Ready,
    /// Syncing.
    Enabled,
    /// Cursors are kept fresh, nothing is written.
    Paused,
    /// Somebody must act; remembers the state before.
    Attention,
    /// Everything stopped; contacts stay.
    Disabled,
    /// Tokens, cursors and subscription forgotten; contacts, settings and links stay.
    Disconnected,
}

/// Why a connection is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PausedFor {
    /// What runs did was taken back: the next look would do it again.
    Undone,
}

/// Why a connection needs a person, and what helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attention {
    /// A stable word: `consent-lost`, `permission-missing`, `group-missing`, `blocked-by-policy`, …
    pub reason: String,
    /// What to do, in a sentence.
    pub fix: String,
    /// The state to return to.
    pub before: ConnectionStatus,
    /// Since when.
    pub since: Timestamp,
}

/// One Graph permission and what calling it showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionState {
    /// Its name, for instance `User.Read.All`.
    pub name: String,
    /// What was found.
    pub state: PermissionOutcome,
}

/// What calling a permission's endpoint showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PermissionOutcome {
    /// The endpoint answered.
    Granted,
    /// The endpoint refused.
    Missing,
    /// The settings need no such endpoint.
    Unused,
}

/// What may be asked of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConnectionAction {
    /// The admin's sign-in proved the tenant.
    Authorize,
    /// Every needed permission worked.
    BecomeReady,
    /// Start syncing.
    Enable,
    /// Write nothing until resumed.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Stop all.
    Disable,
    /// Ask for consent again.
    Reauthorize,
    /// Forget tokens, cursors, subscription.
    Disconnect,
    /// Delete the connection itself.
    Delete,
    /// Give it to another account.
    Move,
}

/// An action that the state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a connection that is {from:?} cannot {action:?}; {fix}")]
pub struct RefusedTransition {
    /// The state it is in.
    pub from: ConnectionStatus,
    /// What was asked.
    pub action: ConnectionAction,
    /// What would help.
    pub fix: &'static str,
}

impl ConnectionStatus {
    /// The state after `action`, or why it is refused. `before` is the state that `attention`
    /// remembers; it matters only there.
    pub fn after(
        self,
        action: ConnectionAction,
        before: Option<ConnectionStatus>,
    ) -> Result<ConnectionStatus, RefusedTransition> {
        use ConnectionAction as A;
        use ConnectionStatus as S;
        let refused = |fix| Err(RefusedTransition { from: self, action, fix });
        match (action, self) {
            // A new consent mends attention and revives what was let go; what ran goes on.
            (A::Authorize, S::Enabled | S::Paused | S::Disabled | S::Ready) => Ok(self),
            (A::Authorize, S::Attention) => Ok(match before {
                Some(S::Enabled) => S::Enabled,
                Some(S::Paused) => S::Paused,
                Some(S::Disabled) => S::Disabled,
                Some(S::Ready | S::Authorized | S::Invited | S::Attention | S::Disconnected)
                | None => S::Authorized,
            }),
            (A::Authorize, S::Invited | S::Authorized | S::Disconnected) => Ok(S::Authorized),
            (A::BecomeReady, S::Authorized | S::Ready) => Ok(S::Ready),
            (A::BecomeReady, _) => refused("consent first"),
            (A::Enable, S::Ready | S::Disabled) => Ok(S::Enabled),
            (A::Enable, S::Invited | S::Disconnected) => {
                refused("an Entra admin must consent first")
            }
            (A::Enable, S::Authorized) => refused("wait until the permissions were tried"),
            (A::Enable, S::Enabled) => refused("it is enabled already"),
            (A::Enable, S::Paused) => refused("resume it instead"),
            // What was to be done may be done: whoever resumes says so, and the next run finds out.
            (A::Resume, S::Attention) if matches!(before, Some(S::Enabled | S::Paused)) => {
                Ok(S::Enabled)
            }
            (A::Enable | A::Pause | A::Resume, S::Attention) => {
                refused("do what `attention.fix` says first")
            }
            (A::Pause, S::Enabled) => Ok(S::Paused),
            (A::Pause, _) => refused("only an enabled connection can be paused"),
            (A::Resume, S::Paused) => Ok(S::Enabled),
            (A::Resume, _) => refused("only a paused connection can be resumed"),
            (A::Disable, S::Enabled | S::Paused | S::Attention | S::Ready | S::Disabled) => {
                Ok(S::Disabled)
            }
            (A::Disable, S::Invited | S::Authorized | S::Disconnected) => {
                refused("it is not running; disconnect or delete it instead")
            }
            (A::Reauthorize, _) => Ok(self),
            (A::Disconnect, _) => Ok(S::Disconnected),
            (A::Delete, S::Disconnected | S::Invited) => Ok(S::Disconnected),
            (A::Delete, _) => refused("disconnect it first"),
            // What runs, or may go on by itself, could write contacts while they are taken away.
            (A::Move, S::Enabled | S::Paused | S::Attention) => refused("disable it first"),
            (A::Move, S::Invited | S::Authorized | S::Ready | S::Disabled | S::Disconnected) => {
                Ok(self)
            }
        }
    }

    /// Whether runs may write contacts.
    pub fn may_write(self) -> bool {
        self == Self::Enabled
    }

    /// Whether it can be looked at what a run would do: the tenant is proven, and nothing is written.
    pub fn may_be_planned(self) -> bool {
        matches!(self, Self::Ready | Self::Enabled | Self::Paused | Self::Disabled)
    }

    /// Whether it was stopped by a person and writes nothing but what takes back what it did.
    pub fn rests(self) -> bool {
        matches!(self, Self::Paused | Self::Disabled)
    }

    /// Whether delta links and subscriptions are kept alive.
    pub fn keeps_cursors(self) -> bool {
        matches!(self, Self::Enabled | Self::Paused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConnectionAction as A;
    use ConnectionStatus as S;

    #[test]
    fn nothing_is_enabled_before_its_permissions_were_tried() {
        for status in [S::Invited, S::Authorized, S::Disconnected, S::Attention] {
            assert!(status.after(A::Enable, None).is_err(), "{status:?}");
        }
        assert_eq!(S::Ready.after(A::Enable, None), Ok(S::Enabled));
        assert_eq!(S::Disabled.after(A::Enable, None), Ok(S::Enabled));
    }

    #[test]
    fn consent_given_again_returns_to_what_ran_before() {
        assert_eq!(S::Attention.after(A::Authorize, Some(S::Enabled)), Ok(S::Enabled));
        assert_eq!(S::Attention.after(A::Authorize, Some(S::Paused)), Ok(S::Paused));
        assert_eq!(S::Attention.after(A::Authorize, Some(S::Invited)), Ok(S::Authorized));
        assert_eq!(S::Disconnected.after(A::Authorize, None), Ok(S::Authorized));
    }

    #[test]
    fn only_what_was_let_go_can_be_deleted() {
        for status in [S::Ready, S::Enabled, S::Paused, S::Attention, S::Disabled] {
            assert!(status.after(A::Delete, None).is_err(), "{status:?}");
        }
        assert!(S::Disconnected.after(A::Delete, None).is_ok());
    }
}
