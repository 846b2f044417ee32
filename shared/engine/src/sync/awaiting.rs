//! Who waits for his manager's contact beyond the run that decided him: kept in one blob, so that
//! the look that makes the manager's contact fills the reference, too.

use std::collections::BTreeMap;

use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId};

use crate::port::{Blobs, StoreError};
use crate::segments::state_prefix;

/// How many people are kept at most; the others get their reference with the next full run.
const MOST: usize = 100_000;

/// What the stored form begins with.
const FORM: u8 = 1;

/// People and their managers, who have no contact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Awaiting {
    pub(super) managers: BTreeMap<ObjectId, ObjectId>,
}

impl Awaiting {
    /// Reads who waits; nobody where nothing was stored, or in another form.
    pub(super) async fn load(
        blobs: &impl Blobs,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<Self, StoreError> {
        let bytes = blobs.get(&key(account, connection)).await?;
        Ok(bytes.and_then(|bytes| Self::from_bytes(&bytes)).unwrap_or_default())
    }

    /// Stores who waits.
    pub(super) async fn store(
        &self,
        blobs: &impl Blobs,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<(), StoreError> {
        let key = key(account, connection);
        blobs.put(&key, self.to_bytes(), "application/octet-stream").await
    }

    /// Forgets somebody, who waits or is waited for. A look that stores at this moment may bring him
    /// back, or wait for others anew: the next full run knows again who waits.
    pub(super) async fn forget(
        blobs: &impl Blobs,
        account: &AccountId,
        connection: &ConnectionId,
        user: &ObjectId,
    ) -> Result<(), StoreError> {
        let mut awaiting = Self::load(blobs, account, connection).await?;
        let before = awaiting.managers.len();
        awaiting.managers.retain(|who, manager| who != user && manager != user);
        if awaiting.managers.len() == before {
            return Ok(());
        }
        awaiting.store(blobs, account, connection).await
    }

    fn to_bytes(&self) -> Vec<u8> {
        let pairs = self.managers.iter().take(MOST);
        let mut bytes = vec![FORM];
        bytes.extend(pairs.flat_map(|(user, manager)| {
            [user.as_u128().to_be_bytes(), manager.as_u128().to_be_bytes()].concat()
        }));
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (form, pairs) = bytes.split_first()?;
        if *form != FORM || pairs.len() % 32 != 0 {
            return None;
        }
        let id = |bytes: &[u8]| bytes.try_into().ok().map(u128::from_be_bytes);
        let managers = pairs.chunks_exact(32).filter_map(|pair| {
            let (user, manager) = pair.split_at_checked(16)?;
            Some((ObjectId::from_u128(id(user)?), ObjectId::from_u128(id(manager)?)))
        });
        Some(Self { managers: managers.collect() })
    }
}

fn key(account: &AccountId, connection: &ConnectionId) -> String {
    format!("{}awaiting-managers", state_prefix(account, connection))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_read_back_as_stored_and_another_form_is_nobody() {
        let pair = |user, manager| (ObjectId::from_u128(user), ObjectId::from_u128(manager));
        let stored = Awaiting { managers: [pair(1, 7), pair(2, u128::MAX)].into() };
        assert_eq!(Awaiting::from_bytes(&stored.to_bytes()), Some(stored));
        for other in [&[][..], &[2], &[FORM, 0, 0]] {
            assert_eq!(Awaiting::from_bytes(other), None, "{other:?}");
        }
    }
}
