//! Keeping a forgotten user from getting a contact of his own.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::email::email_key;
use contact_sync_domain::erasure::ErasedUser;
use contact_sync_domain::id::{AccountId, ContactId};

use super::merged::merged_and_gone;
use crate::admin::{AdminError, Outside};
use crate::port::{Burial, ContactStore, ErasureStore, StoreError, StoredContact};

/// How a user is kept from getting a contact.
pub(super) enum Barred {
    /// A tombstone stands under his own id; whether a contact of his stood there.
    Own(bool),
    /// His own id is another contact's, which stays: a tombstone stands under this one, to which a
    /// note leads.
    ByNote(ContactId),
}

/// Bars a user under his own id. What sync once made for him may have been unlinked since and be
/// another person's: that contact is left as it is.
pub(super) async fn bar(
    outside: &impl Outside,
    account: &AccountId,
    own: &ContactId,
    user: &ErasedUser,
) -> Result<Barred, AdminError> {
    let store = outside.store();
    // Whose it is says the store when it is buried.
    let standing = match store.get(account, own).await {
        Ok(Some(StoredContact::Present(contact))) => Some(contact).filter(|one| user.has(one)),
        Ok(Some(StoredContact::Tombstone { .. }) | None) | Err(StoreError::Corrupt { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    // Its address goes first: once the contact is gone, nothing leads from one to the other.
    release(outside, standing.as_deref()).await?;
    match store.bury_own(account, own, user).await? {
        Burial::Done(was) => {
            release(outside, was.as_deref()).await?;
            Ok(Barred::Own(was.is_some()))
        }
        Burial::Left => {
            // Full runs know tombstones, whoever looks at single users reads their notes.
            let bar = ContactId::barring(account, &user.tenant_id, &user.object_id);
            store.bury_for_good(account, &bar).await?;
            store.put_adoption(account, &user.tenant_id, &user.object_id, &bar).await?;
            Ok(Barred::ByNote(bar))
        }
    }
}

/// Gives up a contact's address.
pub(super) async fn release(
    outside: &impl Outside,
    contact: Option<&Contact>,
) -> Result<(), AdminError> {
    if let Some(contact) = contact
        && let Some(email) = contact.email()
    {
        let key = email_key(email);
        ContactStore::release(outside.store(), &contact.account_id, &key, &contact.id).await?;
    }
    Ok(())
}

/// Whether nothing stands under an id. What cannot be read stands.
pub(in crate::admin) async fn is_gone(
    outside: &impl Outside,
    account: &AccountId,
    id: &ContactId,
) -> Result<bool, AdminError> {
    match outside.store().get(account, id).await {
        Ok(Some(StoredContact::Tombstone { .. }) | None) => Ok(true),
        Ok(Some(StoredContact::Present(_))) | Err(StoreError::Corrupt { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Under which other ids than a contact's something may be kept of the same person: what was merged
/// into it, and the user's own id, as far as no contact stands there.
pub(in crate::admin) async fn ids_beside(
    outside: &impl Outside,
    account: &AccountId,
    id: &ContactId,
    user: Option<&ErasedUser>,
) -> Result<Vec<ContactId>, AdminError> {
    let mut ids = merged_and_gone(outside, account, id).await?;
    if let Some(user) = user {
        let own = ContactId::derived(account, &user.tenant_id, &user.object_id);
        if own != *id && !ids.contains(&own) && is_gone(outside, account, &own).await? {
            ids.push(own);
        }
    }
    Ok(ids)
}
