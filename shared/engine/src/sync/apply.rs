//! Applying what a segment intends, one conditional write a contact.

use std::collections::HashMap;

use contact_sync_domain::contact::{Contact, ContactSource, ContactStatus, Link, SyncMark};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::segment::{Deviation, Outcome, Phase, Segment, SegmentItem};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::decide::{new_email_key, present};
use super::pass::Pass;
use super::{Stop, SyncStores, Worker};
use crate::port::{
    Blobs, ClaimOutcome, Clock, ContactStore, ContactWrite, Directory, Randomness, StoredContact,
    WriteOutcome,
};

/// How many contacts are written at the same time.
const WRITERS: usize = 16;

/// How long a tombstone keeps a contact's number.
pub(super) const TOMBSTONE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What became of one item.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Applied {
    /// The item, as it was applied.
    pub(super) item: SegmentItem,
    /// What it became.
    pub(super) outcome: Outcome,
    /// Why it is not what the segment intended.
    pub(super) deviation: Option<Deviation>,
}

/// One attempt at a write.
enum Attempt {
    Done,
    /// The address belongs to another contact.
    Taken,
    /// Something newer stands there.
    Superseded,
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
    /// Applies a segment. `stored` and `users` are what was read while deciding; a replay comes
    /// without them.
    pub(super) async fn apply_segment(
        &self,
        pass: &Pass,
        segment: &Segment,
        mut stored: HashMap<ContactId, StoredContact>,
        users: &HashMap<ObjectId, DirectoryUser>,
        barred_until: Option<Timestamp>,
    ) -> Result<Vec<Applied>, Stop> {
        let unread: Vec<ContactId> = segment
            .items
            .iter()
            .filter(|item| writes(item) && item.version > 0)
            .filter_map(|item| item.contact_id.clone())
            .collect();
        self.read_contacts(pass, &unread, &mut stored).await?;
        let stored = &stored;
        stream::iter(&segment.items)
            .map(|item| async move {
                if writes(item) {
                    let base = item.contact_id.as_ref().and_then(|id| stored.get(id)).cloned();
                    let user = users.get(&item.object_id);
                    Box::pin(self.apply_item(pass, segment, item, base, user)).await
                } else {
                    self.bar(pass, segment.fence, item, barred_until).await?;
                    Ok(as_intended(item))
                }
            })
            .buffered(WRITERS)
            .try_collect()
            .await
    }

    async fn apply_item(
        &self,
        pass: &Pass,
        segment: &Segment,
        item: &SegmentItem,
        base: Option<StoredContact>,
        user: Option<&DirectoryUser>,
    ) -> Result<Applied, Stop> {
        let moved = match self.attempt(pass, segment, item, base).await? {
            Attempt::Moved(now) => now,
            other => return Ok(conclude(item.clone(), item.outcome, &other)),
        };
        // Re-read once and decide anew.
        let read;
        let user = if user.is_some() {
            user
        } else {
            let ids = std::slice::from_ref(&item.object_id);
            read = self.directory.users_by_id(&pass.tenant, ids).await?.found;
            read.first()
        };
        let (Some(user), Some(contact_id)) = (user, item.contact_id.clone()) else {
            return Ok(moved_away(item));
        };
        // Who was to be taken over by e-mail has no claim to that contact once it moved.
        let derived = ContactId::derived(&pass.account.id, &pass.tenant, &item.object_id);
        let (contact_id, moved) = if item.adopted && contact_id != derived {
            let stored = self.stores.get(&pass.account.id, &derived).await?;
            (derived, stored)
        } else {
            (contact_id, moved)
        };
        let (again, base) = self.decide_again(pass, user, &contact_id, moved).await?;
        if is_destructive(again.outcome) && segment.phase != Phase::Judgement {
            // Only the judgement at the end of a run removes; the next run stages it.
            return Ok(moved_away(item));
        }
        if !writes(&again) {
            let outcome = again.outcome;
            return Ok(deviating(again, outcome));
        }
        match self.attempt(pass, segment, &again, base).await? {
            Attempt::Moved(_) => Ok(moved_away(item)),
            other => {
                let applied = conclude(again, item.outcome, &other);
                Ok(deviating(applied.item, applied.outcome))
            }
        }
    }

    /// Writes an item on top of what was read.
    async fn attempt(
        &self,
        pass: &Pass,
        segment: &Segment,
        item: &SegmentItem,
        base: Option<StoredContact>,
    ) -> Result<Attempt, Stop> {
        let Some(contact_id) = &item.contact_id else { return Ok(Attempt::Done) };
        let run = pass.point.run_id.as_str();
        let connection = &pass.connection.id;
        let mut base = base;
        for _ in 0..2 {
            let (before, expected) = match &base {
                Some(StoredContact::Present(contact)) => {
                    let same_connection =
                        contact.link.as_ref().is_some_and(|link| link.connection_id == *connection);
                    let mark = contact.sync.as_ref().filter(|_| same_connection);
                    if mark
                        .is_some_and(|mark| mark.run == run && mark.source_version == segment.fence)
                    {
                        return Ok(Attempt::Done);
                    }
                    if mark.is_some_and(|mark| mark.source_version >= segment.fence) {
                        return Ok(Attempt::Superseded);
                    }
                    if contact.version != item.version {
                        return Ok(Attempt::Moved(base));
                    }
                    (Some(contact.as_ref()), contact.version)
                }
                Some(StoredContact::Tombstone { version, source_version }) => {
                    if *source_version >= segment.fence {
                        return Ok(Attempt::Superseded);
                    }
                    if item.version != 0 {
                        return Ok(Attempt::Moved(base));
                    }
                    (None, *version)
                }
                None if item.version == 0 => (None, 0),
                None => return Ok(Attempt::Moved(None)),
            };
            if item.outcome == Outcome::Delete {
                return self.attempt_removal(segment, before, base.as_ref()).await;
            }
            let key = new_email_key(item);
            if let Some(key) = &key {
                match self.stores.claim(&pass.account.id, key, contact_id).await? {
                    ClaimOutcome::Claimed => {}
                    ClaimOutcome::TakenBy(_) => return Ok(Attempt::Taken),
                }
            }
            if item.adopted {
                let derived = ContactId::derived(&pass.account.id, &pass.tenant, &item.object_id);
                if derived != *contact_id {
                    self.stores
                        .put_adoption(&pass.account.id, &pass.tenant, &item.object_id, contact_id)
                        .await?;
                }
            }
            let contact = written(pass, segment, item, before, expected, self.clock.now());
            let old_key = before.and_then(Contact::email).map(email_key);
            let write =
                ContactWrite { contact, expected_version: expected, fence: Some(segment.fence) };
            match self.stores.write(&write).await? {
                WriteOutcome::Written => {
                    if let (Some(old), Some(new)) = (old_key, key)
                        && old != new
                    {
                        ContactStore::release(&self.stores, &pass.account.id, &old, contact_id)
                            .await?;
                    }
                    return Ok(Attempt::Done);
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
                WriteOutcome::Moved(now) => return Ok(Attempt::Moved(now)),
            }
        }
        Ok(Attempt::Moved(base))
    }

    async fn attempt_removal(
        &self,
        segment: &Segment,
        before: Option<&Contact>,
        base: Option<&StoredContact>,
    ) -> Result<Attempt, Stop> {
        let Some(contact) = before else { return Ok(Attempt::Moved(base.cloned())) };
        let now = self.clock.now();
        let expires_at = now.checked_add(TOMBSTONE).unwrap_or(Timestamp::MAX);
        match self.stores.remove(contact, Some(segment.fence), expires_at).await? {
            WriteOutcome::Written => {
                if let Some(email) = contact.email() {
                    let key = email_key(email);
                    ContactStore::release(&self.stores, &contact.account_id, &key, &contact.id)
                        .await?;
                }
                if let Some(link) = &contact.link {
                    self.stores
                        .delete_adoption(&contact.account_id, &link.tenant_id, &link.object_id)
                        .await?;
                }
                Ok(Attempt::Done)
            }
            WriteOutcome::Moved(Some(StoredContact::Tombstone { .. })) => Ok(Attempt::Done),
            WriteOutcome::Moved(now) => Ok(Attempt::Moved(now)),
        }
    }

    /// After taking over an expired lease: whoever was judged out or gone without a contact gets a
    /// tombstone, so that the former holder cannot make the contact any more.
    async fn bar(
        &self,
        pass: &Pass,
        fence: u64,
        item: &SegmentItem,
        barred_until: Option<Timestamp>,
    ) -> Result<(), Stop> {
        let judged_out = matches!(item.outcome, Outcome::Skipped | Outcome::Keep);
        let now = self.clock.now();
        if !judged_out || item.contact_id.is_some() || barred_until.is_none_or(|until| until <= now)
        {
            return Ok(());
        }
        let contact = ContactId::derived(&pass.account.id, &pass.tenant, &item.object_id);
        let expires_at = now.checked_add(TOMBSTONE).unwrap_or(Timestamp::MAX);
        self.stores.bar(&pass.account.id, &contact, fence, expires_at).await?;
        Ok(())
    }
}

/// Whether an outcome is one that the guard counts.
pub(super) fn is_destructive(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Unlink | Outcome::Deactivate | Outcome::Delete)
}

/// Whether an item changes a contact.
pub(super) fn writes(item: &SegmentItem) -> bool {
    match item.outcome {
        Outcome::Create
        | Outcome::Update
        | Outcome::StopUpdating
        | Outcome::Unlink
        | Outcome::Deactivate
        | Outcome::Delete => true,
        // A removal that waits for a person is marked on the link at once.
        Outcome::AwaitingReview => item.link.is_some(),
        Outcome::Unchanged
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::Deferred
        | Outcome::Keep => false,
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
    let mut contact = before.cloned().unwrap_or_else(|| Contact {
        id: item
            .contact_id
            .clone()
            .unwrap_or_else(|| ContactId::derived(&pass.account.id, &pass.tenant, &item.object_id)),
        account_id: pass.account.id.clone(),
        version: 0,
        status: ContactStatus::Active,
        source: ContactSource::Entra,
        fields: std::collections::BTreeMap::new(),
        custom: std::collections::BTreeMap::new(),
        managed_fields: Vec::new(),
        link: None,
        sync: None,
        created_at: now,
        updated_at: now,
    });
    for change in &item.fields {
        let value = (!change.new.is_null()).then(|| change.new.clone());
        contact.set(&change.field, value);
    }
    if let Some(status) = item.status {
        contact.status = status;
    }
    if let Some(change) = &item.link {
        let upn = change.user_principal_name.clone();
        let kept = contact.link.as_ref().and_then(|link| link.user_principal_name.clone());
        contact.link = Some(Link {
            connection_id: pass.connection.id.clone(),
            tenant_id: pass.tenant.clone(),
            object_id: item.object_id.clone(),
            user_principal_name: upn.or(kept),
            state: change.new,
        });
    }
    match item.outcome {
        Outcome::Create | Outcome::Update => {
            contact.managed_fields = pass.rules.managed_targets(contact.source);
        }
        Outcome::Unlink => {
            contact.link = None;
            contact.managed_fields = Vec::new();
        }
        Outcome::Deactivate => contact.status = ContactStatus::Inactive,
        Outcome::StopUpdating
        | Outcome::AwaitingReview
        | Outcome::Delete
        | Outcome::Unchanged
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::Deferred
        | Outcome::Keep => {}
    }
    contact.sync = Some(SyncMark {
        source_version: segment.fence,
        settings_version: pass.point.settings_version,
        fingerprint: item.fingerprint.clone(),
        run: pass.point.run_id.to_string(),
    });
    contact.version = version + 1;
    contact.updated_at = now;
    contact
}

fn as_intended(item: &SegmentItem) -> Applied {
    Applied { item: item.clone(), outcome: item.outcome, deviation: None }
}

fn conclude(item: SegmentItem, intended: Outcome, attempt: &Attempt) -> Applied {
    match attempt {
        Attempt::Done => {
            let outcome = item.outcome;
            Applied { item, outcome, deviation: None }
        }
        Attempt::Taken => deviating(
            SegmentItem {
                reason: Some("another person in the directory has this e-mail".to_owned()),
                remedy: Some("give one of the two another e-mail in Entra".to_owned()),
                ..item
            },
            Outcome::Deferred,
        ),
        // A newer observation of the same person was written meanwhile: nothing is left to do.
        Attempt::Superseded => {
            let outcome =
                if intended == Outcome::Create { Outcome::Create } else { Outcome::Unchanged };
            deviating(item, outcome)
        }
        Attempt::Moved(_) => moved_away(&item),
    }
}

fn moved_away(item: &SegmentItem) -> Applied {
    let item = SegmentItem {
        reason: Some("the contact changed again and again while it was synced".to_owned()),
        remedy: Some("nothing to do: the next run tries again".to_owned()),
        ..item.clone()
    };
    deviating(item, Outcome::Failed)
}

fn deviating(item: SegmentItem, outcome: Outcome) -> Applied {
    let deviation = Deviation {
        object_id: item.object_id.clone(),
        outcome,
        reason: item.reason.clone(),
        remedy: item.remedy.clone(),
    };
    Applied { item, outcome, deviation: Some(deviation) }
}

/// The address that a contact bears, as a claim key.
pub(super) fn borne(stored: Option<&StoredContact>) -> Option<String> {
    present(stored).and_then(Contact::email).map(email_key)
}
