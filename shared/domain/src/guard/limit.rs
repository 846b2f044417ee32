//! What has a limit, and how much it allows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Counted, GuardEntry, Removal, Room};
use crate::id::ObjectId;
use crate::reconcile::GoneCause;

/// A limit narrower than the connection's: the smaller of what its members allow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limit {
    /// At most this many per window.
    pub max_count: Option<u64>,
    /// At most this share, in percent: of the linked contacts, or of a group's linked members.
    pub max_percent: Option<f64>,
}

impl Limit {
    /// How many one window allows where shares are taken of so many. Nothing is always allowed:
    /// whoever names a cause or a group means its numbers.
    pub fn allowance(&self, of: u64) -> u64 {
        let share = self.max_percent.map_or(u64::MAX, |percent| share(percent, of));
        self.max_count.unwrap_or(u64::MAX).min(share)
    }

    /// Whether it says anything.
    pub fn is_said(&self) -> bool {
        self.max_count.is_some() || self.max_percent.is_some()
    }
}

/// So many percent, rounded up.
pub(super) fn share(percent: f64, of: u64) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "directories are far below 2^52 people")]
    let share = (of as f64 * percent.clamp(0.0, 100.0) / 100.0).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the share is between 0 and the whole"
    )]
    let share = share as u64;
    share
}

/// Limits of causes, as `policies.removal` names them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CauseLimits {
    /// In the recycle bin.
    pub soft_deleted: Option<Limit>,
    /// Gone for good.
    pub hard_deleted: Option<Limit>,
    /// No longer meant by the scope.
    pub out_of_scope: Option<Limit>,
    /// Left the groups of the scope.
    pub left_group: Option<Limit>,
    /// Sign-in blocked: also who stays in scope and whose contact becomes inactive.
    pub disabled: Option<Limit>,
}

impl CauseLimits {
    /// Whether no cause has one. Then the document is the one that the release before writes.
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The limit of a cause.
    pub fn of(&self, cause: GoneCause) -> Option<Limit> {
        match cause {
            GoneCause::SoftDeleted => self.soft_deleted,
            GoneCause::HardDeleted => self.hard_deleted,
            GoneCause::OutOfScope => self.out_of_scope,
            GoneCause::LeftGroup => self.left_group,
            GoneCause::Disabled => self.disabled,
            // Costs no contact more than its updates.
            GoneCause::Elsewhere => None,
        }
    }
}

/// The limit of a group: of the people in it, and of those who left it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupLimit {
    /// Which: one that the scope names, or that is mapped to a team.
    pub group: ObjectId,
    /// At most this many per window.
    #[serde(default)]
    pub max_count: Option<u64>,
    /// At most this share of its linked members, in percent.
    #[serde(default)]
    pub max_percent: Option<f64>,
}

impl GroupLimit {
    /// The limit itself.
    pub fn limit(&self) -> Limit {
        Limit { max_count: self.max_count, max_percent: self.max_percent }
    }
}

/// What has a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Limited {
    /// The connection.
    Connection,
    /// A cause of leaving.
    Cause(GoneCause),
    /// A group.
    Group(ObjectId),
}

impl Limited {
    /// Whether a removal counts to it.
    pub fn names(&self, removal: Removal<'_>) -> bool {
        match self {
            Self::Connection => true,
            Self::Cause(cause) => *cause == removal.cause,
            Self::Group(group) => removal.groups.contains(group),
        }
    }

    /// How many of these count to it.
    pub fn counted(&self, removals: &Counted) -> u64 {
        match self {
            Self::Connection => removals.count,
            Self::Cause(cause) => removals.causes.get(cause).copied().unwrap_or(0),
            Self::Group(group) => removals.groups.get(group).copied().unwrap_or(0),
        }
    }

    /// The same of a batch in the window. What an earlier release did not tell the causes of may
    /// have had any.
    pub(super) fn counted_in(&self, entry: &GuardEntry) -> u64 {
        match self {
            Self::Connection => entry.count,
            Self::Cause(cause) => {
                let told: u64 = entry.causes.values().sum();
                let untold = entry.count.saturating_sub(told);
                entry.causes.get(cause).copied().unwrap_or(0) + untold
            }
            Self::Group(group) => entry.groups.get(group).copied().unwrap_or(0),
        }
    }
}

/// What a limit says to removals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitView {
    /// Of what.
    #[serde(flatten)]
    pub of: Limited,
    /// The group's name, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many of the removals count to it.
    pub count: u64,
    /// How many one window allows.
    pub allowed: u64,
    /// How many of them went already.
    pub used: u64,
    /// How many of them are left.
    pub left: u64,
    /// Whether it holds them back.
    pub holds: bool,
    /// When the window makes room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_release: Option<Timestamp>,
}

impl LimitView {
    pub(super) fn new(of: Limited, count: u64, room: Room, holds: bool) -> Self {
        let Room { allowed, used, left, next_release } = room;
        Self { of, name: None, count, allowed, used, left, holds, next_release }
    }
}
