//! Forgetting one person.
//!
//! The receipt comes first and knows by what the person is found, so that a request that died is
//! sent again and goes on. In the contact's place stands a tombstone for good: its key is a hash of
//! account, tenant and user, so that sync meets it and makes no contact again.

mod merged;
mod own_ids;

use contact_sync_domain::connection::Connection;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::email::email_key;
use contact_sync_domain::erasure::{
    BACKUPS_LAST, ErasedPerson, ErasedUser, ErasureReceipt, ErasureState, Erasures, OtherContacts,
    Redaction,
};
use contact_sync_domain::id::{AccountId, ContactId, ErasureId, ObjectId};
use contact_sync_domain::retention::LONGEST;
use contact_sync_domain::segment::Prior;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use self::merged::find_merged;
pub(super) use self::own_ids::ids_beside;
use self::own_ids::{Barred, bar};
use super::answers::last_user;
use super::contacts::TOMBSTONE_LIFE;
use super::directory_values::forget_values;
use super::document::Members;
use super::settings::forget_ignored;
use super::{AdminError, Caller, Outside};
use crate::photos::delete_photo;
use crate::port::{
    Clock, ConnectionStore, ContactStore, ErasureStore, SettingsStore, StoreError, StoredContact,
    WelcomeStore,
};
use crate::segments::load_segment;
use crate::split::rivals_of;
use crate::sync::{forget_in_state, is_barred_by_note, watched_with_rivals};

/// Reads `{confirm}`, which must be the contact's own id.
pub fn read_confirmation(document: &Value, contact: &ContactId) -> Result<(), AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let confirmed = members.text("confirm", 64);
    if confirmed.as_deref().is_some_and(|confirmed| confirmed != contact.as_str()) {
        members.problem("confirm", "it is not the id of this contact".to_owned());
    }
    let problems = members.finish();
    if confirmed.is_some() && problems.is_empty() {
        Ok(())
    } else {
        Err(AdminError::Invalid(problems))
    }
}

/// Forgets the person behind a contact: the contact, its address, link, teams and history, and
/// whatever people were asked, decided and refused about it. What runs left is gone through
/// afterwards, without anybody's doing. The same request goes on where one died.
pub async fn erase_contact(
    outside: &impl Outside,
    caller: &Caller,
    account: &AccountId,
    id: &ContactId,
) -> Result<ErasureReceipt, AdminError> {
    let store = outside.store();
    let receipt = match begun(outside, account, id).await? {
        Some(receipt) => match receipt.state {
            ErasureState::Done => return left_behind(outside, receipt).await,
            ErasureState::Redacting => return go_on(outside, receipt).await,
            ErasureState::Working => receipt,
            ErasureState::Lifted => begin(outside, caller, account, id, receipt.version).await?,
        },
        None => begin(outside, caller, account, id, 0).await?,
    };
    let person = receipt.person.clone().unwrap_or_default();
    let mut found = receipt.found;
    // What stood there may have moved since the receipt was written.
    let was = store.bury_for_good(account, id).await?.map(|contact| person_of(&contact));
    found.contacts = 1;
    // Whatever stood there when forgetting began is told to be removed.
    let is_untold = was.is_some() || receipt.person.is_some();
    let mut people: Vec<ErasedPerson> = was.into_iter().collect();
    if !people.contains(&person) {
        people.push(person);
    }
    let mut buried = Vec::new();
    let (mut barred, mut others) = (Vec::new(), OtherContacts::default());
    let mut users: Vec<ErasedUser> = people.iter().filter_map(|one| one.user.clone()).collect();
    users.dedup();
    for user in &users {
        if !is_barred_by_note(store, account, user).await? {
            store.delete_adoption(account, &user.tenant_id, &user.object_id).await?;
        }
        // Of a contact that existed before: its user would get one of his own.
        let derived = user.derived(account);
        if derived != *id {
            match bar(outside, account, &derived, user).await? {
                Barred::Own(was) => {
                    buried.extend(was.then(|| derived.clone()));
                    barred.push(derived);
                }
                Barred::ByNote(bar) => {
                    barred.push(bar);
                    others.left.push(derived);
                    others.noted.push(user.clone());
                }
            }
        }
    }
    for key in people.iter().filter_map(|one| one.email_key.as_ref()) {
        ContactStore::release(store, account, key, id).await?;
    }
    find_merged(outside, account, id, (&users, &receipt.others.merged), &mut others).await?;
    found.contacts += count(&others.merged);
    buried.retain(|own| !others.merged.contains(own));
    found.contacts += count(&buried);
    let mut receipt = ErasureReceipt { barred, others, ..receipt };
    if !receipt.others.merged.is_empty() {
        // Before what leads to them goes.
        receipt.version += 1;
        receipt = put(outside, receipt).await?;
    }
    let user = people.iter().find_map(|one| one.user.as_ref()).map(|user| &user.object_id);
    let connections = store.connections(account).await?;
    for contact in receipt.other_ids().iter().chain([id]) {
        found = found.and(store.erase_beside(account, contact).await?);
        for connection in &connections {
            found = found.and(store.erase_asked(&connection.id, contact, user).await?);
        }
        found.answers += store.erase_answers(account, contact).await?;
        store.forget_welcome(account, contact).await?;
        // Nobody stores another: where the contact was stands a tombstone.
        found.photos += delete_photo(store, outside.blobs(), account, contact).await?.kept;
    }
    for connection in &connections {
        for user in people.iter().filter_map(|one| one.user.as_ref()) {
            found.settings +=
                forget_ignored(outside, caller, account, &connection.id, &user.object_id).await?;
            forget_in_directory(outside, connection, &user.object_id).await?;
        }
    }
    let gone = ErasureReceipt {
        version: receipt.version + 1,
        state: ErasureState::Redacting,
        found,
        // By what the person is found in what runs left.
        person: people.into_iter().find(|one| one.user.is_some()),
        redaction: Some(Redaction { is_untold, ..Redaction::begun() }),
        written_at: Some(outside.clock().now()),
        ..receipt
    };
    put(outside, gone).await
}

/// Forgets what is kept of a connection's directory, as far as it may tell of a person and no run
/// reads it again.
async fn forget_in_directory(
    outside: &impl Outside,
    connection: &Connection,
    user: &ObjectId,
) -> Result<(), AdminError> {
    let (store, account, id) = (outside.store(), &connection.account_id, &connection.id);
    forget_values(outside, account, id).await?;
    let settings = store.settings(account, id).await?.settings;
    let rivals = match &connection.tenant {
        Some(tenant) => rivals_of(store, &tenant.id, id, &settings.routing).await?,
        None => Vec::new(),
    };
    let watched = watched_with_rivals(&settings, &rivals);
    Ok(forget_in_state(outside.blobs(), (account, id), &watched, user).await?)
}

/// Deletes a photo that is there although the person was forgotten: whoever stored it and whoever
/// was to look for it again both died. The receipt counts it.
async fn left_behind(
    outside: &impl Outside,
    receipt: ErasureReceipt,
) -> Result<ErasureReceipt, AdminError> {
    let (store, account) = (outside.store(), &receipt.account_id);
    let mut photos = 0;
    // What was merged may stand again and be somebody's.
    for contact in receipt.barred.iter().chain([&receipt.contact_id]) {
        photos += delete_photo(store, outside.blobs(), account, contact).await?.kept;
    }
    if photos == 0 {
        return Ok(receipt);
    }
    let found = receipt.found.and(Erasures { photos, ..Erasures::default() });
    put(outside, ErasureReceipt { version: receipt.version + 1, found, ..receipt }).await
}

fn count(contacts: &[ContactId]) -> u64 {
    u64::try_from(contacts.len()).unwrap_or(u64::MAX)
}

/// Has what nobody is at any more gone on with, as the sweep does.
async fn go_on(
    outside: &impl Outside,
    receipt: ErasureReceipt,
) -> Result<ErasureReceipt, AdminError> {
    let now = outside.clock().now();
    let Some(redaction) = receipt.redaction.clone() else { return Ok(receipt) };
    if redaction.waits || !receipt.open().is_some_and(|open| open.is_left(now)) {
        return Ok(receipt);
    }
    let version = receipt.version + 1;
    put(outside, ErasureReceipt { version, written_at: Some(now), ..receipt }).await
}

async fn put(
    outside: &impl Outside,
    receipt: ErasureReceipt,
) -> Result<ErasureReceipt, AdminError> {
    if outside.store().put_receipt(&receipt).await? { Ok(receipt) } else { Err(AdminError::Moved) }
}

/// Lets sync make a contact of the person again, from the next run on, without anything of what was
/// known. A receipt that says so already stays as it is.
pub async fn lift_erasure(
    outside: &impl Outside,
    account: &AccountId,
    id: &ErasureId,
) -> Result<ErasureReceipt, AdminError> {
    let receipt = erasure(outside, account, id).await?;
    match receipt.state {
        ErasureState::Lifted => return Ok(receipt),
        ErasureState::Done => {}
        ErasureState::Working | ErasureState::Redacting => {
            return Err(AdminError::ErasureNotDone);
        }
    }
    let now = outside.clock().now();
    let until = now.checked_add(TOMBSTONE_LIFE).unwrap_or(Timestamp::MAX);
    for contact in receipt.other_ids().iter().chain([&receipt.contact_id]) {
        // What was erased by a request of its own stays so.
        if *contact != receipt.contact_id {
            let own = begun(outside, account, contact).await?;
            if own.is_some_and(|own| own.state != ErasureState::Lifted) {
                continue;
            }
        }
        outside.store().lift(account, contact, until).await?;
    }
    let mut others = receipt.others.clone();
    for user in others.noted.drain(..) {
        outside.store().delete_adoption(account, &user.tenant_id, &user.object_id).await?;
    }
    let version = receipt.version + 1;
    let state = ErasureState::Lifted;
    put(outside, ErasureReceipt { version, state, others, lifted_at: Some(now), ..receipt }).await
}

/// A receipt.
pub async fn erasure(
    outside: &impl Outside,
    account: &AccountId,
    id: &ErasureId,
) -> Result<ErasureReceipt, AdminError> {
    let receipt = outside.store().receipt(account, id).await?;
    receipt.ok_or(AdminError::NotFound("erasure"))
}

pub(super) fn receipt_of(contact: &ContactId) -> ErasureId {
    ErasureId::from_bits(contact.to_bits())
}

async fn begun(
    outside: &impl Outside,
    account: &AccountId,
    id: &ContactId,
) -> Result<Option<ErasureReceipt>, AdminError> {
    Ok(outside.store().receipt(account, &receipt_of(id)).await?)
}

async fn begin(
    outside: &impl Outside,
    caller: &Caller,
    account: &AccountId,
    id: &ContactId,
    before: u64,
) -> Result<ErasureReceipt, AdminError> {
    let store = outside.store();
    let person = match store.get(account, id).await? {
        Some(StoredContact::Present(contact)) => Some(person_behind(outside, &contact).await?),
        // Whom sync or somebody removed may want to be forgotten all the same.
        Some(StoredContact::Tombstone { version, by, .. }) if version > 0 => match by {
            Some(by) => whom_it_removed(outside, account, id, &by).await?,
            None => None,
        },
        Some(StoredContact::Tombstone { .. }) | None => {
            return Err(AdminError::NotFound("contact"));
        }
    };
    let now = outside.clock().now();
    let in_days = |days: i64| {
        now.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
    };
    let receipt = ErasureReceipt {
        id: receipt_of(id),
        account_id: account.clone(),
        contact_id: id.clone(),
        version: before + 1,
        requested_at: now,
        requested_by: caller.subject.clone(),
        state: ErasureState::Working,
        found: Erasures::default(),
        // Earlier runs may have begun when the account kept them for longer.
        history_until: in_days(LONGEST.into()),
        backups_until: now.checked_add(BACKUPS_LAST).unwrap_or(Timestamp::MAX),
        person,
        redaction: None,
        written_at: Some(now),
        barred: Vec::new(),
        others: OtherContacts::default(),
        lifted_at: None,
    };
    put(outside, receipt).await
}

/// The user whose contact a page removed: only the page says so where the contact had existed
/// before him, and his own id would be free otherwise.
async fn whom_it_removed(
    outside: &impl Outside,
    account: &AccountId,
    contact: &ContactId,
    by: &Prior,
) -> Result<Option<ErasedPerson>, AdminError> {
    let (store, blobs) = (outside.store(), outside.blobs());
    for connection in store.connections(account).await? {
        let Some(tenant) = &connection.tenant else { continue };
        let segment = match load_segment(store, blobs, &connection.id, &by.run, by.page).await {
            // It went by its age.
            Err(StoreError::Corrupt { .. }) => None,
            read => read?,
        };
        let items = segment.map(|segment| segment.items).unwrap_or_default();
        let removed = items.into_iter().find(|item| item.contact_id.as_ref() == Some(contact));
        if let Some(item) = removed {
            let user = ErasedUser {
                connection_id: connection.id.clone(),
                tenant_id: tenant.id.clone(),
                object_id: item.object_id,
            };
            return Ok(Some(ErasedPerson { user: Some(user), email_key: None }));
        }
    }
    Ok(None)
}

/// Who is behind a contact, also behind one that was removed, as far as anything tells.
pub(super) async fn whose(
    outside: &impl Outside,
    account: &AccountId,
    id: &ContactId,
    standing: Option<&StoredContact>,
) -> Result<Option<ErasedUser>, AdminError> {
    let person = match standing {
        Some(StoredContact::Present(contact)) => Some(person_behind(outside, contact).await?),
        Some(StoredContact::Tombstone { by: Some(by), .. }) => {
            whom_it_removed(outside, account, id, by).await?
        }
        Some(StoredContact::Tombstone { by: None, .. }) | None => None,
    };
    Ok(person.and_then(|person| person.user))
}

/// Who is behind a contact that stands, tied to its user or not: its id does not tell whose it was
/// where it had existed before, and his own would be free.
async fn person_behind(
    outside: &impl Outside,
    contact: &Contact,
) -> Result<ErasedPerson, AdminError> {
    let person = person_of(contact);
    if person.user.is_some() {
        return Ok(person);
    }
    Ok(ErasedPerson { user: last_user(outside, contact).await?, ..person })
}

fn person_of(contact: &Contact) -> ErasedPerson {
    ErasedPerson {
        user: contact.link.as_ref().map(|link| ErasedUser {
            connection_id: link.connection_id.clone(),
            tenant_id: link.tenant_id.clone(),
            object_id: link.object_id.clone(),
        }),
        email_key: contact.email().map(email_key),
    }
}
