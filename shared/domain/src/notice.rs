//! Notices: what people are told of a connection, once for each change of its state.
//!
//! What was told last is kept for each connection and kind ([`Noticed`]); what came since then
//! ([`News`]) either changes that or is no news. So the same trouble is told once however often it
//! shows, and again only after it was mended or became another.

mod changes;
mod digest;
mod failure;
mod guard;
mod questions;
mod telling;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, ConnectionId, NoticeId, RunId};
use crate::review::ReviewList;
use crate::run::{Counts, RunKind, RunStatus};
use crate::settings::Notifications;
use crate::silence::{Missed, Silence};

pub use digest::{Digest, next_digest};
pub use questions::{OpenList, Seen};
pub use telling::{Changes, Telling, Waiting};

/// What a notice is about; people choose by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NoticeKind {
    /// Syncing stopped, records fail, or it works again.
    Failure,
    /// The guard holds removals back, or does no more.
    Guard,
    /// Decisions wait where none did.
    Review,
    /// Contacts were changed.
    Changes,
    /// A plan waits for whoever may approve it; whoever chooses decisions that wait chooses it.
    Plan,
    /// What happened since the last digest, of all kinds that are chosen.
    Digest,
}

impl NoticeKind {
    /// The kinds that people choose from.
    pub const CHOSEN: [Self; 4] = [Self::Failure, Self::Guard, Self::Review, Self::Changes];

    /// The word in JSON and in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Guard => "guard",
            Self::Review => "review",
            Self::Changes => "changes",
            Self::Plan => "plan",
            Self::Digest => "digest",
        }
    }

    /// Those of the kinds that these settings choose.
    pub fn chosen(notifications: &Notifications) -> Vec<Self> {
        let names = &notifications.kinds;
        let is_chosen = |kind: &Self| names.iter().any(|name| name == kind.name());
        Self::CHOSEN.into_iter().filter(is_chosen).collect()
    }
}

/// What people are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Its id; ids sort by when they were raised.
    pub id: NoticeId,
    /// Whose.
    pub account_id: AccountId,
    /// Of which connection.
    pub connection_id: ConnectionId,
    /// About what.
    pub kind: NoticeKind,
    /// A stable word for programs, such as `consent-lost`.
    pub reason: String,
    /// What happened, in a line.
    pub title: String,
    /// What happened, what was and was not done, and what to do: paragraphs of plain text.
    pub text: String,
    /// The run that showed it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// The users of the host product who are told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// Those of them who read it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_by: Vec<String>,
    /// Raised by every write.
    pub version: u64,
    /// When it was raised.
    pub at: Timestamp,
}

/// What was told last of one connection and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Noticed {
    /// Of which connection.
    pub connection_id: ConnectionId,
    /// About what.
    pub kind: NoticeKind,
    /// Raised by every write: of two who saw the same, one tells.
    pub version: u64,
    /// What people believe.
    pub told: Told,
    /// When what was looked at last happened; older news is none.
    pub at: Timestamp,
}

/// What people believe of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum Told {
    /// Nothing of this kind.
    Quiet,
    /// It waits for a person.
    NeedsPerson {
        /// The stable word of the connection's attention.
        reason: String,
    },
    /// Runs do not reach their end.
    Failing {
        /// What they say, in short.
        gist: String,
        /// Whether full runs are among them; then only a full run shows that it is mended.
        #[serde(default)]
        full: bool,
    },
    /// What should have come by now does not.
    Silent {
        /// What is missed.
        what: Missed,
    },
    /// Records fail.
    Partial {
        /// What the run says, in short.
        gist: String,
        /// How many failed when that was told; absent where an earlier release told it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<u64>,
    },
    /// The guard holds removals back.
    Held,
    /// Decisions wait.
    #[serde(rename_all = "camelCase")]
    Waiting {
        /// What was seen and told of each list in which something waited at the last look.
        #[serde(default)]
        lists: BTreeMap<ReviewList, Seen>,
        /// When an earlier release looked last, which kept nothing of the lists.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen_at: Option<Timestamp>,
    },
    /// Contacts changed.
    #[serde(rename_all = "camelCase")]
    Changed {
        /// When that was told last.
        told_at: Timestamp,
        /// What changed since then.
        #[serde(default)]
        untold: Changes,
    },
    /// A plan waits, or waited.
    Planned {
        /// The run that shows it.
        run: RunId,
    },
    /// All that digests sum up, until then.
    Digested {
        /// Until when.
        until: Timestamp,
        /// When the next digest is due, where something is known that may be in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
    },
}

/// What came, as the stored state shows it at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The connection needs a person.
    NeedsPerson {
        /// The stable word.
        reason: String,
        /// What to do.
        fix: String,
        /// Since when.
        since: Timestamp,
    },
    /// What should have come by now does not.
    Silent(Silence),
    /// It comes again.
    HeardAgain {
        /// When.
        at: Timestamp,
    },
    /// An admin consented, and the connection needs nobody.
    Consented {
        /// When.
        at: Timestamp,
    },
    /// The connection was let go; nothing is expected of it.
    LetGo {
        /// When.
        at: Timestamp,
    },
    /// A run ended, and the connection needs nobody.
    Ended(EndedRun),
    /// A plan that somebody asked for is made.
    Planned(PlanMade),
    /// What waits for people.
    Waits {
        /// When somebody looked.
        at: Timestamp,
        /// The lists in which something waits.
        lists: Vec<OpenList>,
    },
    /// The time has come at which what was not told yet may be.
    Passed {
        /// When.
        at: Timestamp,
    },
}

/// A plan that waits to be approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanMade {
    /// The run that shows it.
    pub run: RunId,
    /// When it was made.
    pub at: Timestamp,
    /// Until when it can be approved.
    pub until: Timestamp,
    /// What it would change.
    pub changes: Changes,
    /// How many removals it has that the guard would hold back.
    pub held: u64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedRun {
    /// When.
    pub at: Timestamp,
    /// What it did.
    pub kind: RunKind,
    /// How.
    pub status: RunStatus,
    /// What it says of that.
    pub reason: Option<String>,
    /// What it did, in numbers.
    pub counts: Counts,
}

impl EndedRun {
    /// Whether it looked at everything that it is about. A look that gives way to a full run ends as
    /// partial without a failed record, and shows nothing that the full run will not.
    fn shows_something(&self) -> bool {
        if self.kind == RunKind::User {
            // Of one person, whoever asked for it sees it at once.
            return false;
        }
        match self.status {
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Blocked => true,
            RunStatus::Partial => self.kind == RunKind::Full || self.counts.failed > 0,
            RunStatus::Queued | RunStatus::Running | RunStatus::Planned | RunStatus::Cancelled => {
                false
            }
        }
    }
}

impl News {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::NeedsPerson { since: at, .. }
            | Self::Silent(Silence { since: at, .. })
            | Self::HeardAgain { at }
            | Self::Consented { at }
            | Self::LetGo { at }
            | Self::Ended(EndedRun { at, .. })
            | Self::Planned(PlanMade { at, .. })
            | Self::Waits { at, .. }
            | Self::Passed { at } => *at,
        }
    }

    /// Whether it may come late or twice: the others are what stands at this moment.
    fn may_be_old(&self) -> bool {
        matches!(self, Self::Ended(_) | Self::Planned(_))
    }
}

/// What becomes of what people believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// What they believe from now on.
    pub told: Told,
    /// What they are told; absent where they need not know.
    pub telling: Option<Telling>,
}

impl Turn {
    fn telling(told: Told, telling: Telling) -> Self {
        Self { told, telling: Some(telling) }
    }

    fn quietly(told: Told) -> Self {
        Self { told, telling: None }
    }
}

/// What news changes in what was told of `kind` before; `None` when it is no news.
pub fn transition(kind: NoticeKind, before: Option<&Noticed>, news: &News) -> Option<Turn> {
    let is_old = before.is_some_and(|before| news.may_be_old() && news.at() <= before.at);
    if is_old {
        return None;
    }
    let told = before.map_or(&Told::Quiet, |before| &before.told);
    if let News::LetGo { .. } = news {
        return (*told != Told::Quiet).then(|| Turn::quietly(Told::Quiet));
    }
    match kind {
        NoticeKind::Failure => failure::turn(told, news),
        NoticeKind::Guard => guard::turn(told, news),
        NoticeKind::Review => questions::turn(told, news),
        NoticeKind::Changes => changes::turn(told, news),
        NoticeKind::Plan => plan(told, news),
        // Of these the clock is the news.
        NoticeKind::Digest => None,
    }
}

/// Each plan is told once.
fn plan(told: &Told, news: &News) -> Option<Turn> {
    let News::Planned(made) = news else { return None };
    let next = Told::Planned { run: made.run.clone() };
    (*told != next).then(|| Turn::telling(next, Telling::PlanWaits(made.clone())))
}

impl Told {
    /// When what happened and was not told yet is to be told, though nothing else happens until
    /// then.
    pub fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Changed { told_at, untold } if !untold.is_empty() => changes::due(*told_at),
            Self::Waiting { lists, .. } => lists.values().filter_map(Seen::due).min(),
            Self::Quiet
            | Self::NeedsPerson { .. }
            | Self::Failing { .. }
            | Self::Silent { .. }
            | Self::Partial { .. }
            | Self::Held
            | Self::Changed { .. }
            | Self::Planned { .. }
            | Self::Digested { .. } => None,
        }
    }
}

impl Noticed {
    /// What people believe after such a turn.
    pub fn after(
        before: Option<&Self>,
        (connection_id, kind): (ConnectionId, NoticeKind),
        news: &News,
        told: Told,
    ) -> Self {
        let at = match (before, news) {
            (None, _) => news.at(),
            // That time passed makes no run old news which ended before and is told of later.
            (Some(before), News::Passed { .. }) => before.at,
            (Some(before), _) => before.at.max(news.at()),
        };
        let version = before.map_or(1, |before| before.version + 1);
        Self { connection_id, kind, version, told, at }
    }
}

#[cfg(test)]
mod tests;
