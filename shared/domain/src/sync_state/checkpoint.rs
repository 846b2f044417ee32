//! Where an unfinished run stands: everything that another invocation needs to go on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ContactId, ObjectId, RunId};
use crate::proof::Proof;
use crate::query_plan::Reading;
use crate::retention::Retention;
use crate::review::DecisionPlace;
use crate::run::{Counts, GraphCost, RunKind, RunStatus, Trigger};

/// Where an unfinished run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each tells of a thing of its own")]
pub struct Checkpoint {
    /// For how long what the run does is kept.
    #[serde(default, skip_serializing_if = "Retention::is_usual")]
    pub kept: Retention,
    /// Which run.
    pub run_id: RunId,
    /// What it does.
    pub kind: RunKind,
    /// What caused it.
    pub trigger: Trigger,
    /// The settings it runs under, from start to end.
    pub settings_version: u64,
    /// What it does next.
    pub stage: Stage,
    /// The number of the next page, over all stages.
    pub page: u32,
    /// Raised each time the listing starts again.
    pub generation: u32,
    /// The first page of the current generation's listing.
    pub first_page: u32,
    /// The fence at which the current generation began.
    pub first_fence: u64,
    /// The token taken before the listing; the closing drain starts from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// Digest of the `$select` that the baseline is bound to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub select_hash: String,
    /// Counts so far.
    pub counts: Counts,
    /// Graph's cost so far.
    pub graph: GraphCost,
    /// Graph's own count of users, for the progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// The generation whose listing began at `first_page`; pages of older ones prove nothing.
    #[serde(default)]
    pub listing: u32,
    /// What the stored pages since then prove.
    #[serde(default)]
    pub proof: Proof,
    /// People of this round's pages whose entries lacked an attribute that decides: read by id,
    /// many at once, before the round's delta link is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<ObjectId>,
    /// How many slices worked on it.
    pub hops: u32,
    /// How many slices in a row got no page further.
    #[serde(default)]
    pub stalls: u32,
    /// The hints that had come in when its last look at the directory began.
    pub wanted_seen: u64,
    /// When it was asked for.
    pub queued_at: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// Whether its run item exists already (a delta makes one only when something changed).
    pub recorded: bool,
    /// Whether the guard held removals back.
    #[serde(default)]
    pub blocked: bool,
    /// A sentence for people when something is incomplete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How it ended; from then on nothing but recording that is left to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// The page before, as long as memberships of teams are to follow its contacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<u32>,
    /// What keeps mapped groups from being followed, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams_note: Option<String>,
    /// How a full run reads people; absent before it chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// Digest of the tenant's other connections when its listing began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rivals: Option<String>,
    /// Whether it applies the plan that it made before: it looks at nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub applies: bool,
    /// Whether it reads everybody because Graph let go of the token that told changes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anew: bool,
}

impl Checkpoint {
    /// The beginning of a run at this stage, under a state of which so many hints were seen.
    pub fn begin(
        (run_id, kind, trigger): (RunId, RunKind, Trigger),
        settings_version: u64,
        stage: Stage,
        (fence, wanted): (u64, u64),
        now: Timestamp,
    ) -> Self {
        Self {
            run_id,
            kind,
            trigger,
            settings_version,
            stage,
            page: 0,
            generation: 0,
            first_page: 0,
            first_fence: fence,
            baseline: None,
            select_hash: String::new(),
            counts: Counts::default(),
            graph: GraphCost::default(),
            total: None,
            listing: 0,
            proof: Proof::default(),
            unclear: Vec::new(),
            hops: 0,
            stalls: 0,
            wanted_seen: wanted,
            queued_at: now,
            started_at: now,
            recorded: false,
            blocked: false,
            note: None,
            ending: None,
            teams_note: None,
            reading: None,
            rivals: None,
            follows: None,
            applies: false,
            anew: false,
            kept: Retention::default(),
        }
    }

    /// Whether it reads the whole directory.
    pub fn reads_everybody(&self) -> bool {
        self.kind.reads_everybody() && !self.applies
    }
}

/// How a run ended, kept so that whoever records it after a crash says the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// How.
    pub status: RunStatus,
    /// Why not well, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a run does next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "stage")]
pub enum Stage {
    /// Take the token from which the closing drain starts, and read the scope's groups.
    Baseline,
    /// List users: from the first page, or from this next link.
    List {
        /// The next link.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<String>,
    },
    /// Drain the delta from the baseline token.
    Drain {
        /// The delta or next link.
        link: String,
    },
    /// Find linked contacts that were not listed, and confirm.
    Absence,
    /// Read what changed.
    Delta {
        /// The delta or next link.
        link: String,
    },
    /// Read which groups of the scope changed, and diff their members.
    Groups,
    /// Read one person by his id.
    Person {
        /// Who.
        user: ObjectId,
    },
    /// Read the members of one group by their ids.
    Members {
        /// Which group.
        group: ObjectId,
    },
    /// Take over contacts that existed before, each unless several people are led to it.
    Takeovers,
    /// Resolve collisions of e-mails.
    Collisions,
    /// Look once more for managers who had no contact when their people were decided.
    References,
    /// Judge the staged removals.
    Judge,
    /// Compare who is in which team with the members of the mapped groups.
    Teams,
    /// Apply this page of the plan that somebody approved, and those behind it.
    Apply {
        /// Which page of the plan.
        page: u32,
    },
    /// Find out how what earlier runs did is taken back, page by page from the last.
    Undo {
        /// Which of the runs, by its place.
        run: u32,
        /// How many of its pages are left to look at; absent before it was begun.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<u32>,
        /// Whose teams were taken back last, behind all its pages.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        teams: Option<ContactId>,
        /// Behind which of the decisions that people made since it goes on, the newest first; absent
        /// before all of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        behind: Option<DecisionPlace>,
    },
    /// Record the end.
    Finish,
}
