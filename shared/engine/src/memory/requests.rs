//! Requests by their idempotency keys.

use jiff::Timestamp;

use super::MemoryStore;
use crate::port::{IdempotencyStore, KeyedRequest, StoreError};

impl IdempotencyStore for MemoryStore {
    async fn begin_keyed(
        &self,
        request: &KeyedRequest,
        now: Timestamp,
    ) -> Result<Option<KeyedRequest>, StoreError> {
        let mut world = self.up()?;
        if let Some(standing) = world.keyed.get(&request.key_hash) {
            let is_same = standing.request_hash == request.request_hash;
            let is_over = standing.answer.is_none() && is_same && standing.busy_until <= now;
            if standing.expires_at > now && !is_over {
                return Ok(Some(standing.clone()));
            }
        }
        world.keyed.insert(request.key_hash.clone(), request.clone());
        Ok(None)
    }

    async fn finish_keyed(&self, request: &KeyedRequest) -> Result<(), StoreError> {
        self.up()?.keyed.insert(request.key_hash.clone(), request.clone());
        Ok(())
    }

    async fn forget_keyed(&self, request: &KeyedRequest) -> Result<(), StoreError> {
        self.up()?.keyed.remove(&request.key_hash);
        Ok(())
    }
}
