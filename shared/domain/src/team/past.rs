//! What a membership was before: each state that another replaced, and which of them sync made.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ended, Membership, Origin, role_of};
use crate::id::{RunId, TeamId};

/// How many earlier states a membership keeps: whoever changes teams every day loses the oldest, and
/// nothing grows without bound.
pub const MOST_PAST: usize = 12;

/// A state of a membership that another one replaced. It names no person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PastState {
    /// From when on it stood so.
    pub at: Timestamp,
    /// What held it; empty where it had ended.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub origins: BTreeSet<Origin>,
    /// What had ended it; of a person not who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// The run that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

/// What a change made of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// The contact is in the team since.
    Joined,
    /// It is not any more.
    Left,
    /// Something else holds it there, or it has another role.
    Stayed,
}

impl Turned {
    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Stayed => "stayed",
        }
    }
}

/// A change of a membership that the directory led to, or a run made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// When it was written.
    pub at: Timestamp,
    /// Of which team.
    pub team_id: TeamId,
    /// What it made of it.
    pub change: Turned,
    /// What held it from then on.
    pub origins: BTreeSet<Origin>,
    /// The role from then on; of earlier states the one by the groups.
    pub role: Option<String>,
    /// What ended it.
    pub ended: Option<Ended>,
    /// The run that wrote it, where one did and that is known.
    pub run: Option<RunId>,
}

impl Membership {
    /// The membership as it is to be written in place of `before`, from which it was worked out: its
    /// next version, which remembers what stood there. `run` is the run that writes it; it is kept
    /// where something stood there before.
    #[must_use]
    pub fn replacing(self, before: &Self, run: Option<&RunId>, now: Timestamp) -> Self {
        let mut past = before.past.clone();
        if before.version > 0 {
            past.push(before.state());
        }
        past.drain(..past.len().saturating_sub(MOST_PAST));
        // Most memberships are never changed, and every full run reads them all: they stay small.
        let run = run.filter(|_| before.version > 0).cloned();
        Self { run, past, ..self.next(now) }
    }

    fn state(&self) -> PastState {
        let ended = self.ended.clone().map(|ended| match ended {
            // Their own entry beside the contact tells who, for as long as the account keeps it.
            Ended::Person { .. } => Ended::Person { subject: None, name: None },
            by_sync => by_sync,
        });
        let (at, origins, run) = (self.updated_at, self.origins.clone(), self.run.clone());
        PastState { at, origins, ended, run }
    }

    /// The changes by sync that are known, the oldest first. What people did is told beside the
    /// contact.
    pub fn turns(&self) -> Vec<Turn> {
        let states: Vec<PastState> = self.past.iter().cloned().chain([self.state()]).collect();
        let mut turns = Vec::new();
        let mut before: Option<&PastState> = None;
        for state in &states {
            if is_by_sync(before, state) {
                let stood = before.is_some_and(|before| !before.origins.is_empty());
                let role = role_of(&state.origins).map(str::to_owned);
                turns.push(Turn {
                    at: state.at,
                    team_id: self.team_id.clone(),
                    change: match (stood, !state.origins.is_empty()) {
                        (_, false) => Turned::Left,
                        (false, true) => Turned::Joined,
                        (true, true) => Turned::Stayed,
                    },
                    origins: state.origins.clone(),
                    role,
                    ended: state.ended.clone(),
                    run: state.run.clone(),
                });
            }
            before = Some(state);
        }
        let is_last = |turn: &&mut Turn| turn.at == self.updated_at;
        if let Some(last) = turns.last_mut().filter(is_last) {
            last.role = self.role().map(str::to_owned);
        }
        turns
    }
}

/// Whether sync made a state, from the one before it where that is known.
fn is_by_sync(before: Option<&PastState>, state: &PastState) -> bool {
    if state.run.is_some() {
        return true;
    }
    match &state.ended {
        Some(Ended::Person { .. } | Ended::Contact | Ended::Team) => false,
        Some(
            Ended::Group { .. }
            | Ended::Mapping { .. }
            | Ended::Link { .. }
            | Ended::Connection { .. },
        ) => true,
        None => before.map(groups).unwrap_or_default() != groups(state),
    }
}

fn groups(state: &PastState) -> Vec<&Origin> {
    state.origins.iter().filter(|origin| matches!(origin, Origin::Group { .. })).collect()
}
