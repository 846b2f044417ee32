//! Contacts as people read and edit them.

use std::collections::BTreeSet;

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::contact::{Contact, ContactSource, ContactStatus, LinkState, Target};
use contact_sync_domain::email::email_key;
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::mapping::Mapping;
use contact_sync_domain::settings::Settings;
use jiff::{SignedDuration, Timestamp};

use super::contact_values::ContactEdit;
use super::deeds::Deed;
use super::settings::{Ignoring, change_ignored};
use super::teams::end_memberships;
use super::{ATTEMPTS, AdminError, Caller, Outside, Page, Precondition, Role};
use crate::port::{
    ClaimOutcome, Clock, ConnectionStore, ContactQuery, ContactStore, ContactWrite, HistoryStore,
    Randomness, SettingsStore, StoredContact, WriteOutcome,
};

/// How long a removed contact's number is kept, so that a returning one goes on counting.
pub(super) const TOMBSTONE_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A page of contacts.
pub async fn contacts(
    store: &impl ContactStore,
    account: &AccountId,
    query: &ContactQuery,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<Contact>, AdminError> {
    match store.list(account, query, cursor, limit).await? {
        Some(page) => Ok(Page { items: page.contacts, next: page.cursor }),
        None => Err(AdminError::BadCursor),
    }
}

/// Finds a contact.
pub async fn contact(
    store: &impl ContactStore,
    account: &AccountId,
    id: &ContactId,
) -> Result<Contact, AdminError> {
    match store.get(account, id).await? {
        Some(StoredContact::Present(contact)) => Ok(*contact),
        Some(StoredContact::Tombstone { .. }) | None => Err(AdminError::NotFound("contact")),
    }
}

/// Makes a local contact. Its e-mail is claimed before it is written.
pub async fn create_contact(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    edit: &ContactEdit,
) -> Result<Contact, AdminError> {
    let deed = Deed::new(outside, caller, account.retention, HistoryKind::Created);
    create_by(outside, &deed, account, edit).await
}

/// The same, however it is told.
pub(super) async fn create_by(
    outside: &impl Outside,
    deed: &Deed<'_>,
    account: &Account,
    edit: &ContactEdit,
) -> Result<Contact, AdminError> {
    let now = outside.clock().now();
    let mut contact = Contact {
        id: ContactId::from_bits(outside.randomness().bits()),
        account_id: account.id.clone(),
        version: 1,
        status: ContactStatus::Active,
        source: ContactSource::Local,
        fields: std::collections::BTreeMap::new(),
        custom: std::collections::BTreeMap::new(),
        written: Vec::new(),
        managed_fields: Vec::new(),
        protected: false,
        link: None,
        sync: None,
        created_at: now,
        updated_at: now,
    };
    for (target, value) in edit.changes(&contact) {
        contact.set(&target, value);
    }
    let problems = edit.problems(&contact, &account.custom_fields, true);
    if !problems.is_empty() {
        return Err(AdminError::Invalid(problems));
    }
    let entry = deed.writes(None, &mut contact);
    match write(outside.store(), None, &contact, &entry).await? {
        Some(()) => Ok(contact),
        None => Err(AdminError::Moved),
    }
}

/// Changes a contact. Fields that sync manages are refused while they are locked.
pub async fn edit_contact(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    id: &ContactId,
    edit: &ContactEdit,
    precondition: &Precondition,
) -> Result<Contact, AdminError> {
    let deed = Deed::new(outside, caller, account.retention, HistoryKind::Edited);
    edit_by(outside, &deed, account, id, edit, precondition).await
}

/// The same, however it is told.
pub(super) async fn edit_by(
    outside: &impl Outside,
    deed: &Deed<'_>,
    account: &Account,
    id: &ContactId,
    edit: &ContactEdit,
    precondition: &Precondition,
) -> Result<Contact, AdminError> {
    for _ in 0..ATTEMPTS {
        let old = contact(outside.store(), &account.id, id).await?;
        if !precondition.holds(old.version) {
            return Err(AdminError::Stale);
        }
        let changes = edit.changes(&old);
        if changes.is_empty() {
            return Ok(old);
        }
        let targets: Vec<&Target> = changes.iter().map(|(target, _)| target).collect();
        let editable = editability(outside.store(), account, &old).await?;
        let locked = editable.locked(&targets);
        if !locked.is_empty() {
            return Err(AdminError::ManagedFields(locked));
        }
        let standing = editable.standing(&targets);
        let mut new = edited(&old, changes, &standing, outside.clock().now());
        let problems = edit.problems(&new, &account.custom_fields, false);
        if !problems.is_empty() {
            return Err(AdminError::Invalid(problems));
        }
        let entry = deed.writes(Some(&old), &mut new);
        if write(outside.store(), Some(&old), &new, &entry).await?.is_some() {
            return Ok(new);
        }
    }
    Err(AdminError::Moved)
}

fn edited(
    old: &Contact,
    changes: Vec<(Target, Option<serde_json::Value>)>,
    standing: &[Target],
    now: Timestamp,
) -> Contact {
    let mut new = Contact { version: old.version + 1, updated_at: now, ..old.clone() };
    for (target, value) in changes {
        new.set(&target, value);
    }
    let after = new.clone();
    if let Some(mark) = &mut new.sync {
        if standing.is_empty() {
            mark.fingerprint = None;
        }
        for target in standing {
            let is = after.value(target);
            mark.person_wrote(target, old.value(target), is.as_ref());
        }
    }
    new
}

/// Deletes a contact. Its linked user goes on the connection's ignore list first, so that no sync
/// makes the contact again.
pub async fn delete_contact(
    outside: &impl Outside,
    caller: &Caller,
    account: &AccountId,
    id: &ContactId,
    precondition: &Precondition,
) -> Result<(), AdminError> {
    match contact(outside.store(), account, id).await {
        Ok(found) if found.link.is_none() => {}
        // It changes settings.
        Ok(_) => caller.has(Role::Admin)?,
        Err(error) => {
            // An earlier attempt may have died right behind the removal. A contact that cannot be
            // read stands, with its teams.
            if let AdminError::NotFound(_) = error {
                end_memberships(outside.store(), account, id, outside.clock().now()).await?;
            }
            return Err(error);
        }
    }
    let deed = Deed::in_account(outside, caller, account, HistoryKind::Deleted).await?;
    remove_contact(outside, (caller, &deed), account, id, precondition).await
}

/// Sets or lifts a contact's protection: no run links, unlinks, deactivates or deletes it.
pub async fn protect_contact(
    outside: &impl Outside,
    caller: &Caller,
    account: &AccountId,
    id: &ContactId,
    protected: bool,
) -> Result<Contact, AdminError> {
    let what = if protected { HistoryKind::Protected } else { HistoryKind::Unprotected };
    let deed = Deed::in_account(outside, caller, account, what).await?;
    for _ in 0..ATTEMPTS {
        let old = contact(outside.store(), account, id).await?;
        if old.protected == protected {
            return Ok(old);
        }
        let mut new = Contact {
            protected,
            version: old.version + 1,
            updated_at: outside.clock().now(),
            ..old.clone()
        };
        let entry = deed.writes(Some(&old), &mut new);
        if write(outside.store(), Some(&old), &new, &entry).await?.is_some() {
            return Ok(new);
        }
    }
    Err(AdminError::Moved)
}

/// Removes a contact for somebody who may; its linked user goes on the ignore list first.
pub(super) async fn remove_contact(
    outside: &impl Outside,
    (caller, deed): (&Caller, &Deed<'_>),
    account: &AccountId,
    id: &ContactId,
    precondition: &Precondition,
) -> Result<(), AdminError> {
    let store = outside.store();
    for _ in 0..ATTEMPTS {
        let old = contact(store, account, id).await?;
        if !precondition.holds(old.version) {
            return Err(AdminError::Stale);
        }
        if let Some(link) = &old.link {
            let users = std::slice::from_ref(&link.object_id);
            let id = &link.connection_id;
            change_ignored(outside, caller, account, id, Ignoring::Begin, users).await?;
        }
        if take_away(outside, &old, Some(deed)).await? {
            return Ok(());
        }
    }
    Err(AdminError::Moved)
}

/// Removes a contact with its address, its teams and the note that leads its user to it. `false`
/// when it is not as it was read. Its user is not put on the ignore list. `deed`: as what it is told.
pub(super) async fn take_away(
    outside: &impl Outside,
    old: &Contact,
    deed: Option<&Deed<'_>>,
) -> Result<bool, AdminError> {
    let store = outside.store();
    let (account, id) = (&old.account_id, &old.id);
    let now = outside.clock().now();
    let expires_at = now + TOMBSTONE_LIFE;
    let removed = match deed {
        Some(deed) => store.remove_told(old, expires_at, &deed.removes(old, now)).await?,
        None => store.remove(old, None, expires_at, None).await?,
    };
    if let WriteOutcome::Moved(_) = removed {
        return Ok(false);
    }
    if let Some(email) = old.email() {
        ContactStore::release(store, account, &email_key(email), id).await?;
    }
    if let Some(link) = &old.link {
        store.delete_adoption(account, &link.tenant_id, &link.object_id).await?;
    }
    end_memberships(store, account, id, outside.clock().now()).await?;
    Ok(true)
}

/// Claims a new e-mail, writes, gives the old e-mail up: whatever dies between leaves a claim
/// without a bearer at worst, which the next claimant takes over. `None` when the stored contact
/// moved. `entry`: as what it is told.
pub(super) async fn write(
    store: &(impl ContactStore + HistoryStore),
    old: Option<&Contact>,
    new: &Contact,
    entry: &HistoryEntry,
) -> Result<Option<()>, AdminError> {
    let account = &new.account_id;
    let old_key = old.and_then(Contact::email).map(email_key);
    let new_key = new.email().map(email_key);
    let claimed = new_key.as_ref().filter(|key| old_key.as_ref() != Some(*key));
    if let Some(key) = claimed
        && let ClaimOutcome::TakenBy(_) = store.claim(account, key, &new.id, new.updated_at).await?
    {
        return Err(AdminError::EmailTaken);
    }
    let write = ContactWrite {
        contact: new.clone(),
        expected_version: old.map_or(0, |old| old.version),
        fence: None,
    };
    match store.write_told(&write, entry).await? {
        WriteOutcome::Written => {
            if let Some(key) = old_key.filter(|key| Some(key) != new_key.as_ref()) {
                store.release(account, &key, &new.id).await?;
            }
            Ok(Some(()))
        }
        WriteOutcome::Moved(standing) => {
            // Another request may have given the contact this very address meanwhile.
            if let Some(key) = claimed.filter(|key| !bears(standing.as_ref(), key)) {
                store.release(account, key, &new.id).await?;
            }
            Ok(None)
        }
    }
}

fn bears(standing: Option<&StoredContact>, key: &str) -> bool {
    match standing {
        Some(StoredContact::Present(contact)) => {
            contact.email().is_some_and(|email| email_key(email) == *key)
        }
        Some(StoredContact::Tombstone { .. }) | None => false,
    }
}

/// Which of a contact's fields people may edit.
#[derive(Debug)]
pub(super) enum Editability {
    /// Any: sync writes none of them.
    Free,
    /// Those that sync does not manage.
    Locked(BTreeSet<Target>),
    /// Any, and edits of these stand until the directory's value changes.
    Standing(BTreeSet<Target>),
}

impl Editability {
    pub(super) fn locked(&self, targets: &[&Target]) -> Vec<Target> {
        match self {
            Self::Locked(managed) => targets
                .iter()
                .filter(|target| managed.contains(**target))
                .map(|target| (*target).clone())
                .collect(),
            Self::Free | Self::Standing(_) => Vec::new(),
        }
    }

    /// Which of these stand until the directory's value changes, so that no run writes over them.
    fn standing(&self, targets: &[&Target]) -> Vec<Target> {
        match self {
            Self::Standing(managed) => targets
                .iter()
                .filter(|target| managed.contains(**target))
                .map(|target| (*target).clone())
                .collect(),
            Self::Free | Self::Locked(_) => Vec::new(),
        }
    }
}

pub(super) async fn editability<S>(
    store: &S,
    account: &Account,
    contact: &Contact,
) -> Result<Editability, AdminError>
where
    S: ConnectionStore + SettingsStore,
{
    let Some(link) = contact.link.as_ref().filter(|link| link.state == LinkState::Linked) else {
        return Ok(Editability::Free);
    };
    match store.connection(&account.id, &link.connection_id).await? {
        Some(connection) if connection.status != ConnectionStatus::Disconnected => {}
        Some(_) | None => return Ok(Editability::Free),
    }
    let current = store.settings(&account.id, &link.connection_id).await?;
    let managed = managed(contact, &current.settings, account);
    if current.settings.policies.lock_managed {
        Ok(Editability::Locked(managed))
    } else {
        Ok(Editability::Standing(managed))
    }
}

/// The fields that sync would write over, by the contact's own record and the rows' policies.
fn managed(contact: &Contact, settings: &Settings, account: &Account) -> BTreeSet<Target> {
    let mapping = Mapping::compile(settings, &account.custom_fields).ok();
    contact
        .managed_fields
        .iter()
        .filter(|target| {
            !mapping.as_ref().is_some_and(|mapping| mapping.people_win(target, contact.source))
        })
        .cloned()
        .collect()
}
