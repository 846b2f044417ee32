//! The contact that an item makes, whoever decided it: a run, or a person.

use std::collections::BTreeMap;

use contact_sync_domain::contact::{Contact, ContactSource, ContactStatus, Link, SyncMark, Target};
use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::reconcile::{Rules, Tie};
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::trace::Image;
use contact_sync_domain::written::WriteId;
use jiff::Timestamp;
use serde_json::Value;

/// When, under what and through what an item is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp<'a> {
    /// Whose contact.
    pub(crate) account: &'a AccountId,
    /// Through what it is linked.
    pub(crate) tie: Tie<'a>,
    /// The fence at which the user was read.
    pub(crate) fence: u64,
    /// The settings it was decided under.
    pub(crate) settings_version: u64,
    /// The run that found it.
    pub(crate) run: &'a str,
    /// In which of the run's pages that was decided.
    pub(crate) page: u32,
    /// Whether a contact that never was is to be welcomed.
    pub(crate) welcomes: bool,
    /// Who writes: the run, or what a person did.
    pub(crate) by: WriteId,
    /// When.
    pub(crate) now: Timestamp,
}

/// The contact after an item, given what stood before it and in which version.
pub(crate) fn contact_after(
    stamp: Stamp<'_>,
    rules: &Rules,
    item: &SegmentItem,
    before: Option<&Contact>,
    version: u64,
) -> Contact {
    let Stamp { account, tie, fence, settings_version, run, page, welcomes, by, now } = stamp;
    let mut contact = before.cloned().unwrap_or_else(|| Contact {
        id: item
            .contact_id
            .clone()
            .unwrap_or_else(|| ContactId::derived(account, tie.tenant, &item.object_id)),
        account_id: account.clone(),
        version: 0,
        status: ContactStatus::Active,
        source: ContactSource::Entra,
        fields: BTreeMap::new(),
        custom: BTreeMap::new(),
        written: Vec::new(),
        managed_fields: Vec::new(),
        protected: false,
        link: None,
        sync: None,
        created_at: now,
        updated_at: now,
    });
    for change in &item.fields {
        let value = (!change.new.is_null()).then(|| change.new.clone());
        contact.set(&change.field, value);
    }
    contact.wrote(by, item.fields.iter().map(|change| &change.field));
    if let Some(status) = item.status {
        contact.status = status;
    }
    if let Some(change) = &item.link {
        let upn = change.user_principal_name.clone();
        let kept = contact.link.as_ref().and_then(|link| link.user_principal_name.clone());
        contact.link = Some(Link {
            connection_id: tie.connection.clone(),
            tenant_id: tie.tenant.clone(),
            object_id: item.object_id.clone(),
            user_principal_name: upn.or(kept),
            state: change.new,
            acts_at: change.acts_at,
            planned: change.planned,
            cause: change.cause,
        });
    }
    match item.outcome {
        Outcome::Create | Outcome::Update => {
            contact.managed_fields = rules.managed_targets(contact.source);
        }
        Outcome::Unlink => {
            contact.link = None;
            contact.managed_fields = Vec::new();
        }
        Outcome::Deactivate => contact.status = ContactStatus::Inactive,
        Outcome::Restore => {
            let after = item.trace.as_ref().and_then(|trace| trace.after.as_deref());
            if let Some(image) = after {
                restore(&mut contact, image, before.is_none());
            }
        }
        Outcome::StopUpdating
        | Outcome::AwaitingReview
        | Outcome::Delete
        | Outcome::Unchanged
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::Deferred
        | Outcome::Keep
        | Outcome::Left => {}
    }
    // A version tells that it was a contact before, whoever made it then.
    let is_new = before.is_none() && version == 0 && item.outcome == Outcome::Create;
    let welcome = match before {
        Some(before) => before.sync.as_ref().is_some_and(|mark| mark.welcome),
        None => welcomes && is_new && contact.status == ContactStatus::Active,
    };
    let replaced = replaced_still(item, before, contact.link.is_some());
    let untied_by_hand = contact.link.is_none() && is_untied_by_hand(item, before);
    contact.sync = Some(SyncMark {
        source_version: fence,
        settings_version,
        fingerprint: item.fingerprint.clone(),
        run: run.to_owned(),
        page,
        welcome,
        replaced,
        untied_by_hand,
    });
    contact.version = version + 1;
    contact.updated_at = now;
    contact
}

/// Whether a contact without a tie lost it by a person's decision, which taking something back is,
/// too.
fn is_untied_by_hand(item: &SegmentItem, before: Option<&Contact>) -> bool {
    let Some(before) = before else { return false };
    let is_cut = before.link.is_some() && item.outcome == Outcome::Restore;
    is_cut || before.is_untied_by_hand()
}

/// What people replaced of what sync had written, and the item does not write over.
fn replaced_still(
    item: &SegmentItem,
    before: Option<&Contact>,
    is_linked: bool,
) -> BTreeMap<Target, Value> {
    let mark = before.and_then(|before| before.sync.as_ref()).filter(|_| is_linked);
    let mut replaced = mark.map(|mark| mark.replaced.clone()).unwrap_or_default();
    replaced.retain(|target, _| item.fields.iter().all(|change| change.field != *target));
    replaced
}

/// Makes a contact what it was beyond its fields.
fn restore(contact: &mut Contact, image: &Image, anew: bool) {
    contact.status = image.status;
    contact.link.clone_from(&image.link);
    contact.managed_fields.clone_from(&image.managed_fields);
    contact.protected = image.protected;
    if anew {
        contact.source = image.source;
        contact.created_at = image.created_at;
    }
}
