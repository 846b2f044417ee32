//! How far a run is, for people.

use jiff::fmt::serde::timestamp::second::optional as seconds;
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
    /// When this was written; in seconds, since it is stored with each page.
    #[serde(rename = "wroteAt", with = "seconds", skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How many were dealt with in a thousand seconds of work, of late: as long as one slice has
    /// been at it. What lies between slices is no work: a pause, or the time for which Graph asked
    /// to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<u64>,
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

/// Where a slice began: from there on its pace is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceStart {
    /// When.
    pub at: Timestamp,
    /// How many had been dealt with.
    pub done: u64,
}

impl SliceStart {
    /// Shorter than this says nothing of what is to come.
    const SHORTEST: SignedDuration = SignedDuration::from_millis(200);

    /// The pace of a slice that had dealt with so many at `now`; `None` when it has done too little.
    pub fn pace(self, done: u64, now: Timestamp) -> Option<u64> {
        let took = now.duration_since(self.at);
        let done = u128::from(done.checked_sub(self.done).filter(|done| *done > 0)?);
        if took < Self::SHORTEST {
            return None;
        }
        u64::try_from(done * 1_000_000 / took.as_millis().unsigned_abs()).ok()
    }
}

impl Progress {
    /// How many are dealt with in a second of work, of late.
    pub fn per_second(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let pace = self.pace.map(|pace| pace as f64 / 1_000.0);
        pace
    }

    /// When everybody will have been dealt with, if it goes on like this.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let left = u128::from(self.total?.checked_sub(self.done)?);
        let pace = u128::from(self.pace.filter(|pace| *pace > 0)?);
        let wait = i64::try_from((left * 1_000).div_ceil(pace)).ok()?;
        self.at?.checked_add(SignedDuration::from_secs(wait)).ok()
    }
}
