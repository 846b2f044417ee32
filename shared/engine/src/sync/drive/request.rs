//! What an invocation is asked to do, and how it ended.

use contact_sync_domain::event::RequestTrigger;
use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::run::RunKind;
use contact_sync_domain::sync_state::Lane;

/// What an invocation is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose.
    pub account_id: AccountId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// What is wanted: a full run, or a look at what changed.
    pub kind: RunKind,
    /// What caused it; `None` for a hint of Graph's.
    pub trigger: Option<RequestTrigger>,
    /// The run, where it exists already.
    pub run_id: Option<RunId>,
    /// For continuations: the fence at the letting go.
    pub checkpoint: Option<u64>,
    /// For schedules: the time the run was due.
    pub slot: Option<String>,
    /// In which lane.
    pub lane: Lane,
}

/// How an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driven {
    /// The connection does not sync.
    Idle,
    /// Somebody else works; whatever was asked is queued and will be seen.
    Busy,
    /// A continuation that another invocation took over.
    Dropped,
    /// Everything wanted was done.
    LetGo,
    /// Time is up; another invocation continues.
    HandedOver,
    /// The directory does not answer for now; the sweep continues.
    Parked,
    /// The lease was lost.
    Lost,
    /// Everything is paused; whatever was asked waits.
    Paused,
}
