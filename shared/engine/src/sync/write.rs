//! One item, one conditional write: the contact it makes, and what stood in the way.

use std::collections::HashSet;

use contact_sync_domain::contact::Contact;
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{AccountId, ContactId, ObjectId, TenantId};
use contact_sync_domain::run::RunKind;
use contact_sync_domain::segment::{Outcome, Prior, Segment, SegmentItem};
use contact_sync_domain::trace::Image;
use contact_sync_domain::written::WriteId;
use jiff::{SignedDuration, Timestamp};

use super::as_it_was::as_it_was;
use super::batch::new_email_key;
use super::decide::present;
use super::pass::Pass;
use super::{Stop, SyncStores, Worker};
use crate::contact_after::{Stamp, contact_after};
use crate::port::{
    Bar, Blobs, ClaimOutcome, Clock, ContactStore, ContactWrite, Directory, Randomness, StoreError,
    StoredContact, WriteOutcome,
};

/// How long a tombstone keeps a contact's number.
pub(super) const TOMBSTONE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// One attempt at a write.
pub(super) enum Attempt {
    Done,
    /// The address belongs to another contact.
    Taken,
    /// Something newer stands there.
    Superseded,
    /// A newer observation removed the contact, or barred it.
    RemovedSince,
    /// It would make a contact that was removed: whether a person did so must be asked first.
    Removed,
    /// A person removed the contact while the run went on, and wants none again.
    Ignored,
    /// The contact moved since it was read.
    Moved(Option<StoredContact>),
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Writes an item on top of what was read. `ignored` are the users whom the settings ignore,
    /// read after a removed contact was met.
    #[expect(clippy::too_many_lines, reason = "one write against each thing that may stand there")]
    pub(super) async fn attempt(
        &self,
        pass: &Pass,
        segment: &Segment,
        item: &SegmentItem,
        mut base: Option<StoredContact>,
        ignored: Option<&HashSet<ObjectId>>,
    ) -> Result<Attempt, Stop> {
        let Some(contact_id) = &item.contact_id else { return Ok(Attempt::Done) };
        for _ in 0..2 {
            let mut fence = Some(segment.fence);
            let (before, expected) = match &base {
                Some(standing @ StoredContact::Present(contact)) => {
                    match over_present(pass, segment, item, contact) {
                        Order::Same => return self.done(pass, item).await,
                        Order::Version => fence = None,
                        Order::Fence => {
                            let newest =
                                standing.source_version_in(&pass.connection.id, self.clock.now());
                            if newest.is_some_and(|newest| newest >= segment.fence) {
                                return Ok(Attempt::Superseded);
                            }
                        }
                    }
                    if contact.version != item.version {
                        return Ok(Attempt::Moved(base));
                    }
                    (Some(contact.as_ref()), contact.version)
                }
                Some(
                    tombstone @ StoredContact::Tombstone {
                        version, by: remover, expires_at, ..
                    },
                ) => {
                    let newest = tombstone.source_version_in(&pass.connection.id, self.clock.now());
                    if item.outcome == Outcome::Delete && newest == Some(segment.fence) {
                        // This very page removed it before, and may have died right after.
                        let user = (&pass.tenant, &item.object_id);
                        self.retire(&pass.account.id, user, contact_id, *expires_at).await?;
                        return Ok(Attempt::Done);
                    }
                    if newest.is_some_and(|newest| newest >= segment.fence) {
                        return Ok(Attempt::RemovedSince);
                    }
                    if item.version != 0 {
                        return Ok(Attempt::Moved(base));
                    }
                    if let Some(stays) = stays_removed(pass, item, ignored, remover.is_some()) {
                        return Ok(stays);
                    }
                    (None, *version)
                }
                None if item.version == 0 && pass.ignored.contains(&item.object_id) => {
                    base = self.stores.get(&pass.account.id, contact_id).await?;
                    if base.is_none() {
                        return Ok(Attempt::Ignored);
                    }
                    continue;
                }
                None if item.version == 0 => (None, 0),
                None => return Ok(Attempt::Moved(None)),
            };
            if item.outcome == Outcome::Delete {
                let by = by(pass, segment);
                return self.attempt_removal(fence, before, base.as_ref(), &by).await;
            }
            if let Some(key) = new_email_key(item) {
                let now = self.clock.now();
                match self.stores.claim(&pass.account.id, &key, contact_id, now).await? {
                    ClaimOutcome::Claimed => {}
                    ClaimOutcome::TakenBy(_) => return Ok(Attempt::Taken),
                }
            }
            self.keep_adoption(pass, item, contact_id).await?;
            let contact = written(pass, segment, item, before, expected, self.clock.now());
            let past = (&self.stores, &self.blobs, &pass.connection.id);
            let contact = as_it_was(past, &pass.rules, item, base.as_ref(), contact).await?;
            let keys = (before.and_then(borne_by), borne_by(&contact));
            let write = ContactWrite { contact, expected_version: expected, fence };
            match self.stores.write(&write).await? {
                WriteOutcome::Written => {
                    self.release_former(pass, contact_id, keys).await?;
                    return self.done(pass, item).await;
                }
                // A new contact whose number is kept by a tombstone goes on counting from it.
                WriteOutcome::Moved(now @ Some(StoredContact::Tombstone { .. }))
                    if item.version == 0 =>
                {
                    base = now;
                }
                WriteOutcome::Moved(now @ Some(StoredContact::Present(_))) if base.is_none() => {
                    base = now;
                }
                // A write of this very page by who had the lease before came in late.
                WriteOutcome::Moved(Some(StoredContact::Present(now)))
                    if is_of_page(pass, segment, &now) =>
                {
                    return self.done(pass, item).await;
                }
                WriteOutcome::Moved(now) => return Ok(Attempt::Moved(now)),
            }
        }
        Ok(Attempt::Moved(base))
    }

    /// Lets go of the e-mail that a contact bore before it was written, unless it bears it still.
    async fn release_former(
        &self,
        pass: &Pass,
        contact_id: &ContactId,
        (before, now): (Option<String>, Option<String>),
    ) -> Result<(), Stop> {
        if let Some(former) = before.filter(|former| now.as_ref() != Some(former)) {
            ContactStore::release(&self.stores, &pass.account.id, &former, contact_id).await?;
        }
        Ok(())
    }

    /// Remembers whose a contact is that existed before, since its id does not tell.
    pub(super) async fn keep_adoption(
        &self,
        pass: &Pass,
        item: &SegmentItem,
        contact_id: &ContactId,
    ) -> Result<(), Stop> {
        let (account, tenant, user) = (&pass.account.id, &pass.tenant, &item.object_id);
        // Also of one that is made again, whose note would go with the tombstone.
        let is_his = item.adopted || item.outcome == Outcome::Create;
        if is_his && ContactId::derived(account, tenant, user) != *contact_id {
            self.stores.put_adoption(account, tenant, user, contact_id).await?;
        }
        Ok(())
    }

    async fn done(&self, pass: &Pass, item: &SegmentItem) -> Result<Attempt, Stop> {
        self.end_adoption(pass, item).await?;
        Ok(Attempt::Done)
    }

    /// Forgets whose a contact was that existed before, where that is taken back.
    pub(super) async fn end_adoption(&self, pass: &Pass, item: &SegmentItem) -> Result<(), Stop> {
        let Some(trace) = item.trace.as_deref().filter(|_| item.outcome == Outcome::Restore) else {
            return Ok(());
        };
        let user = |image: Option<&Image>| image.and_then(|image| image.link.clone());
        let before = user(trace.before.as_deref());
        if let (Some(link), None) = (before, user(trace.after.as_deref()))
            && trace.after.is_some()
        {
            self.stores.delete_adoption(&pass.account.id, &link.tenant_id, &link.object_id).await?;
        }
        Ok(())
    }

    async fn attempt_removal(
        &self,
        fence: Option<u64>,
        before: Option<&Contact>,
        base: Option<&StoredContact>,
        by: &Prior,
    ) -> Result<Attempt, Stop> {
        let Some(contact) = before else { return Ok(Attempt::Moved(base.cloned())) };
        let now = self.clock.now();
        let expires_at = now.checked_add(TOMBSTONE).unwrap_or(Timestamp::MAX);
        match self.stores.remove(contact, fence, expires_at, Some(by)).await? {
            WriteOutcome::Written => {
                if let Some(email) = contact.email() {
                    let key = email_key(email);
                    ContactStore::release(&self.stores, &contact.account_id, &key, &contact.id)
                        .await?;
                }
                if let Some(link) = &contact.link {
                    let user = (&link.tenant_id, &link.object_id);
                    self.retire(&contact.account_id, user, &contact.id, expires_at).await?;
                }
                Ok(Attempt::Done)
            }
            WriteOutcome::Moved(Some(StoredContact::Tombstone { .. })) => Ok(Attempt::Done),
            WriteOutcome::Moved(now) => Ok(Attempt::Moved(now)),
        }
    }

    /// Forgets whose a contact was, unless its id does not tell: then as long as its tombstone tells
    /// what became of it.
    async fn retire(
        &self,
        account: &AccountId,
        (tenant, user): (&TenantId, &ObjectId),
        contact: &ContactId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        if ContactId::derived(account, tenant, user) == *contact {
            self.stores.delete_adoption(account, tenant, user).await
        } else {
            self.stores.retire_adoption(account, (tenant, user), contact, until).await
        }
    }

    /// After taking over an expired lease: whoever was judged out or gone without a contact gets a
    /// tombstone, so that the former holder cannot make the contact any more.
    pub(super) async fn bar(
        &self,
        pass: &Pass,
        fence: u64,
        item: &SegmentItem,
        barred_until: Option<Timestamp>,
    ) -> Result<(), Stop> {
        let judged_out = matches!(item.outcome, Outcome::Skipped | Outcome::Keep);
        let Some(until) = barred_until.filter(|until| *until > self.clock.now()) else {
            return Ok(());
        };
        if !judged_out || item.contact_id.is_some() {
            return Ok(());
        }
        let contact = ContactId::derived(&pass.account.id, &pass.tenant, &item.object_id);
        let bar = Bar { connection_id: pass.connection.id.clone(), fence, until };
        self.stores.bar(&pass.account.id, &contact, &bar).await?;
        Ok(())
    }
}

/// By what a page's write is ordered behind what stands there.
enum Order {
    /// It is this very write.
    Same,
    /// By the version alone.
    Version,
    /// By the fence.
    Fence,
}

fn over_present(pass: &Pass, segment: &Segment, item: &SegmentItem, contact: &Contact) -> Order {
    let run = pass.point.run_id.as_str();
    let same_fence = contact
        .sync
        .as_ref()
        .is_some_and(|mark| mark.run == run && mark.source_version == segment.fence);
    match same_fence {
        // This very page wrote it before, and may have cut its link.
        true if contact.version > item.version => Order::Same,
        // The page before, requested under the same fence, wrote what this one was decided from.
        true => Order::Version,
        false => Order::Fence,
    }
}

/// Whether a contact was written last by this very page.
fn is_of_page(pass: &Pass, segment: &Segment, contact: &Contact) -> bool {
    let run = pass.point.run_id.as_str();
    contact.sync.as_ref().is_some_and(|mark| {
        (mark.run == run && mark.source_version == segment.fence) && mark.page == segment.page
    })
}

/// Which page removes.
pub(super) fn by(pass: &Pass, segment: &Segment) -> Prior {
    Prior { run: pass.point.run_id.clone(), page: segment.page }
}

/// Why a contact that was removed, perhaps by a run, is not made again; `None` when it may be.
fn stays_removed(
    pass: &Pass,
    item: &SegmentItem,
    ignored: Option<&HashSet<ObjectId>>,
    is_by_run: bool,
) -> Option<Attempt> {
    let user = &item.object_id;
    match ignored {
        // What a run removed comes back when that is undone, whomever the settings ignore.
        _ if is_by_run && pass.point.kind == RunKind::Undo => None,
        // What a person removed, where that very deed is.
        _ if !is_by_run && item.trace.as_ref().is_some_and(|trace| trace.deed.is_some()) => None,
        _ if pass.ignored.contains(user) => Some(Attempt::Ignored),
        None => Some(Attempt::Removed),
        Some(ignored) => ignored.contains(user).then_some(Attempt::Ignored),
    }
}

/// The contact after an item.
pub(super) fn written(
    pass: &Pass,
    segment: &Segment,
    item: &SegmentItem,
    before: Option<&Contact>,
    version: u64,
    now: Timestamp,
) -> Contact {
    let stamp = Stamp {
        account: &pass.account.id,
        tie: pass.tie(),
        fence: segment.fence,
        settings_version: pass.point.settings_version,
        run: pass.point.run_id.as_str(),
        page: segment.page,
        welcomes: pass.rules.welcomes() && pass.point.kind != RunKind::Undo,
        by: WriteId::from(&pass.point.run_id),
        now,
    };
    contact_after(stamp, &pass.rules, item, before, version)
}

/// The address that a contact bears, as a claim key.
pub(super) fn borne(stored: Option<&StoredContact>) -> Option<String> {
    present(stored).and_then(borne_by)
}

fn borne_by(contact: &Contact) -> Option<String> {
    contact.email().map(email_key)
}
