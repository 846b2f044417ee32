//! The blobs of a run, by lane: what stands for a connection's present state is not replaced by
//! what a plan read.

use std::sync::Arc;

use contact_sync_domain::id::RunId;
use jiff::SignedDuration;

use super::LaneStores;
use super::overlay::Over;
use crate::port::{Blobs, StoreError};

/// Where the state that a plan reads lies: among segments, which expire.
const OF_PLANS: &str = "segments/";

/// What the keys of a connection's present state begin with.
const STATE: &str = "state/";

/// The blobs of a lane.
#[derive(Debug)]
pub struct LaneBlobs<B> {
    blobs: Arc<B>,
    over: Over,
}

impl<B> LaneBlobs<B> {
    /// The blobs where everything syncs.
    pub fn main(blobs: B) -> Self {
        Self { blobs: Arc::new(blobs), over: Over::default() }
    }

    /// The blobs of the plans that are made with these stores.
    pub(crate) fn planning<S>(&self, stores: &LaneStores<S>) -> Self {
        Self { blobs: self.blobs.clone(), over: stores.over.clone() }
    }

    /// The blobs as the runs know them that sync.
    pub(crate) fn syncing(&self) -> Self {
        Self { blobs: self.blobs.clone(), over: Over::default() }
    }

    /// A key under which a plan keeps to itself what it read of the connection's state.
    fn own(&self, key: &str) -> Option<String> {
        let over = self.over.look()?;
        let of = key.strip_prefix(STATE)?;
        let (whose, rest) = of.split_at(of.match_indices('/').nth(1).map_or(of.len(), |at| at.0));
        let run = over.run().map(RunId::as_str).unwrap_or_default();
        Some(format!("{OF_PLANS}{whose}/{run}/state{rest}"))
    }
}

/// For tests only: elsewhere it would be a way around a plan's own keys.
#[cfg(test)]
impl<B> std::ops::Deref for LaneBlobs<B> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.blobs
    }
}

impl<B: Blobs> Blobs for LaneBlobs<B> {
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), StoreError> {
        let own = self.own(key);
        self.blobs.put(own.as_deref().unwrap_or(key), bytes, content_type).await
    }

    /// A plan that read nothing of its own reads what stands.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(own) = self.own(key)
            && let Some(found) = self.blobs.get(&own).await?
        {
            return Ok(Some(found));
        }
        self.blobs.get(key).await
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let own = self.own(prefix);
        self.blobs.keys(own.as_deref().unwrap_or(prefix)).await
    }

    async fn delete_prefix(&self, prefix: &str) -> Result<u64, StoreError> {
        let own = self.own(prefix);
        self.blobs.delete_prefix(own.as_deref().unwrap_or(prefix)).await
    }

    async fn signed_url(
        &self,
        key: &str,
        file_name: &str,
        lifetime: SignedDuration,
    ) -> Result<String, StoreError> {
        self.blobs.signed_url(key, file_name, lifetime).await
    }
}
