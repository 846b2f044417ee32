//! Which contacts the keys beside the e-mail lead to: read once when the first person without a
//! contact is met.
//!
//! A key may be any mapped field, so its values are kept by nobody: contacts would cost another
//! write each. The contacts without a link are read instead, once in a slice and only where such a
//! key is set, half a read unit for 4 KB. Whoever is found is read again before anything is decided.

use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::matching::MatchKeys;
use futures::future::try_join_all;

use crate::port::{ContactStore, SHARDS, StoreError};

/// How many shards are read at the same time.
const READERS: usize = 4;

/// How many contacts one value may lead to: more than two are no less undecided.
const MOST: usize = 8;

/// The contacts that could be taken over, 32 bytes for each of their keys.
#[derive(Debug, Default)]
pub(crate) struct Lookup(Vec<(u128, u128)>);

impl Lookup {
    /// Reads an account's contacts without a link, and those whose users left.
    pub(crate) async fn load(
        store: &impl ContactStore,
        account: &AccountId,
        keys: &MatchKeys,
    ) -> Result<Self, StoreError> {
        let mut found = Vec::new();
        let shards: Vec<u8> = (0..SHARDS).collect();
        for shards in shards.chunks(READERS) {
            let reading = shards.iter().map(|shard| read_shard(store, account, keys, *shard));
            found.extend(try_join_all(reading.collect::<Vec<_>>()).await?.into_iter().flatten());
        }
        found.sort_unstable();
        Ok(Self(found))
    }

    /// The contacts under any of these digests.
    pub(crate) fn find(&self, digests: &[u128]) -> Vec<ContactId> {
        digests
            .iter()
            .flat_map(|digest| {
                let from = self.0.partition_point(|(key, _)| key < digest);
                self.0.iter().skip(from).take_while(move |(key, _)| key == digest).take(MOST)
            })
            .map(|(_, contact)| ContactId::from_bits(*contact))
            .collect()
    }
}

/// The contacts of one shard, under each of their keys.
async fn read_shard(
    store: &impl ContactStore,
    account: &AccountId,
    keys: &MatchKeys,
    shard: u8,
) -> Result<Vec<(u128, u128)>, StoreError> {
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.unlinked(account, shard, cursor.as_deref()).await?;
        for contact in &page.contacts {
            let id = contact.id.to_bits();
            found.extend(keys.digests_of_contact(contact).into_iter().map(|key| (key, id)));
        }
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(found),
        }
    }
}
