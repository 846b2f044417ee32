//! How far a run is, for people.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::sync_state::Stage;

/// How far a run is; `total` is Graph's own count and informs only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Progress {
    /// Directory users dealt with.
    pub done: u64,
    /// How many there will be, as far as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What it was at when this was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// When this was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// What a run is at, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// It reads groups and how many people there are.
    Preparing,
    /// It lists everybody.
    Listing,
    /// It reads the people it is about.
    Reading,
    /// It reads what changed.
    Changes,
    /// It asks for whoever was not listed.
    Absent,
    /// It decides what only the whole can tell: takeovers, addresses that collide, managers.
    Collisions,
    /// It judges who is to be removed.
    Removals,
    /// It compares teams.
    Teams,
    /// It applies the pages of its plan.
    Applying,
    /// It finds out how earlier pages are taken back.
    TakingBack,
    /// It writes down its end.
    Ending,
}

impl From<&Stage> for Step {
    fn from(stage: &Stage) -> Self {
        match stage {
            Stage::Baseline => Self::Preparing,
            Stage::List { .. } => Self::Listing,
            Stage::Person { .. } | Stage::Members { .. } => Self::Reading,
            Stage::Drain { .. } | Stage::Delta { .. } | Stage::Groups => Self::Changes,
            Stage::Absence => Self::Absent,
            Stage::Takeovers | Stage::Collisions | Stage::References => Self::Collisions,
            Stage::Judge => Self::Removals,
            Stage::Teams => Self::Teams,
            Stage::Apply { .. } => Self::Applying,
            Stage::Undo { .. } => Self::TakingBack,
            Stage::Finish => Self::Ending,
        }
    }
}

impl Progress {
    /// How many were dealt with in a second so far, since the run began.
    pub fn per_second(&self, started_at: Option<Timestamp>) -> Option<f64> {
        let took = self.at?.duration_since(started_at?).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let done = self.done as f64;
        (took >= 1.0 && self.done > 0).then(|| done / took)
    }

    /// When everybody will have been dealt with, if it goes on like this.
    pub fn ends_at(&self, started_at: Option<Timestamp>) -> Option<Timestamp> {
        let left = self.total?.checked_sub(self.done)?;
        let rate = self.per_second(started_at)?;
        #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
        let wait = SignedDuration::try_from_secs_f64(left as f64 / rate).ok()?;
        self.at?.checked_add(wait).ok()
    }
}
