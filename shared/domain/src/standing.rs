//! What a person counts as in a run, and what outlasts when several pages mention the same one:
//! the counts and the report go by the same rule.

use crate::contact::LinkState;
use crate::segment::{Outcome, SegmentItem};

/// What a person counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A contact was made.
    Created,
    /// A contact changed.
    Updated,
    /// The contact was right already.
    Unchanged,
    /// The contact could not be written.
    Failed,
    /// In scope; a person or the end of the run must decide.
    Waiting,
    /// Left, and the contact's link says so already; a person must decide what becomes of it.
    LeftWaiting,
    /// In scope, decided at the end of the run.
    Open,
    /// The scope does not mean this user.
    Skipped,
    /// In the directory, but left the scope just now.
    LeftScope,
    /// Left the directory.
    Gone,
    /// Left; what happens to the contact is judged at the end of the run.
    Staged,
}

impl Standing {
    /// What an item stands for that came out so.
    pub fn of(item: &SegmentItem, outcome: Outcome) -> Self {
        let removed = item.link.as_ref().is_some_and(|link| link.new == LinkState::Removed);
        match outcome {
            Outcome::Create => Self::Created,
            Outcome::Restore if item.version == 0 => Self::Created,
            Outcome::Update | Outcome::Restore => Self::Updated,
            Outcome::Unchanged => Self::Unchanged,
            Outcome::Failed => Self::Failed,
            Outcome::AwaitingReview if item.link.is_some() => Self::LeftWaiting,
            Outcome::AwaitingReview => Self::Waiting,
            Outcome::Deferred => Self::Open,
            Outcome::Skipped | Outcome::Left => Self::Skipped,
            Outcome::StopUpdating | Outcome::Unlink | Outcome::Deactivate | Outcome::Delete
                if removed =>
            {
                Self::Gone
            }
            Outcome::StopUpdating | Outcome::Unlink | Outcome::Deactivate | Outcome::Delete => {
                Self::LeftScope
            }
            Outcome::Keep => Self::Staged,
        }
    }

    /// What the person counts as after an earlier page of the run gave them `before`. A created
    /// contact that a later page touches again stays a created one, and an updated one that is
    /// right by then stays updated. Who left is found gone already by a later page.
    #[must_use]
    pub fn after(self, before: Option<Self>) -> Self {
        match (before, self) {
            (Some(Self::Created), Self::Updated | Self::Unchanged) => Self::Created,
            (Some(Self::Updated), Self::Unchanged) => Self::Updated,
            (Some(Self::LeftScope), Self::Skipped) => Self::LeftScope,
            (Some(Self::Gone), Self::Staged) => Self::Gone,
            (Some(Self::LeftWaiting), Self::Skipped | Self::Staged) => Self::LeftWaiting,
            _ => self,
        }
    }

    /// Whether it is in scope and decided.
    pub fn is_in_scope(self) -> bool {
        match self {
            Self::Created
            | Self::Updated
            | Self::Unchanged
            | Self::Failed
            | Self::Waiting
            | Self::LeftWaiting => true,
            Self::Open | Self::Skipped | Self::LeftScope | Self::Gone | Self::Staged => false,
        }
    }

    /// Whether it is decided what becomes of the person, and the run went by it.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Failed | Self::Waiting | Self::LeftWaiting | Self::Open => false,
            Self::Created
            | Self::Updated
            | Self::Unchanged
            | Self::Skipped
            | Self::LeftScope
            | Self::Gone
            | Self::Staged => true,
        }
    }

    /// Whether a later page would find the contact other than this one did.
    pub fn leaves_a_trace(self) -> bool {
        match self {
            Self::Created | Self::Updated | Self::LeftScope | Self::LeftWaiting | Self::Gone => {
                true
            }
            Self::Unchanged
            | Self::Failed
            | Self::Waiting
            | Self::Open
            | Self::Skipped
            | Self::Staged => false,
        }
    }
}
