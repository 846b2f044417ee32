//! A connection's sync state: lease, hints, queue and checkpoint in one item.
//!
//! Whoever holds the lease works; every checkpoint raises the fence; hints and queued runs are
//! added by others while it works. The holder lets go only when nothing more is wanted.

mod checkpoint;
mod late;

pub use checkpoint::{Checkpoint, Ending, Stage};
pub use late::LateJoiners;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::guard::{GuardWindow, LimitView};
use crate::id::{AccountId, ConnectionId, ObjectId, RunId};
use crate::latency::Delays;
use crate::run::{RunKind, Trigger};

/// Where a connection's runs work: beside what syncs, or there. Each lane has a state of its own.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Lane {
    /// What syncs.
    #[default]
    Main,
    /// Plans, which write no contact.
    Plan,
}

impl Lane {
    /// Whether it is where everything syncs; events and items of earlier releases name no lane.
    pub fn is_main(&self) -> bool {
        *self == Self::Main
    }
}

/// The item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncState {
    /// Whose.
    pub account_id: AccountId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// In which lane.
    #[serde(default, skip_serializing_if = "Lane::is_main")]
    pub lane: Lane,
    /// Raised at each taking and each checkpoint; orders all observations of the directory.
    pub fence: u64,
    /// Who works, if anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// How many hints came in.
    #[serde(default)]
    pub wanted: u64,
    /// When the last hint came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_hint_at: Option<Timestamp>,
    /// When the first hint came in that is not dealt with yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hinted_since: Option<Timestamp>,
    /// Runs that wait, first come first served.
    #[serde(default)]
    pub queue: Vec<QueuedRun>,
    /// What only the holder changes.
    #[serde(default)]
    pub work: Work,
    /// A slice ended before its work did; whoever takes next continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<Handover>,
    /// A run that somebody wants ended: its holder looks here before each page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<RunId>,
}

/// Who works, and until when at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The invocation.
    pub holder: String,
    /// Outlives the holder's own deadline.
    pub expires_at: Timestamp,
}

/// A run that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueuedRun {
    /// Which.
    pub run_id: RunId,
    /// What it does.
    pub kind: RunKind,
    /// What caused it.
    pub trigger: Trigger,
}

/// What only the holder changes, written at each checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// How many of the hints are dealt with.
    #[serde(default)]
    pub done: u64,
    /// Where the unfinished run stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// Where the next users delta begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users_delta: Option<DeltaCursor>,
    /// Where the next groups delta begins; only for scopes by group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_delta: Option<DeltaCursor>,
    /// When the members of the scope's administrative units were last read; no delta tells who
    /// joined or left one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_read_at: Option<Timestamp>,
    /// When the directory was last asked what changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_checked_at: Option<Timestamp>,
    /// When a full run last reached its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_full_at: Option<Timestamp>,
    /// The settings version under which that run worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_full_settings: Option<u64>,
    /// Removals of the rolling window.
    #[serde(default)]
    pub guard: GuardWindow,
    /// How many contacts are linked, as the last full run counted.
    #[serde(default)]
    pub linked: u64,
    /// How many members of each group with a limit of removals are linked, as the last full run
    /// counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<ObjectId, u64>,
    /// Whether runs hold memberships of teams: settings that map no group any more have them ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holds_teams: bool,
    /// Digest of which groups the stored member sets are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_digest: Option<String>,
    /// Digest of the tenant's other connections under which the last full run decided whose people
    /// are whose; empty where there was none that counts, absent before the first such run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rivals: Option<String>,
    /// Members of groups whom a read by id did not find yet.
    #[serde(default, skip_serializing_if = "LateJoiners::is_empty")]
    pub late: LateJoiners,
    /// Before this instant the directory must not be asked: it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// How many slices in a row looked at what changed and got no page further; such looks leave
    /// no checkpoint that could count them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub look_hops: u32,
    /// How many looks in a row found changes of which no notification told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unheard: u32,
    /// Whether review items or refusals may stand, so that runs must look at them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
    /// Whether a run let go of contacts that had existed before, so that full runs must look whose
    /// they were.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub let_go: bool,
    /// How long the latest hints waited until what they told of was in the contacts.
    #[serde(default, skip_serializing_if = "Delays::is_empty")]
    pub delays: Delays,
    /// How many removals the guard held back when it was last asked.
    #[serde(default, skip_serializing_if = "is_none")]
    pub held: u64,
    /// The limits that held them back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_by: Vec<LimitView>,
    /// The earliest instant at which something here comes due: a grace period ends, or a failed
    /// record is to be tried again. The sweep asks for a look then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Timestamp>,
    /// How many people who failed are kept; runs look for them only where there are any.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub escrowed: u32,
    /// The plan lane's runs that wait for somebody to approve them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planned: Vec<Planned>,
}

/// A run that says what it would do, and until when somebody may approve it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// Which.
    pub run_id: RunId,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Where a delta continues (Graph: delta link).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeltaCursor {
    /// The opaque link, called verbatim.
    pub link: String,
    /// Digest of the `$select` it is bound to.
    pub select_hash: String,
    /// When Graph issued it; directory tokens live seven days.
    pub issued_at: Timestamp,
}

/// A slice that ended before its work did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handover {
    /// The run to continue or start.
    pub run_id: RunId,
    /// What it does.
    pub kind: RunKind,
    /// The fence at the letting go; a continuation that names another is dropped.
    pub checkpoint: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How old a hint must be before the webhook speaks up again while somebody works.
pub const HINT_REPEAT: SignedDuration = SignedDuration::from_secs(30);

/// Where the fences of the plan lane begin: above all that order writes, so that what a plan reads
/// is newer to it than whatever stands, and what syncs meanwhile outdates none of its pages.
const PLAN_FENCES: u64 = 1 << 40;

impl SyncState {
    /// The state of a connection that never synced.
    pub fn new(account_id: AccountId, connection_id: ConnectionId) -> Self {
        Self {
            account_id,
            connection_id,
            lane: Lane::Main,
            fence: 0,
            lease: None,
            wanted: 0,
            last_hint_at: None,
            hinted_since: None,
            queue: Vec::new(),
            work: Work::default(),
            handover: None,
            cancel: None,
        }
    }

    /// The state of a connection's plan lane that nobody worked in yet.
    pub fn of_plans(account_id: AccountId, connection_id: ConnectionId) -> Self {
        Self { lane: Lane::Plan, fence: PLAN_FENCES, ..Self::new(account_id, connection_id) }
    }

    /// How long what was hinted at had to wait, had it been dealt with at `now`.
    pub fn waited(&self, now: Timestamp) -> Option<SignedDuration> {
        let since = self.hinted_since.or(self.last_hint_at)?;
        (self.wanted > self.work.done).then(|| now.duration_since(since))
    }

    /// Since when hints wait once `work` is stored over this state, as far as its holder knows; a
    /// hint that comes in meanwhile is measured by the last of its burst.
    pub fn hinted_since_after(&self, work: &Work) -> Option<Timestamp> {
        if work.done == self.work.done {
            self.hinted_since
        } else if work.done >= self.wanted {
            None
        } else {
            self.last_hint_at
        }
    }

    /// Whether what earlier runs did is being taken back, or waits to be: that goes on while the
    /// connection rests.
    pub fn undoes(&self) -> bool {
        let at_work = self.work.checkpoint.as_ref().map(|point| point.kind);
        let waiting = self.queue.iter().map(|queued| queued.kind);
        at_work.into_iter().chain(waiting).any(|kind| kind == RunKind::Undo)
    }

    /// Whether nobody works on it at `now`.
    pub fn is_free(&self, now: Timestamp) -> bool {
        self.lease.as_ref().is_none_or(|lease| lease.expires_at <= now)
    }

    /// Whether there is something to do that nobody does.
    pub fn is_stranded(&self, now: Timestamp) -> bool {
        self.is_free(now)
            && (self.wanted > self.work.done
                || self.work.checkpoint.is_some()
                || !self.queue.is_empty())
    }

    /// Whether a hint that came at `now` should be announced, given the state before it: yes while
    /// nobody works, or when the last hint is old enough that its announcement may have got lost.
    pub fn announces_hint(&self, now: Timestamp) -> bool {
        self.is_free(now)
            || self.last_hint_at.is_none_or(|last| now.duration_since(last) >= HINT_REPEAT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn state() -> SyncState {
        SyncState::new(AccountId::from_bits(1), ConnectionId::from_bits(2))
    }

    #[test]
    fn hints_in_a_burst_are_announced_once_while_somebody_works() {
        let mut state = state();
        assert!(state.announces_hint(at(100)));
        state.lease = Some(Lease { holder: "a".into(), expires_at: at(200) });
        state.last_hint_at = Some(at(100));
        assert!(!state.announces_hint(at(101)));
        assert!(state.announces_hint(at(130)), "an announcement may have got lost");
        assert!(state.announces_hint(at(200)), "the lease expired");
    }

    #[test]
    fn work_that_nobody_does_is_found() {
        let mut state = state();
        assert!(!state.is_stranded(at(0)));
        state.wanted = 1;
        assert!(state.is_stranded(at(0)));
        state.lease = Some(Lease { holder: "a".into(), expires_at: at(10) });
        assert!(!state.is_stranded(at(9)));
        assert!(state.is_stranded(at(10)));
    }
}
