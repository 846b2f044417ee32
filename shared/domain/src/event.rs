//! Events on the bus: facts in the past tense, one contract for every reader.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::contact::Contact;
use crate::erasure::OpenErasure;
use crate::id::{
    AccountId, ConnectionId, ContactId, ErasureId, NoticeId, ReviewId, RunId, TeamId, TenantId,
};
use crate::notice::NoticeKind;
use crate::photo::{Image, PhotoState};
use crate::review::ReviewList;
use crate::run::{Counts, RunKind, RunStatus};
use crate::silence::Missed;
use crate::sync_state::Lane;
use crate::team::HeldBy;

/// The bus `source` of every event.
pub const SOURCE: &str = "entra-contact-sync";

/// The version of the detail contracts below.
pub const SCHEMA_VERSION: u32 = 1;

/// An event's `detail`, by its `detail-type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// `ContactCreated`, `ContactUpdated`, `ContactUnlinked`, `ContactRemoved`.
    Contact(Box<ContactEvent>),
    /// `TeamMembershipChanged`; before the others, since its members are the most.
    TeamMembershipChanged(TeamMembershipChanged),
    /// `ContactPhotoChanged`.
    ContactPhotoChanged(ContactPhotoChanged),
    /// `NoticeRaised`; before those whose members it has too.
    NoticeRaised(NoticeRaised),
    /// `SyncRequested`.
    SyncRequested(SyncRequested),
    /// `DirectoryChanged`.
    DirectoryChanged(DirectoryChanged),
    /// `SyncRunPlanned`.
    SyncRunPlanned(SyncRunPlanned),
    /// `SyncRunFinished`.
    SyncRunFinished(SyncRunFinished),
    /// `ReportReady`.
    ReportReady(ReportReady),
    /// `ConnectionAuthorized`.
    ConnectionAuthorized(ConnectionAuthorized),
    /// `ConnectionAttention`.
    ConnectionAttention(ConnectionAttention),
    /// `ReviewWaiting`.
    ReviewWaiting(ReviewWaiting),
    /// `PhotosRequested`; before those whose members it has too.
    PhotosRequested(PhotosRequested),
    /// `ConnectionSilent`.
    ConnectionSilent(ConnectionSilent),
    /// `ErasureRequested`.
    ErasureRequested(ErasureRequested),
}

impl Event {
    /// The bus `detail-type`.
    pub fn detail_type(&self) -> &'static str {
        match self {
            Self::Contact(event) => event.kind.detail_type(),
            Self::TeamMembershipChanged(_) => "TeamMembershipChanged",
            Self::ContactPhotoChanged(_) => "ContactPhotoChanged",
            Self::NoticeRaised(_) => "NoticeRaised",
            Self::SyncRequested(_) => "SyncRequested",
            Self::DirectoryChanged(_) => "DirectoryChanged",
            Self::SyncRunPlanned(_) => "SyncRunPlanned",
            Self::SyncRunFinished(_) => "SyncRunFinished",
            Self::ReportReady(_) => "ReportReady",
            Self::ConnectionAuthorized(_) => "ConnectionAuthorized",
            Self::ConnectionAttention(_) => "ConnectionAttention",
            Self::ReviewWaiting(_) => "ReviewWaiting",
            Self::PhotosRequested(_) => "PhotosRequested",
            Self::ConnectionSilent(_) => "ConnectionSilent",
            Self::ErasureRequested(_) => "ErasureRequested",
        }
    }
}

/// Something happened to a contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactEvent {
    /// 1.
    pub schema_version: u32,
    /// Unique: contact and sequence. A repeated event has the same.
    pub event_id: String,
    /// The contact's version after the change; a gap means an event is still on its way.
    pub sequence: u64,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: ContactEventKind,
    /// Whose.
    pub account_id: AccountId,
    /// Through which connection; null for a local contact.
    pub connection_id: Option<ConnectionId>,
    /// Which contact.
    pub contact_id: ContactId,
    /// The whole contact after the change; null once removed.
    pub contact: Option<Contact>,
    /// Whether the person is to be welcomed: sync made the contact, and never made it before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub welcome: bool,
    /// When.
    pub occurred_at: Timestamp,
}

/// What happened to a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContactEventKind {
    /// Made.
    #[serde(rename = "ContactCreated")]
    Created,
    /// Changed.
    #[serde(rename = "ContactUpdated")]
    Updated,
    /// Lost its tie to the directory.
    #[serde(rename = "ContactUnlinked")]
    Unlinked,
    /// Deleted.
    #[serde(rename = "ContactRemoved")]
    Removed,
}

impl ContactEventKind {
    /// The bus `detail-type`.
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::Created => "ContactCreated",
            Self::Updated => "ContactUpdated",
            Self::Unlinked => "ContactUnlinked",
            Self::Removed => "ContactRemoved",
        }
    }
}

/// A contact joined or left a team, or got another role in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TeamMembershipChanged {
    /// 1.
    pub schema_version: u32,
    /// Unique: contact, team and sequence. A repeated event has the same.
    pub event_id: String,
    /// Grows with every change of this membership; a gap means that what holds it changed, and
    /// nobody joined or left or got another role.
    pub sequence: u64,
    /// Whose.
    pub account_id: AccountId,
    /// Through which connection; null where only people are behind it.
    pub connection_id: Option<ConnectionId>,
    /// Which contact.
    pub contact_id: ContactId,
    /// Which team.
    pub team_id: TeamId,
    /// What happened.
    pub change: TeamChange,
    /// Who holds the membership, or held it.
    pub origin: HeldBy,
    /// What the contact is in the team; left out where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What it was in the team before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_role: Option<String>,
    /// When.
    pub occurred_at: Timestamp,
}

/// What happened to a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TeamChange {
    /// The contact is in the team now.
    Joined,
    /// The contact is no longer in the team.
    Left,
    /// The contact stays in the team, with another role.
    RoleChanged,
}

/// A contact's photo is another one, is gone, or cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactPhotoChanged {
    /// 1.
    pub schema_version: u32,
    /// Unique: contact and sequence. A repeated event has the same.
    pub event_id: String,
    /// Grows with every change of this contact's photo; it counts apart from the contact's own.
    pub sequence: u64,
    /// Whose.
    pub account_id: AccountId,
    /// Through which connection.
    pub connection_id: ConnectionId,
    /// Which contact's.
    pub contact_id: ContactId,
    /// What stands now: `present`, `none` or `unavailable`.
    pub state: PhotoState,
    /// The photo that is kept: its type, size and digest. The bytes are read from the API.
    pub photo: Option<Image>,
    /// When.
    pub occurred_at: Timestamp,
}

/// A slice of looking at photos ended before its work did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhotosRequested {
    /// 1.
    pub schema_version: u32,
    /// Whose.
    pub account_id: AccountId,
    /// Which connection's.
    pub connection_id: ConnectionId,
    /// The number of the write that asks for more.
    pub step: u64,
}

/// Somebody or something wants a run, or its continuation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncRequested {
    /// 1.
    pub schema_version: u32,
    /// Whose.
    pub account_id: AccountId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// What it should do.
    pub kind: RunKind,
    /// What caused it.
    pub trigger: RequestTrigger,
    /// The run, where it exists already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// For continuations: the fence at the letting go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<u64>,
    /// For schedules: the time the run was due; a repeated delivery has the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// In which lane; absent where everything syncs.
    #[serde(default, skip_serializing_if = "Lane::is_main")]
    pub lane: Lane,
}

/// What caused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RequestTrigger {
    /// The connection was enabled.
    Enable,
    /// Its schedule came due.
    Schedule,
    /// A person or the host product asked.
    Manual,
    /// The connection was resumed.
    Resume,
    /// Changed settings take effect at once.
    Settings,
    /// A slice ended before its work did.
    Continuation,
    /// The sweep found something undone.
    Sweep,
}

/// Graph hinted that a directory changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryChanged {
    /// 1.
    pub schema_version: u32,
    /// Whose.
    pub account_id: AccountId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// The number of hints so far.
    pub wanted: u64,
}

/// A run says what it would do, and waits for somebody to approve it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncRunPlanned {
    /// 1.
    pub schema_version: u32,
    /// Whose.
    pub account_id: AccountId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// Which run.
    pub run_id: RunId,
    /// How it was planned.
    pub kind: RunKind,
    /// What the plan is known by.
    pub plan_hash: String,
    /// Until when it can be approved.
    pub expires_at: Timestamp,
    /// What it would do, in numbers.
    pub counts: Counts,
}

/// A run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncRunFinished {
    /// 1.
    pub schema_version: u32,
    /// Whose.
    pub account_id: AccountId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// Which run.
    pub run_id: RunId,
    /// What it did.
    pub kind: RunKind,
    /// How it ended.
    pub status: RunStatus,
    /// What it did, in numbers.
    pub counts: Counts,
}

/// A run's report can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportReady {
    /// 1.
    pub schema_version: u32,
    /// Whose.
    pub account_id: AccountId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// Which run.
    pub run_id: RunId,
}

/// An admin's sign-in proved a connection's tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionAuthorized {
    /// 1.
    pub schema_version: u32,
    /// Whose.
    pub account_id: AccountId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// Which tenant.
    pub tenant_id: TenantId,
}

/// A decision waits for a person, or another one than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewWaiting {
    /// 1.
    pub schema_version: u32,
    /// Whose.
    pub account_id: AccountId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// The item.
    pub review_id: ReviewId,
    /// In which list.
    pub list: ReviewList,
    /// In which version.
    pub version: u64,
    /// The contact concerned, where there is one.
    pub contact_id: Option<ContactId>,
}

/// People are told of something, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoticeRaised {
    /// 1.
    pub schema_version: u32,
    /// Whose.
    pub account_id: AccountId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// The notice.
    pub notice_id: NoticeId,
    /// About what.
    pub kind: NoticeKind,
    /// The stable word.
    pub reason: String,
    /// What happened, in a line.
    pub title: String,
    /// The run that showed it; null where none did.
    pub run_id: Option<RunId>,
}

/// What a connection should have heard by now does not come, or comes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionSilent {
    /// 1.
    pub schema_version: u32,
    /// Whose.
    pub account_id: AccountId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// What is missed; null where nothing is any more.
    pub what: Option<Missed>,
    /// Since when; null where nothing is missed any more.
    pub since: Option<Timestamp>,
}

/// A person was forgotten, and what runs left is to be gone through from where that came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasureRequested {
    /// 1.
    pub schema_version: u32,
    /// Whose.
    pub account_id: AccountId,
    /// The receipt.
    pub receipt_id: ErasureId,
    /// The receipt's version.
    pub step: u64,
}

impl From<OpenErasure> for ErasureRequested {
    fn from(open: OpenErasure) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            account_id: open.account_id,
            receipt_id: open.receipt_id,
            step: open.step,
        }
    }
}

/// A connection needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionAttention {
    /// 1.
    pub schema_version: u32,
    /// Whose.
    pub account_id: AccountId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// The stable word.
    pub reason: String,
    /// What to do.
    pub fix: String,
}
