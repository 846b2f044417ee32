//! Why a request was not carried out.

use contact_sync_domain::connection::{ConnectionStatus, RefusedTransition};
use contact_sync_domain::contact::Target;
use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId, RunId};
use contact_sync_domain::settings::Problem;
use thiserror::Error;

use super::Role;
use crate::port::{DirectoryError, MailError, ScheduleError, StoreError};

/// Why a request was not carried out. What a caller can mend comes first.
#[derive(Debug, Error)]
pub enum AdminError {
    /// There is no such thing, or it is not the caller's.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The caller's role does not suffice.
    #[error("this needs the role {needed}")]
    RoleTooSmall {
        /// The smallest role that suffices.
        needed: Role,
    },
    /// Only callers without an account of their own may do this.
    #[error("only the operator of the installation may do this")]
    OperatorsOnly,
    /// The document is wrong at these places.
    #[error("{} members are wrong", .0.len())]
    Invalid(Vec<Problem>),
    /// A cursor that no list of ours gave.
    #[error("the cursor is not one of this list's")]
    BadCursor,
    /// The external id belongs to another account.
    #[error("the external id is taken")]
    ExternalIdTaken,
    /// The e-mail belongs to another contact of the account.
    #[error("the e-mail is taken")]
    EmailTaken,
    /// Sync manages these fields.
    #[error("{} fields are managed by sync", .0.len())]
    ManagedFields(Vec<Target>),
    /// Mappings still write this custom field.
    #[error("the custom field `{key}` is mapped")]
    CustomFieldInUse {
        /// The field's key.
        key: String,
    },
    /// Another team of the account has this name.
    #[error("the team's name is taken")]
    TeamNameTaken,
    /// These connections map groups to the team.
    #[error("{} connections map groups to the team", .0.len())]
    TeamMapped(Vec<ConnectionId>),
    /// These groups hold the contact in the team.
    #[error("{} groups hold the membership", .0.len())]
    HeldByGroups(Vec<ObjectId>),
    /// The connection's state does not allow it.
    #[error("the connection's state does not allow it")]
    WrongState(#[from] RefusedTransition),
    /// The connection must be in another state for this.
    #[error("a connection that is {from:?} does not allow this")]
    NotNow {
        /// The state it is in.
        from: ConnectionStatus,
        /// What would help.
        fix: &'static str,
    },
    /// The tenant named is not the one that was proven.
    #[error("the tenant named is not the proven one")]
    WrongTenant,
    /// An account that uses the tenant would lose it.
    #[error("account {0} uses the tenant")]
    TenantInUse(AccountId),
    /// Something that the settings demand is not set up.
    #[error("{0}")]
    RequirementUnmet(&'static str),
    /// The run has ended; nothing is left of it to stop.
    #[error("the run has ended")]
    RunEnded,
    /// A person is still being forgotten.
    #[error("the erasure is not done")]
    ErasureNotDone,
    /// Somebody else changed it at the same time.
    #[error("it was changed by somebody else at the same time")]
    Moved,
    /// The review item is not the one that was shown any more; the text says what changed.
    #[error("the review item moved: {0}")]
    ReviewMoved(String),
    /// What a person decided cannot be done; the text says why.
    #[error("the decision cannot be carried out: {0}")]
    ReviewImpossible(String),
    /// The members of a group could not be read while somebody waited, and sync did not read them yet.
    #[error("the members of group {0} could not be read in time")]
    GroupTooLarge(ObjectId),
    /// More users would be ignored than a settings document may name.
    #[error("the connection's ignore list is full")]
    IgnoreListFull {
        /// How many it holds.
        limit: usize,
    },
    /// A group that the settings name is not in the directory.
    #[error("the directory has no group {0}")]
    GroupMissing(ObjectId),
    /// An administrative unit that the settings name is not in the directory.
    #[error("the directory has no administrative unit {0}")]
    UnitMissing(ObjectId),
    /// The run shows no plan, or its plan was applied or given up.
    #[error("the run has no plan that waits to be applied")]
    PlanNotReady,
    /// The plan is too old to be applied.
    #[error("the plan has expired")]
    PlanExpired,
    /// The plan named is not the one that the run shows.
    #[error("the plan named is not the run's")]
    PlanDiffers,
    /// Other settings were saved since the plan was made.
    #[error("the settings are in version {version} by now")]
    PlanMoved {
        /// The current version.
        version: u64,
    },
    /// The guard would hold the plan's removals back, and nobody said their number.
    #[error("{count} removals are more than the guard allows")]
    RemovalsUnconfirmed {
        /// How many there are.
        count: u64,
    },
    /// Not as many items were shown as the request names, or it names no number.
    #[error("{count} items were shown")]
    ListUnconfirmed {
        /// How many stand as they were shown.
        count: u64,
    },
    /// What the run does cannot be taken back while it still does it.
    #[error("run {0} has not ended")]
    RunNotEnded(RunId),
    /// The version named in the precondition is not the current one.
    #[error("it is not in the version that the request names")]
    Stale,
    /// The version must be named.
    #[error("the request must name the version it is based on")]
    VersionNeeded,
    /// The contact has no photo; why, and what helps.
    #[error("the contact has no photo: {0}")]
    NoPhoto(String),
    /// The report is not written yet.
    #[error("the report is not written yet")]
    ReportNotReady,
    /// What was asked for was kept for a time that is over.
    #[error("the {what} was kept for {days} days")]
    Expired {
        /// What.
        what: &'static str,
        /// For how long it is kept.
        days: i64,
    },
    /// What happened to the contact since then is not all kept any more.
    #[error("not everything that happened to the contact since is kept")]
    HistoryExpired {
        /// For how many days runs are kept in detail.
        days: i64,
    },
    /// The file has more rows than one request may hold.
    #[error("the file has more than {limit} rows")]
    TooManyRows {
        /// How many are allowed.
        limit: usize,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// Scheduling failed.
    #[error("the connection's schedule could not be set")]
    Schedule(#[from] ScheduleError),
    /// A mail that somebody asked for was not sent, or nobody knows.
    #[error("the mail was not sent")]
    Mail(#[from] MailError),
    /// The directory failed.
    #[error("the directory could not be read")]
    Directory(#[from] DirectoryError),
}

impl AdminError {
    /// One wrong member.
    pub fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem { pointer: pointer.into(), message: message.into() }])
    }

    /// Whether the same request may succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Schedule(ScheduleError::Unavailable(_)) | Self::Moved | Self::ReportNotReady => {
                true
            }
            Self::Directory(error) => error.is_transient(),
            Self::Mail(error) => error.is_transient(),
            Self::NotFound(_)
            | Self::NoPhoto(_)
            | Self::RoleTooSmall { .. }
            | Self::OperatorsOnly
            | Self::Invalid(_)
            | Self::BadCursor
            | Self::ExternalIdTaken
            | Self::EmailTaken
            | Self::ManagedFields(_)
            | Self::CustomFieldInUse { .. }
            | Self::TeamNameTaken
            | Self::TeamMapped(_)
            | Self::HeldByGroups(_)
            | Self::WrongState(_)
            | Self::NotNow { .. }
            | Self::WrongTenant
            | Self::TenantInUse(_)
            | Self::RequirementUnmet(_)
            | Self::RunEnded
            | Self::ErasureNotDone
            | Self::ReviewMoved(_)
            | Self::ReviewImpossible(_)
            | Self::GroupTooLarge(_)
            | Self::IgnoreListFull { .. }
            | Self::GroupMissing(_)
            | Self::UnitMissing(_)
            | Self::PlanNotReady
            | Self::PlanExpired
            | Self::PlanDiffers
            | Self::PlanMoved { .. }
            | Self::RemovalsUnconfirmed { .. }
            | Self::ListUnconfirmed { .. }
            | Self::RunNotEnded(_)
            | Self::Stale
            | Self::VersionNeeded
            | Self::Expired { .. }
            | Self::HistoryExpired { .. }
            | Self::TooManyRows { .. }
            | Self::Schedule(ScheduleError::Refused(_)) => false,
        }
    }
}
