//! Blobs by key.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use jiff::SignedDuration;

use super::locked;
use crate::port::{Blobs, StoreError};

/// Blobs in memory; a signed address names its key.
#[derive(Debug, Default)]
pub struct MemoryBlobs(Mutex<BTreeMap<String, Vec<u8>>>);

impl MemoryBlobs {
    /// What is kept, to look at and to change.
    pub fn all(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        locked(&self.0)
    }
}

impl Blobs for MemoryBlobs {
    async fn put(&self, key: &str, bytes: Vec<u8>, _: &str) -> Result<(), StoreError> {
        self.all().insert(key.to_owned(), bytes);
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.all().get(key).cloned())
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        Ok(self.all().keys().filter(|key| key.starts_with(prefix)).cloned().collect())
    }

    async fn delete_prefix(&self, prefix: &str) -> Result<u64, StoreError> {
        let mut all = self.all();
        let before = all.len();
        all.retain(|key, _| !key.starts_with(prefix));
        Ok(u64::try_from(before - all.len()).unwrap_or(u64::MAX))
    }

    async fn signed_url(
        &self,
        key: &str,
        _: &str,
        _: SignedDuration,
    ) -> Result<String, StoreError> {
        Ok(format!("https://bucket.example/{key}?signature=s"))
    }
}
