//! What people were told, and what was mailed of it.

use contact_sync_domain::id::{AccountId, ConnectionId, NoticeId};
use contact_sync_domain::notice::{Notice, NoticeKind, Noticed};
use jiff::Timestamp;

use super::{MemoryStore, page};
use crate::port::{
    DigestDue, DigestStore, MailClaim, MailLog, MailOf, NoticeFilter, NoticePage, NoticeStore,
    SHARDS, ShardPage, StoreError,
};

impl NoticeStore for MemoryStore {
    async fn noticed(
        &self,
        connection: &ConnectionId,
        kind: NoticeKind,
    ) -> Result<Option<Noticed>, StoreError> {
        Ok(self.up()?.noticed.get(&(connection.clone(), kind)).cloned())
    }

    async fn raise(&self, noticed: &Noticed, notice: Option<&Notice>) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        if world.loses_race() {
            return Ok(false);
        }
        let place = (noticed.connection_id.clone(), noticed.kind);
        let before = world.noticed.get(&place).map_or(0, |standing| standing.version);
        if before + 1 != noticed.version {
            return Ok(false);
        }
        world.noticed.insert(place, noticed.clone());
        world.notices.extend(notice.map(|notice| (notice.id.clone(), notice.clone())));
        Ok(true)
    }

    async fn notice(
        &self,
        account: &AccountId,
        id: &NoticeId,
    ) -> Result<Option<Notice>, StoreError> {
        let found = self.up()?.notices.get(id).cloned();
        Ok(found.filter(|notice| notice.account_id == *account))
    }

    async fn notices(
        &self,
        account: &AccountId,
        filter: &NoticeFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<NoticePage>, StoreError> {
        let world = self.up()?;
        let own = world.notices.values().rev().filter(|it| it.account_id == *account);
        let meant: Vec<Notice> = own.filter(|notice| filter.holds(notice)).cloned().collect();
        let page = page(meant, cursor, limit);
        Ok(page.map(|(notices, cursor)| NoticePage { notices, cursor }))
    }

    async fn update_notice(&self, notice: &Notice) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let stands = world.notices.get(&notice.id).map(|standing| standing.version);
        let may = !world.loses_race() && stands == notice.version.checked_sub(1);
        if may {
            world.notices.insert(notice.id.clone(), notice.clone());
        }
        Ok(may)
    }
}

impl DigestStore for MemoryStore {
    async fn raise_digest(
        &self,
        noticed: &Noticed,
        notice: Option<&Notice>,
        next: Option<&DigestDue>,
    ) -> Result<bool, StoreError> {
        let is_raised = self.raise(noticed, notice).await?;
        if let Some(next) = next.filter(|_| is_raised) {
            let place = (next.due, next.connection_id.clone(), next.kind);
            self.world().digests.insert(place, next.clone());
        }
        Ok(is_raised)
    }

    async fn digests_due(
        &self,
        shard: u8,
        until: Timestamp,
        cursor: Option<&str>,
    ) -> Result<ShardPage<DigestDue>, StoreError> {
        let world = self.up()?;
        let own = world
            .digests
            .values()
            .filter(|digest| digest.connection_id.shard(SHARDS) == shard && digest.due <= until);
        let due: Vec<_> = own.cloned().map(Ok).collect();
        let (items, cursor) = page(due, cursor, u16::MAX).unwrap_or_default();
        Ok(ShardPage { items, cursor })
    }

    async fn drop_digest(&self, due: &DigestDue) -> Result<(), StoreError> {
        self.up()?.digests.remove(&(due.due, due.connection_id.clone(), due.kind));
        Ok(())
    }
}

impl MailLog for MemoryStore {
    async fn claim_mail(
        &self,
        mail: &MailOf,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<MailClaim, StoreError> {
        let mut world = self.up()?;
        let place = (mail.notice_id.clone(), mail.address_hash.clone());
        Ok(match world.mailed.get(&place) {
            Some((true, _)) => MailClaim::Sent,
            Some((false, lease)) if *lease > now => MailClaim::AtWork,
            Some((false, _)) | None => {
                world.mailed.insert(place, (false, until));
                MailClaim::Ours
            }
        })
    }

    async fn settle_mail(
        &self,
        mail: &MailOf,
        is_sent: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let place = (mail.notice_id.clone(), mail.address_hash.clone());
        self.up()?.mailed.insert(place, (is_sent, now));
        Ok(())
    }
}
