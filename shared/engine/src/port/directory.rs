//! The customer's directory, read through Microsoft Graph.

use std::future::Future;

use contact_sync_domain::directory::{DeltaEntry, DirectoryUser, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::segment::NextStep;
use jiff::SignedDuration;
use thiserror::Error;

use super::{AdministrativeUnits, BoxError};

/// How urgent a request is; Graph sheds the low ones first (`x-ms-throttle-priority`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Full listings.
    Bulk,
    /// Deltas, consent, what a person waits for.
    Interactive,
}

/// A page of the user listing.
#[derive(Debug, Clone, PartialEq)]
pub struct UserPage {
    /// The users; may be empty although more pages follow.
    pub users: Vec<DirectoryUser>,
    /// `Next` or `End`.
    pub next: NextStep,
    /// What it cost.
    pub cost: GraphCost,
}

/// A page of the users delta.
#[derive(Debug, Clone, PartialEq)]
pub struct DeltaPage {
    /// The entries in arrival order; the same user may occur several times.
    pub entries: Vec<DeltaEntry>,
    /// `Next` or `Delta`.
    pub next: NextStep,
    /// What it cost.
    pub cost: GraphCost,
}

/// What a page of the groups delta tells of one group. A large group comes in slices: a member that
/// a slice does not name is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupChange {
    /// It changed in name or in who is directly in it.
    Changed {
        /// Which.
        group: ObjectId,
        /// Who joined or left.
        members: Vec<MemberEdge>,
    },
    /// It is gone.
    Gone(ObjectId),
}

impl GroupChange {
    /// Which group.
    pub fn group(&self) -> &ObjectId {
        match self {
            Self::Changed { group, .. } | Self::Gone(group) => group,
        }
    }
}

/// Somebody or something joined a group, or left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberEdge {
    /// Who or what.
    pub id: ObjectId,
    /// Of which kind.
    pub kind: MemberKind,
    /// Whether it left.
    pub is_gone: bool,
}

/// What can be in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A user.
    User,
    /// A group.
    Group,
    /// A device, a contact, an application: nobody to sync.
    Other,
    /// Graph did not say.
    Unknown,
}

/// A page of the groups delta.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupsDeltaPage {
    /// What changed, in arrival order; the same group may occur several times.
    pub changes: Vec<GroupChange>,
    /// `Next` or `Delta`.
    pub next: NextStep,
    /// What it cost.
    pub cost: GraphCost,
}

/// A page of a group's members.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberPage {
    /// Users among them.
    pub users: Vec<ObjectId>,
    /// Groups among them.
    pub groups: Vec<ObjectId>,
    /// `Next` or `End`.
    pub next: NextStep,
    /// What it cost.
    pub cost: GraphCost,
}

/// A page of the groups that a user is in.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupPage {
    /// The groups.
    pub groups: Vec<Group>,
    /// `Next` or `End`.
    pub next: NextStep,
    /// What it cost.
    pub cost: GraphCost,
}

/// Users read by their ids. Whoever was asked for and is in neither list is not in the directory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ByIds {
    /// Present, with all selected attributes.
    pub found: Vec<DirectoryUser>,
    /// In the recycle bin.
    pub soft_deleted: Vec<ObjectId>,
    /// What it cost.
    pub cost: GraphCost,
}

/// The tenant's own record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// The tenant id Graph names; must equal the one asked for.
    pub id: TenantId,
    /// Its display name.
    pub name: Option<String>,
    /// Its verified domains, the default one first.
    pub verified_domains: Vec<String>,
}

/// A group, as pickers show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its object id.
    pub id: ObjectId,
    /// Its display name.
    pub display_name: Option<String>,
}

/// How reading a directory can fail.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// Too many requests; the whole lane of this tenant should pause.
    #[error("the directory asks us to wait")]
    Throttled {
        /// How long, where the answer said.
        retry_after: Option<SignedDuration>,
    },
    /// No usable answer after all retries: 5xx, reset, truncated or foreign body.
    #[error("the directory did not answer usefully: {what}")]
    Unavailable {
        /// What was seen, without personal data.
        what: String,
        /// The cause, where there is one.
        source: Option<BoxError>,
    },
    /// Our application is not, or no longer, consented in this tenant. In the first minutes after
    /// consent this is replication.
    #[error("the tenant no longer lets us in ({code})")]
    ConsentLost {
        /// The AADSTS number or Graph code.
        code: String,
    },
    /// The tenant's policy blocks us (Conditional Access, tenant restrictions, wrong cloud).
    #[error("a policy of the tenant blocks us ({code})")]
    Blocked {
        /// The AADSTS number or Graph code.
        code: String,
    },
    /// Our own credential is wrong or expired: all tenants fail together, no tenant is to blame.
    #[error("our own credential was refused ({code})")]
    CredentialRefused {
        /// The AADSTS number.
        code: String,
    },
    /// One permission is missing.
    #[error("a permission is missing for {what} ({code})")]
    Forbidden {
        /// Which call.
        what: &'static str,
        /// Graph's code.
        code: String,
    },
    /// The delta token is dead: start a full pass. Graph may name where.
    #[error("the delta token is no longer valid")]
    Gone {
        /// The `Location`, when it passed the link check.
        restart: Option<String>,
    },
    /// A page token expired or was lost: start this round again from its beginning.
    #[error("the page token is no longer valid")]
    PageExpired,
    /// The object does not exist, or not yet everywhere.
    #[error("{what} was not found")]
    NotFound {
        /// Which call.
        what: &'static str,
    },
    /// Graph refused the request as wrong.
    #[error("the directory refused {what} ({code})")]
    Refused {
        /// Which call.
        what: &'static str,
        /// Graph's code.
        code: String,
    },
    /// An attribute that was asked for does not exist in this tenant.
    #[error("the directory has no attribute `{name}`")]
    UnknownAttribute {
        /// Its name, as the settings read it.
        name: String,
    },
    /// A link leads away from the configured Graph; no token is sent there.
    #[error("a link leads away from the configured directory")]
    ForeignLink,
}

impl DirectoryError {
    /// Whether the same request may succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Unavailable { .. } => true,
            Self::ConsentLost { .. }
            | Self::Blocked { .. }
            | Self::CredentialRefused { .. }
            | Self::Forbidden { .. }
            | Self::Gone { .. }
            | Self::PageExpired
            | Self::NotFound { .. }
            | Self::Refused { .. }
            | Self::UnknownAttribute { .. }
            | Self::ForeignLink => false,
        }
    }
}

/// The directory of any connected tenant. Retries within one call are the adapter's; each call
/// ends within about 30 seconds.
pub trait Directory: AdministrativeUnits {
    /// A delta link that means "from now on", bound to the tracked attributes.
    fn latest_users_link(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
    ) -> impl Future<Output = Result<(String, GraphCost), DirectoryError>> + Send;

    /// A page of the listing: the first, or the one behind a next link, which is bound to its own
    /// selection.
    fn list_users(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        link: Option<&str>,
        lane: Lane,
    ) -> impl Future<Output = Result<UserPage, DirectoryError>> + Send;

    /// A page of changes behind a delta or next link.
    fn users_delta(
        &self,
        tenant: &TenantId,
        link: &str,
    ) -> impl Future<Output = Result<DeltaPage, DirectoryError>> + Send;

    /// Users by id, any number (asked in packets of 1,000).
    fn users_by_id(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        ids: &[ObjectId],
    ) -> impl Future<Output = Result<ByIds, DirectoryError>> + Send;

    /// A user by object id, UPN or mail; `None` when there is none.
    fn find_user(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        key: &str,
    ) -> impl Future<Output = Result<Option<DirectoryUser>, DirectoryError>> + Send;

    /// The first users whose name or address begins with the text (empty = any).
    fn search_users(
        &self,
        tenant: &TenantId,
        query: &str,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<DirectoryUser>, DirectoryError>> + Send;

    /// How many users there are, as Graph counts; informs only.
    fn count_users(
        &self,
        tenant: &TenantId,
    ) -> impl Future<Output = Result<(u64, GraphCost), DirectoryError>> + Send;

    /// How many groups there are, as Graph counts; informs only.
    fn count_groups(
        &self,
        tenant: &TenantId,
    ) -> impl Future<Output = Result<(u64, GraphCost), DirectoryError>> + Send;

    /// A group; `None` when it does not exist.
    fn find_group(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
    ) -> impl Future<Output = Result<Option<Group>, DirectoryError>> + Send;

    /// Whether a group tells who is in it to whoever may read groups: one that hides its members may
    /// tell of none though it has some.
    fn shows_members(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
    ) -> impl Future<Output = Result<(bool, GraphCost), DirectoryError>> + Send;

    /// The first groups whose name begins with the text (empty = any).
    fn search_groups(
        &self,
        tenant: &TenantId,
        query: &str,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<Group>, DirectoryError>> + Send;

    /// A page of a group's members: direct, or with `nested` those of the groups inside it too
    /// (then the groups themselves are named as well).
    fn group_members(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
        nested: bool,
        link: Option<&str>,
    ) -> impl Future<Output = Result<MemberPage, DirectoryError>> + Send;

    /// A page of the groups that a user is in: directly, or with `nested` also those around them.
    fn user_groups(
        &self,
        tenant: &TenantId,
        user: &ObjectId,
        nested: bool,
        link: Option<&str>,
    ) -> impl Future<Output = Result<GroupPage, DirectoryError>> + Send;

    /// A delta link for groups that means "from now on".
    fn latest_groups_link(
        &self,
        tenant: &TenantId,
    ) -> impl Future<Output = Result<(String, GraphCost), DirectoryError>> + Send;

    /// A page of group changes behind a delta or next link.
    fn groups_delta(
        &self,
        tenant: &TenantId,
        link: &str,
    ) -> impl Future<Output = Result<GroupsDeltaPage, DirectoryError>> + Send;

    /// The tenant's own record.
    fn organization(
        &self,
        tenant: &TenantId,
    ) -> impl Future<Output = Result<Organization, DirectoryError>> + Send;

    /// Drops the cached token, for instance after a new consent.
    fn forget_token(&self, tenant: &TenantId) -> impl Future<Output = ()> + Send;
}
