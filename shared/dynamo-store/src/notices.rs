//! What people were told, and what was mailed of it.

use aws_sdk_dynamodb::types::AttributeValue;
use contact_sync_domain::id::{AccountId, ConnectionId, NoticeId};
use contact_sync_domain::notice::{Notice, NoticeKind, Noticed};
use contact_sync_engine::port::{
    DigestDue, DigestStore, MailClaim, MailLog, MailOf, NoticeFilter, NoticePage, NoticeStore,
    ShardPage, StoreError,
};
use jiff::{SignedDuration, Timestamp};

use crate::failure::Answer;
use crate::item::{Item, document, expiry, instant, name, number, read_document, text};
use crate::table::{Condition, Query};
use crate::transaction::{Transacted, Transaction};
use crate::{DynamoStore, cursor, keys};

pub(crate) const KIND: &str = "notice";
const NOTICED: &str = "noticed";
const MAILED: &str = "mailed";
const DIGEST: &str = "digest";

/// Whether a mail was sent.
const SENT: &str = "sent";
/// Until when somebody is at it.
const LEASE_UNTIL: &str = "leaseUntil";

/// How long notices are kept.
const NOTICES_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long it is known that a mail was sent: longer than any event of it comes again.
const MAILS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long it is known that a digest is due: longer than anybody leaves its schedule unmended.
const DIGESTS_KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How many digests are read at a time.
const DIGESTS: u16 = 50;

/// How often a page is filled up where few notices are meant; a caller goes on by its cursor.
const QUERIES: usize = 8;

fn after(at: Timestamp, span: SignedDuration) -> AttributeValue {
    expiry(at.checked_add(span).unwrap_or(Timestamp::MAX))
}

fn notice_item(notice: &Notice) -> Result<Item, StoreError> {
    let key = keys::notice(&notice.account_id, &notice.id);
    let mut item = document(&key, KIND, notice)?;
    item.insert(name::EXPIRES_AT.to_owned(), after(notice.at, NOTICES_KEPT));
    Ok(item)
}

/// A document of the version before, or none before the first.
fn over(version: u64) -> Condition {
    match version {
        0 | 1 => Condition::absent(),
        later => Condition::new("#doc.#version = :before", vec![(":before", number(later - 1))]),
    }
}

fn only(filter: &NoticeFilter) -> Option<Condition> {
    let user = |user: &String| vec![(":user", text(user))];
    match (&filter.user, filter.unread) {
        (None, false) => None,
        (None, true) => Some(Condition::new("attribute_not_exists(#doc.#readBy)", vec![])),
        (Some(of), false) => Some(Condition::new("contains(#doc.#users, :user)", user(of))),
        (Some(of), true) => Some(Condition::new(
            "contains(#doc.#users, :user) AND NOT contains(#doc.#readBy, :user)",
            user(of),
        )),
    }
}

impl DynamoStore {
    /// Stores what people believe, what they are told and when more is due: all or nothing.
    async fn raise_together(
        &self,
        noticed: &Noticed,
        notice: Option<&Notice>,
        next: Option<&DigestDue>,
    ) -> Result<bool, StoreError> {
        let key = keys::noticed(&noticed.connection_id, noticed.kind);
        let item = document(&key, NOTICED, noticed)?;
        if notice.is_none() && next.is_none() {
            let answer = self.state.put_if("PutItem noticed", item, over(noticed.version)).await?;
            return crate::stands(NOTICED, answer, noticed);
        }
        let operation = "TransactWriteItems notice";
        let mut together =
            Transaction::new().put(operation, &self.state, item, Some(over(noticed.version)))?;
        if let Some(next) = next {
            together = together.put(operation, &self.state, digest_item(next)?, None)?;
        }
        if let Some(notice) = notice {
            let (item, absent) = (notice_item(notice)?, Some(Condition::absent()));
            together = together.put(operation, &self.state, item, absent)?;
        }
        let transacted = together.commit(operation, &self.state).await?;
        match (&transacted, transacted.standing(0)) {
            (Transacted::Done, _) => Ok(true),
            // The very same: an earlier call did it and its answer got lost.
            (Transacted::Refused(_), Some(standing)) => {
                let stands = read_document::<Noticed>(NOTICED, standing.clone())? == *noticed;
                let Some(notice) = notice.filter(|_| stands) else { return Ok(stands) };
                let told = self.notice(&notice.account_id, &notice.id).await?;
                Ok(told.as_ref() == Some(notice))
            }
            (Transacted::Refused(_), None) => Ok(false),
        }
    }
}

fn digest_item(due: &DigestDue) -> Result<Item, StoreError> {
    let mut item = document(&keys::digest(&due.connection_id, due.kind, due.due), DIGEST, due)?;
    item.insert(name::EXPIRES_AT.to_owned(), after(due.due, DIGESTS_KEPT));
    Ok(item)
}

impl DigestStore for DynamoStore {
    async fn raise_digest(
        &self,
        noticed: &Noticed,
        notice: Option<&Notice>,
        next: Option<&DigestDue>,
    ) -> Result<bool, StoreError> {
        self.raise_together(noticed, notice, next).await
    }

    async fn digests_due(
        &self,
        shard: u8,
        until: Timestamp,
        cursor: Option<&str>,
    ) -> Result<ShardPage<DigestDue>, StoreError> {
        // `~` sorts behind whatever follows a moment in a key.
        let last = format!("{}~", keys::digests_until(until));
        let query = Query {
            partition: keys::digests_partition(shard),
            prefix: keys::DIGEST_PREFIX,
            until: Some(&last),
            after: cursor.map(str::to_owned),
            limit: Some(DIGESTS),
            strongly: true,
            ..Query::default()
        };
        let page = self.state.query("Query digests", query).await?;
        Ok(page.each_read(DIGEST, |item| read_document(DIGEST, item)))
    }

    async fn drop_digest(&self, due: &DigestDue) -> Result<(), StoreError> {
        let key = keys::digest(&due.connection_id, due.kind, due.due);
        self.state.delete("DeleteItem digest", &key).await.map(drop)
    }
}

impl NoticeStore for DynamoStore {
    async fn noticed(
        &self,
        connection: &ConnectionId,
        kind: NoticeKind,
    ) -> Result<Option<Noticed>, StoreError> {
        let found = self.state.get("GetItem noticed", &keys::noticed(connection, kind)).await?;
        found.map(|item| read_document(NOTICED, item)).transpose()
    }

    async fn raise(&self, noticed: &Noticed, notice: Option<&Notice>) -> Result<bool, StoreError> {
        self.raise_together(noticed, notice, None).await
    }

    async fn notice(
        &self,
        account: &AccountId,
        id: &NoticeId,
    ) -> Result<Option<Notice>, StoreError> {
        let found = self.state.get("GetItem notice", &keys::notice(account, id)).await?;
        found.map(|item| read_document(KIND, item)).transpose()
    }

    async fn notices(
        &self,
        account: &AccountId,
        filter: &NoticeFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<NoticePage>, StoreError> {
        let user = filter.user.as_deref().unwrap_or_default();
        let unread = if filter.unread { "unread" } else { "all" };
        let this = ["notices", account.as_str(), user, unread];
        let mut after = match cursor {
            None => None,
            Some(cursor) => match cursor::open(&this, cursor) {
                None => return Ok(None),
                after => after,
            },
        };
        let mut notices = Vec::new();
        for _ in 0..QUERIES {
            let wanted = usize::from(limit.max(1)).saturating_sub(notices.len());
            let query = Query {
                partition: keys::notices_partition(account),
                after,
                backwards: true,
                limit: u16::try_from(wanted).ok(),
                strongly: true,
                only: only(filter),
                ..Query::default()
            };
            let page = self.state.query("Query notices", query).await?;
            for item in page.items {
                notices.push(read_document(KIND, item)?);
            }
            after = page.next;
            if after.is_none() || notices.len() >= usize::from(limit.max(1)) {
                break;
            }
        }
        let cursor = after.map(|sk| cursor::seal(&this, &sk));
        Ok(Some(NoticePage { notices, cursor }))
    }

    async fn update_notice(&self, notice: &Notice) -> Result<bool, StoreError> {
        let condition = Condition::new(
            "#doc.#version = :before",
            vec![(":before", number(notice.version.saturating_sub(1)))],
        );
        let answer = self.state.put_if("PutItem notice", notice_item(notice)?, condition).await?;
        crate::stands(KIND, answer, notice)
    }
}

fn mailed_item(mail: &MailOf, is_sent: bool, lease: Timestamp, now: Timestamp) -> Item {
    let mut item = keys::mailed(&mail.account_id, &mail.notice_id, &mail.address_hash).attributes();
    item.insert(name::KIND.to_owned(), text(MAILED));
    item.insert(SENT.to_owned(), AttributeValue::Bool(is_sent));
    item.insert(LEASE_UNTIL.to_owned(), instant(lease));
    item.insert(name::EXPIRES_AT.to_owned(), after(now, MAILS_KEPT));
    item
}

impl MailLog for DynamoStore {
    async fn claim_mail(
        &self,
        mail: &MailOf,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<MailClaim, StoreError> {
        let free = Condition::new(
            "attribute_not_exists(#pk) OR (#sent = :no AND #leaseUntil <= :now)",
            vec![(":no", AttributeValue::Bool(false)), (":now", instant(now))],
        );
        let ours = mailed_item(mail, false, until, now);
        match self.state.put_if("PutItem mailed", ours.clone(), free).await? {
            Answer::Done(()) => Ok(MailClaim::Ours),
            // Our own: an earlier call of this very put, whose answer got lost.
            Answer::Refused(Some(standing)) if standing == ours => Ok(MailClaim::Ours),
            Answer::Refused(Some(standing))
                if standing.get(SENT) == Some(&AttributeValue::Bool(true)) =>
            {
                Ok(MailClaim::Sent)
            }
            Answer::Refused(_) => Ok(MailClaim::AtWork),
        }
    }

    async fn settle_mail(
        &self,
        mail: &MailOf,
        is_sent: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.state.put("PutItem mailed", mailed_item(mail, is_sent, now, now)).await
    }
}
