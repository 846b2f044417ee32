//! What there is to tell, before it is put into words.

use serde::{Deserialize, Serialize};

use super::{Digest, OpenList, PlanMade};
use crate::run::Counts;
use crate::silence::Silence;

/// What people are told, as facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Telling {
    /// Nothing is synced until a person acts.
    NeedsPerson {
        /// The stable word.
        reason: String,
        /// What to do.
        fix: String,
    },
    /// A run did not reach its end.
    RunFailed {
        /// What it says.
        because: Option<String>,
    },
    /// Records fail.
    RecordsFailed {
        /// How many.
        failed: u64,
        /// What the run says besides.
        because: Option<String>,
    },
    /// What should have come by now does not.
    Silent(Silence),
    /// It works again.
    Recovered,
    /// The guard holds removals back.
    RemovalsHeld {
        /// What the run says.
        because: Option<String>,
    },
    /// It holds none back any more.
    RemovalsReleased {
        /// How many contacts the run dealt with.
        removed: u64,
    },
    /// Decisions wait.
    DecisionsWait(Waiting),
    /// Contacts changed.
    ContactsChanged(Changes),
    /// A plan waits for somebody to approve it.
    PlanWaits(PlanMade),
    /// What happened since the last digest.
    Digest(Box<Digest>),
}

impl Telling {
    /// The stable word.
    pub fn reason(&self) -> &str {
        match self {
            Self::NeedsPerson { reason, .. } => reason,
            Self::RunFailed { .. } => "run-failed",
            Self::RecordsFailed { .. } => "records-failed",
            Self::Silent(silence) => silence.what.reason(),
            Self::Recovered => "recovered",
            Self::RemovalsHeld { .. } => "removals-held",
            Self::RemovalsReleased { .. } => "removals-released",
            Self::DecisionsWait(_) => "decisions-waiting",
            Self::ContactsChanged(_) => "contacts-changed",
            Self::PlanWaits(_) => "plan-waits",
            Self::Digest(_) => "digest",
        }
    }
}

/// How much waits for people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many decisions.
    pub count: u64,
    /// Whether there are more than were counted.
    pub more: bool,
}

impl Waiting {
    /// What waits in all these lists together.
    pub fn in_all<'a>(lists: impl IntoIterator<Item = &'a OpenList>) -> Self {
        lists.into_iter().fold(Self::default(), |all, open| Self {
            count: all.count + open.count,
            more: all.more || open.more,
        })
    }
}

/// How many contacts changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Changes {
    /// Made.
    pub created: u64,
    /// Changed.
    pub updated: u64,
    /// Of people who left, and dealt with.
    pub removed: u64,
}

impl Changes {
    /// What a run changed.
    pub fn of(counts: &Counts) -> Self {
        Self { created: counts.created, updated: counts.updated, removed: counts.removed }
    }

    /// Whether nothing changed.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            created: self.created + other.created,
            updated: self.updated + other.updated,
            removed: self.removed + other.removed,
        }
    }
}
