//! What people were told, and what was mailed of it.

use std::future::Future;

use contact_sync_domain::id::{AccountId, ConnectionId, NoticeId};
use contact_sync_domain::notice::{Notice, NoticeKind, Noticed};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ShardPage, StoreError};

/// Which notices of an account are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoticeFilter {
    /// Those that this user is told; all without one.
    pub user: Option<String>,
    /// Those that the user did not read yet; without a user, those that nobody read.
    pub unread: bool,
}

impl NoticeFilter {
    /// Whether it means a notice.
    pub fn holds(&self, notice: &Notice) -> bool {
        let is_told = self.user.as_ref().is_none_or(|user| notice.users.contains(user));
        let is_read = match &self.user {
            Some(user) => notice.read_by.contains(user),
            None => !notice.read_by.is_empty(),
        };
        is_told && !(self.unread && is_read)
    }
}

/// A page of an account's notices, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticePage {
    /// The notices.
    pub notices: Vec<Notice>,
    /// Where the list goes on.
    pub cursor: Option<String>,
}

/// Notices, and what was told last of each connection and kind.
pub trait NoticeStore: Send + Sync {
    /// What was told last.
    fn noticed(
        &self,
        connection: &ConnectionId,
        kind: NoticeKind,
    ) -> impl Future<Output = Result<Option<Noticed>, StoreError>> + Send;

    /// Stores what people believe from now on over the version before (nothing before version 1),
    /// together with what they are told: both or neither. `false` when somebody was faster.
    fn raise(
        &self,
        noticed: &Noticed,
        notice: Option<&Notice>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Finds a notice.
    fn notice(
        &self,
        account: &AccountId,
        id: &NoticeId,
    ) -> impl Future<Output = Result<Option<Notice>, StoreError>> + Send;

    /// A page of an account's notices, newest first. A cursor that is not ours is `Ok(None)`.
    fn notices(
        &self,
        account: &AccountId,
        filter: &NoticeFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Option<NoticePage>, StoreError>> + Send;

    /// Stores a notice over the version before; `false` when it moved.
    fn update_notice(
        &self,
        notice: &Notice,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// That a connection's digest is due, or what was put off of another kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DigestDue {
    /// Whose.
    pub account_id: AccountId,
    /// Of which connection.
    pub connection_id: ConnectionId,
    /// When.
    pub due: Timestamp,
    /// What is to be told then: a digest, or what of this kind was not told yet.
    #[serde(default = "digest", skip_serializing_if = "is_digest")]
    pub kind: NoticeKind,
}

fn digest() -> NoticeKind {
    NoticeKind::Digest
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_digest(kind: &NoticeKind) -> bool {
    *kind == NoticeKind::Digest
}

/// Which digests, and what else was put off, are due when.
pub trait DigestStore: Send + Sync {
    /// Stores what was summed up so far, or what people believe of another kind, over the version
    /// before, as [`NoticeStore::raise`] does, together with the notice of it and when more is due.
    fn raise_digest(
        &self,
        noticed: &Noticed,
        notice: Option<&Notice>,
        next: Option<&DigestDue>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The digests of one of the [`super::SHARDS`] that are due at `until`, the oldest first, a page
    /// at a time.
    fn digests_due(
        &self,
        shard: u8,
        until: Timestamp,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<ShardPage<DigestDue>, StoreError>> + Send;

    /// Forgets that a digest is due.
    fn drop_digest(&self, due: &DigestDue) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// One mail of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailOf {
    /// Whose notice.
    pub account_id: AccountId,
    /// Which.
    pub notice_id: NoticeId,
    /// To which address, in a form that does not tell it.
    pub address_hash: String,
}

/// What became of a claim to send a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailClaim {
    /// It is the caller's to send.
    Ours,
    /// It was sent.
    Sent,
    /// Somebody else is at it, or died at it a moment ago.
    AtWork,
}

/// Which mails were sent.
pub trait MailLog: Send + Sync {
    /// Claims a mail until `until`; a claim that is over at `now` and left no mail counts no more.
    fn claim_mail(
        &self,
        mail: &MailOf,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<MailClaim, StoreError>> + Send;

    /// Notes at `now` that a mail was sent, or that it was not and may be claimed again.
    fn settle_mail(
        &self,
        mail: &MailOf,
        is_sent: bool,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
