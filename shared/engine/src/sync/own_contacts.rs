//! Whose contact is whose: the contacts that are or would be users', and those of their managers.

use std::collections::{BTreeSet, HashMap, HashSet};

use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::erasure::ErasedUser;
use contact_sync_domain::id::{AccountId, ContactId, ObjectId, TenantId};

use crate::port::{ContactStore, StoreError, StoredContact};

/// The contacts that are or would be these users', in their order: the one that was taken over for
/// a user, else the one that is derived from his id.
pub(crate) async fn contacts_of_users(
    store: &impl ContactStore,
    account: &AccountId,
    tenant: &TenantId,
    users: &[ObjectId],
) -> Result<Vec<ContactId>, StoreError> {
    let adopted = store.adopted(account, tenant, users).await?;
    Ok(users
        .iter()
        .zip(adopted)
        .map(|(user, adopted)| adopted.unwrap_or_else(|| ContactId::derived(account, tenant, user)))
        .collect())
}

/// Reads contacts that were not read yet; answers those that are stored in a form that cannot be
/// read.
pub(crate) async fn read_contacts(
    store: &impl ContactStore,
    account: &AccountId,
    ids: &[ContactId],
    into: &mut HashMap<ContactId, StoredContact>,
) -> Result<HashSet<ContactId>, StoreError> {
    let wanted: Vec<ContactId> = ids.iter().filter(|id| !into.contains_key(id)).cloned().collect();
    let mut unreadable = HashSet::new();
    let mut open = vec![wanted];
    while let Some(mut ids) = open.pop() {
        if ids.is_empty() {
            continue;
        }
        match store.get_many(account, &ids).await {
            Ok(found) => into
                .extend(ids.into_iter().zip(found).filter_map(|(id, stored)| Some((id, stored?)))),
            Err(StoreError::Corrupt { .. }) if ids.len() == 1 => unreadable.extend(ids),
            // One of them: halving finds it with few requests.
            Err(StoreError::Corrupt { .. }) => {
                open.push(ids.split_off(ids.len() / 2));
                open.push(ids);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(unreadable)
}

/// Whether a note keeps a user who was erased from getting a contact, since his own id is another
/// contact's.
pub(crate) async fn is_barred_by_note(
    store: &impl ContactStore,
    account: &AccountId,
    user: &ErasedUser,
) -> Result<bool, StoreError> {
    let users = std::slice::from_ref(&user.object_id);
    let notes = store.adopted(account, &user.tenant_id, users).await?;
    let bar = ContactId::barring(account, &user.tenant_id, &user.object_id);
    Ok(notes.into_iter().flatten().any(|note| note == bar))
}

/// What stands for a manager among the contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ManagerContact {
    /// His contact.
    Stands(ContactId),
    /// He was erased: he gets none, nobody waits for it, and nobody is told to be led by him.
    Erased,
}

/// The contacts that these managers have, without those who have none.
pub(crate) async fn contacts_of_managers(
    store: &impl ContactStore,
    account: &AccountId,
    tenant: &TenantId,
    users: Vec<ObjectId>,
) -> Result<HashMap<ObjectId, ManagerContact>, StoreError> {
    if users.is_empty() {
        return Ok(HashMap::new());
    }
    let contacts = contacts_of_users(store, account, tenant, &users).await?;
    let mut stored = HashMap::new();
    read_contacts(store, account, &contacts, &mut stored).await?;
    let pairs = users.into_iter().zip(contacts);
    let found = pairs.filter_map(|(user, contact)| match stored.get(&contact)? {
        StoredContact::Present(_) => Some((user, ManagerContact::Stands(contact))),
        StoredContact::Tombstone { erased: true, .. } => Some((user, ManagerContact::Erased)),
        StoredContact::Tombstone { .. } => None,
    });
    Ok(found.collect())
}

/// Puts the contact of everybody's manager where `[manager]` reads it, as contacts are stored now.
/// Whose manager was not read is not told of one.
pub(crate) async fn find_managers(
    store: &impl ContactStore,
    account: &AccountId,
    tenant: &TenantId,
    users: &mut [DirectoryUser],
) -> Result<(), StoreError> {
    let managers = managers_of(users.iter()).into_iter().collect();
    let contacts = contacts_of_managers(store, account, tenant, managers).await?;
    put_managers(users, &contacts);
    Ok(())
}

/// Who the managers of these users are.
pub(super) fn managers_of<'u>(
    users: impl IntoIterator<Item = &'u DirectoryUser>,
) -> BTreeSet<ObjectId> {
    users.into_iter().filter_map(|user| user.manager().flatten()).collect()
}

/// Puts the managers' contacts where `[manager]` reads them.
pub(super) fn put_managers<'u>(
    users: impl IntoIterator<Item = &'u mut DirectoryUser>,
    contacts: &HashMap<ObjectId, ManagerContact>,
) {
    for user in users {
        let Some(manager) = user.manager() else { continue };
        match manager.and_then(|manager| contacts.get(&manager)) {
            Some(ManagerContact::Stands(contact)) => user.set_manager_contact(Some(contact)),
            Some(ManagerContact::Erased) => {
                user.tell_manager(None);
                user.set_manager_contact(None);
            }
            None => user.set_manager_contact(None),
        }
    }
}
