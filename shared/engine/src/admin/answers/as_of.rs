//! A contact as it was: what happened since is taken back, step by step.

use contact_sync_domain::contact::{Contact, ContactStatus, Link};
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::id::{AccountId, ContactId, TenantId};
use contact_sync_domain::segment::{FieldChange, Outcome};
use contact_sync_domain::trace::Image;
use jiff::Timestamp;

use super::past::{BySync, Happened, Past, Place};
use crate::admin::{AdminError, Outside};
use crate::port::{AccountStore, ConnectionStore, ContactStore, StoredContact};

/// How a contact was at a moment; an error where what happened since is not all kept. A run's
/// changes count from its start, but never from before what the contact went through earlier: runs
/// write in turns, and people between the pages of one.
pub async fn contact_as_of(
    outside: &impl Outside,
    account: &AccountId,
    id: &ContactId,
    moment: Timestamp,
) -> Result<Contact, AdminError> {
    let store = outside.store();
    let stored = store.get(account, id).await?;
    let (place, mut contact) = match stored {
        Some(StoredContact::Present(contact)) => (Place::of(&contact), Some(*contact)),
        Some(StoredContact::Tombstone { version, by, erased: false, .. }) if version > 0 => {
            (Place::newest(version, by), None)
        }
        Some(StoredContact::Tombstone { .. }) | None => {
            return Err(AdminError::NotFound("contact"));
        }
    };
    let linked = contact.as_ref().and_then(|contact| contact.link.clone());
    let linked = linked.map(|link| link.connection_id);
    let mut past = Past::behind(outside, (account, id), linked.as_ref(), &place).await?;
    // What counts from before the moment, as long as something behind it may be newer.
    let mut held: Vec<Happened> = Vec::new();
    while let Some(happened) = past.next().await? {
        if past.cut_at().is_some_and(|cut| cut > moment) {
            break;
        }
        if happened.at() > moment {
            for happened in held.drain(..).chain([happened]) {
                take_back(outside, (account, id), &mut contact, &happened).await?;
            }
        } else if happened.was_over_by(moment) {
            break;
        } else {
            held.push(happened);
        }
    }
    let was = contact.filter(|contact| contact.created_at <= moment);
    let was = was.ok_or(AdminError::NotFound("contact at that time"))?;
    // Somewhere behind what was taken back lies a change that nobody can take back.
    if past.cut_at().is_some_and(|cut| cut > moment) {
        Err(not_kept(store, account).await?)
    } else {
        Ok(was)
    }
}

async fn take_back(
    outside: &impl Outside,
    (account, id): (&AccountId, &ContactId),
    contact: &mut Option<Contact>,
    happened: &Happened,
) -> Result<(), AdminError> {
    let store = outside.store();
    match happened {
        Happened::Person(entry) => take_back_deed(contact, account, entry),
        Happened::Sync(change) if !change.is_written() => {}
        Happened::Sync(change) if is_lost(change) => return Err(not_kept(store, account).await?),
        Happened::Sync(change) => {
            let found = store.connection(account, &change.connection_id).await?;
            let tenant = found.and_then(|found| found.tenant).map(|tenant| tenant.id);
            take_back_change(contact, (account, id), change, tenant);
        }
    }
    Ok(())
}

async fn not_kept(
    store: &impl AccountStore,
    account: &AccountId,
) -> Result<AdminError, AdminError> {
    let kept = store.account(account).await?.map(|account| account.retention);
    Ok(AdminError::HistoryExpired { days: kept.unwrap_or_default().history_days.into() })
}

/// Whether what stood before is not kept: the values of what was deleted, or a second decision.
fn is_lost(change: &BySync) -> bool {
    let whole = image_before(change).is_some_and(|image| image.whole.is_some());
    (change.item.outcome == Outcome::Delete && !whole) || change.deviation.is_some()
}

fn image_before(change: &BySync) -> Option<&Image> {
    change.item.trace.as_ref().and_then(|trace| trace.before.as_deref())
}

fn take_back_deed(contact: &mut Option<Contact>, account: &AccountId, entry: &HistoryEntry) {
    if matches!(entry.what, HistoryKind::Created | HistoryKind::Imported) && entry.before.is_none()
    {
        *contact = None;
        return;
    }
    let Some(before) = &entry.before else {
        // A decision made it.
        *contact = None;
        return;
    };
    let mut was = match (&before.whole, contact.take()) {
        (Some(_), _) | (None, None) => {
            blank((account, &entry.contact_id), (entry.version, entry.at), before)
        }
        (None, Some(standing)) => standing,
    };
    take_back_fields(&mut was, &entry.changes);
    let Image { status, link, managed_fields, protected, source: _, created_at: _, whole: _ } =
        before.as_ref();
    was.status = *status;
    was.link.clone_from(link);
    was.managed_fields.clone_from(managed_fields);
    was.protected = *protected;
    was.version = if entry.what.writes() { entry.version - 1 } else { entry.version };
    was.updated_at = entry.at;
    *contact = Some(was);
}

/// A contact that was removed, as its removal tells.
fn blank(
    (account, contact): (&AccountId, &ContactId),
    (version, at): (u64, Timestamp),
    image: &Image,
) -> Contact {
    let values = image.whole.as_deref().cloned().unwrap_or_default();
    Contact {
        id: contact.clone(),
        account_id: account.clone(),
        version,
        status: image.status,
        source: image.source,
        fields: values.fields,
        custom: values.custom,
        managed_fields: image.managed_fields.clone(),
        protected: image.protected,
        link: image.link.clone(),
        sync: None,
        written: Vec::new(),
        created_at: image.created_at,
        updated_at: at,
    }
}

fn take_back_change(
    contact: &mut Option<Contact>,
    whose: (&AccountId, &ContactId),
    change: &BySync,
    tenant: Option<TenantId>,
) {
    let item = &change.item;
    let is_made =
        item.outcome == Outcome::Create || (item.outcome == Outcome::Restore && item.version == 0);
    if is_made {
        *contact = None;
        return;
    }
    if let (Outcome::Delete, Some(image)) = (item.outcome, image_before(change)) {
        *contact = Some(blank(whose, (item.version, change.at), image));
        return;
    }
    let Some(was) = contact else { return };
    take_back_fields(was, &item.fields);
    if let Some(status) = item.status {
        was.status = other(status);
    }
    if item.outcome == Outcome::Deactivate {
        was.status = ContactStatus::Active;
    }
    if let Some(moved) = &item.link {
        let name = moved.user_principal_name.clone();
        was.link = match (moved.old, was.link.take(), tenant) {
            (None, ..) => None,
            (Some(state), Some(link), _) => Some(Link { state, cause: None, ..link }),
            (Some(state), None, Some(tenant_id)) => Some(Link {
                connection_id: change.connection_id.clone(),
                tenant_id,
                object_id: item.object_id.clone(),
                user_principal_name: name,
                state,
                acts_at: None,
                planned: None,
                cause: None,
            }),
            (Some(_), None, None) => None,
        };
    }
    if let Some(image) = image_before(change) {
        was.status = image.status;
        was.link.clone_from(&image.link);
        was.managed_fields.clone_from(&image.managed_fields);
    }
    was.version = item.version;
    was.updated_at = change.at;
}

fn take_back_fields(contact: &mut Contact, changes: &[FieldChange]) {
    for change in changes {
        let old = (!change.old.is_null()).then(|| change.old.clone());
        contact.set(&change.field, old);
    }
}

fn other(status: ContactStatus) -> ContactStatus {
    match status {
        ContactStatus::Active => ContactStatus::Inactive,
        ContactStatus::Inactive => ContactStatus::Active,
    }
}
