//! What people do to contacts, told beside them as it is done.

use std::collections::BTreeSet;

use contact_sync_domain::contact::{Contact, Target};
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::id::{AccountId, HistoryId};
use contact_sync_domain::retention::{LONGEST, Retention};
use contact_sync_domain::segment::{FieldChange, Prior};
use contact_sync_domain::trace::Image;
use contact_sync_domain::written::WriteId;
use jiff::Timestamp;
use serde_json::Value;

use super::{Caller, Outside};
use crate::port::{AccountStore, Randomness, StoreError};

/// Something that a caller does to a contact.
#[derive(Debug, Clone)]
pub(super) struct Deed<'a> {
    id: HistoryId,
    caller: &'a Caller,
    what: HistoryKind,
    kept: Retention,
}

impl<'a> Deed<'a> {
    /// What a caller does; it is told for as long as the account keeps such things.
    pub(super) fn new(
        outside: &impl Outside,
        caller: &'a Caller,
        kept: Retention,
        what: HistoryKind,
    ) -> Self {
        let id = HistoryId::from_bits(outside.randomness().ordered_bits());
        Self { id, caller, what, kept }
    }

    /// The same where the account is not at hand.
    pub(super) async fn in_account(
        outside: &impl Outside,
        caller: &'a Caller,
        account: &AccountId,
        what: HistoryKind,
    ) -> Result<Self, StoreError> {
        let found = outside.store().account(account).await?;
        let kept = found.map(|account| account.retention).unwrap_or_default();
        Ok(Self::new(outside, caller, kept, what))
    }

    /// Who writes what it writes.
    pub(super) fn by(&self) -> WriteId {
        WriteId::from(&self.id)
    }

    /// A write that makes `new` of what stood: on the contact itself it is taken down who wrote
    /// which fields.
    pub(super) fn writes(&self, old: Option<&Contact>, new: &mut Contact) -> HistoryEntry {
        let changes = differences(old, new);
        new.wrote(self.by(), changes.iter().map(|change| &change.field));
        HistoryEntry { changes, ..self.entry(old, new, new.updated_at) }
    }

    /// A write of what a run proposed. Where the contact stands again, with what people had written
    /// before a run deleted it, that is told, too: all of it goes with whoever takes this back.
    pub(super) fn approves(
        &self,
        old: Option<&Contact>,
        new: &Contact,
        changes: &[FieldChange],
        reason: Option<&str>,
    ) -> HistoryEntry {
        let mut changes = changes.to_vec();
        if old.is_none() {
            changes.retain(|change| new.value(&change.field).unwrap_or_default() == change.new);
            let is_told = |one: &FieldChange| changes.iter().any(|told| told.field == one.field);
            let had = differences(None, new).into_iter().filter(|one| !is_told(one));
            let had: Vec<FieldChange> = had.collect();
            changes.extend(had);
        }
        HistoryEntry {
            changes,
            reason: reason.map(str::to_owned),
            ..self.entry(old, new, new.updated_at)
        }
    }

    /// The contact's removal.
    pub(super) fn removes(&self, old: &Contact, at: Timestamp) -> HistoryEntry {
        HistoryEntry {
            version: old.version + 1,
            before: Some(Box::new(Image::whole(old))),
            ..self.entry(Some(old), old, at)
        }
    }

    /// What leaves the contact itself as it is.
    pub(super) fn passes(&self, contact: &Contact, at: Timestamp) -> HistoryEntry {
        self.entry(Some(contact), contact, at)
    }

    fn entry(&self, old: Option<&Contact>, new: &Contact, at: Timestamp) -> HistoryEntry {
        let mark = old.and_then(|old| old.sync.as_ref());
        HistoryEntry {
            id: self.id.clone(),
            contact_id: new.id.clone(),
            version: new.version,
            at,
            actor: self.caller.actor(),
            what: self.what.clone(),
            changes: Vec::new(),
            before: old.map(|old| Box::new(Image::of(old))),
            status: old.filter(|old| old.status != new.status).map(|_| new.status),
            prior: mark.and_then(Prior::of),
            reason: None,
            kept_days: Some(self.kept.deed_days).filter(|days| *days != LONGEST),
        }
    }
}

/// What a person's write makes of a contact's values.
fn differences(old: Option<&Contact>, new: &Contact) -> Vec<FieldChange> {
    let targets: BTreeSet<Target> = old
        .into_iter()
        .chain([new])
        .flat_map(|contact| {
            let fields = contact.fields.keys().map(|field| Target::Field(*field));
            fields.chain(contact.custom.keys().cloned().map(Target::Custom))
        })
        .collect();
    let value =
        |contact: Option<&Contact>, target: &Target| contact.and_then(|one| one.value(target));
    targets
        .into_iter()
        .map(|target| (value(old, &target), value(Some(new), &target), target))
        .filter(|(before, after, _)| before != after)
        .map(|(before, after, field)| FieldChange {
            field,
            old: before.unwrap_or(Value::Null),
            new: after.unwrap_or(Value::Null),
            source: "a person".to_owned(),
            rule: "by hand".to_owned(),
        })
        .collect()
}
