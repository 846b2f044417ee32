//! One item, one conditional write: the contact it makes, and what stood in the way.

use contact_sync_domain::contact::{Contact, ContactSource, ContactStatus, Link, SyncMark};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::ContactId;
use contact_sync_domain::segment::{Outcome, Segment, SegmentItem};
use jiff::{SignedDuration, Timestamp};

use super::decide::{new_email_key, present};
use super::pass::Pass;
use super::{Stop, SyncStores, Worker};
use crate::port::{
    Bar, Blobs, ClaimOutcome, Clock, ContactStore, ContactWrite, Directory, Randomness,
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
    /// Writes an item on top of what was read.
    pub(super) async fn attempt(
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
                Some(standing @ StoredContact::Present(contact)) => {
                    // This very page wrote it before, and may have cut its link.
                    let mark = contact.sync.as_ref();
                    if mark
                        .is_some_and(|mark| mark.run == run && mark.source_version == segment.fence)
                    {
                        return Ok(Attempt::Done);
                    }
                    let newest = standing.source_version_in(connection, self.clock.now());
                    if newest.is_some_and(|newest| newest >= segment.fence) {
                        return Ok(Attempt::Superseded);
                    }
                    if contact.version != item.version {
                        return Ok(Attempt::Moved(base));
                    }
                    (Some(contact.as_ref()), contact.version)
                }
                Some(tombstone @ StoredContact::Tombstone { version, .. }) => {
                    let newest = tombstone.source_version_in(connection, self.clock.now());
                    if item.outcome == Outcome::Delete && newest == Some(segment.fence) {
                        // This very page removed it before, and may have died right after.
                        self.stores
                            .delete_adoption(&pass.account.id, &pass.tenant, &item.object_id)
                            .await?;
                        return Ok(Attempt::Done);
                    }
                    if newest.is_some_and(|newest| newest >= segment.fence) {
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
                let now = self.clock.now();
                match self.stores.claim(&pass.account.id, key, contact_id, now).await? {
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

/// The address that a contact bears, as a claim key.
pub(super) fn borne(stored: Option<&StoredContact>) -> Option<String> {
    present(stored).and_then(Contact::email).map(email_key)
}
