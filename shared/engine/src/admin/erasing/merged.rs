//! The contacts that were merged into one.

use contact_sync_domain::erasure::{ErasedUser, OtherContacts};
use contact_sync_domain::id::{AccountId, ContactId};

use super::own_ids::{is_gone, release};
use crate::admin::{AdminError, Outside};
use crate::port::{Burial, ContactStore, ErasureStore, MergeStore, StoreError, StoredContact};

/// Finds what was merged into a contact that is erased, and into that, beside what an earlier
/// attempt knew. What stands again is left and told, unless it is linked to one of these users.
pub(super) async fn find_merged(
    outside: &impl Outside,
    account: &AccountId,
    id: &ContactId,
    (users, known): (&[ErasedUser], &[ContactId]),
    others: &mut OtherContacts,
) -> Result<(), AdminError> {
    let store = outside.store();
    let mut open = store.merged_into(account, id).await?;
    open.extend_from_slice(known);
    while let Some(one) = open.pop() {
        if one == *id || others.merged.contains(&one) || others.left.contains(&one) {
            continue;
        }
        if is_his(outside, account, &one, users).await? {
            open.extend(store.merged_into(account, &one).await?);
            others.merged.push(one);
        } else {
            others.left.push(one);
        }
    }
    Ok(())
}

/// Whether nothing stands there any more; a contact of these users goes.
async fn is_his(
    outside: &impl Outside,
    account: &AccountId,
    contact: &ContactId,
    users: &[ErasedUser],
) -> Result<bool, AdminError> {
    let store = outside.store();
    let standing = match store.get(account, contact).await {
        Ok(Some(StoredContact::Present(standing))) => standing,
        Ok(Some(StoredContact::Tombstone { .. }) | None) => return Ok(true),
        Err(StoreError::Corrupt { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let Some(user) = users.iter().find(|user| user.has(&standing)) else { return Ok(false) };
    release(outside, Some(&standing)).await?;
    Ok(store.bury_own(account, contact, user).await? != Burial::Left)
}

/// The contacts that were merged into one and into those, and are gone.
pub(in crate::admin) async fn merged_and_gone(
    outside: &impl Outside,
    account: &AccountId,
    id: &ContactId,
) -> Result<Vec<ContactId>, AdminError> {
    let store = outside.store();
    let mut open = store.merged_into(account, id).await?;
    let mut found: Vec<ContactId> = Vec::new();
    while let Some(one) = open.pop() {
        if one == *id || found.contains(&one) || !is_gone(outside, account, &one).await? {
            continue;
        }
        open.extend(store.merged_into(account, &one).await?);
        found.push(one);
    }
    Ok(found)
}
