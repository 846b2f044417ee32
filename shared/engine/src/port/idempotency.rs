//! What requests with an `Idempotency-Key` were answered.

use std::future::Future;

use contact_sync_domain::id::AccountId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreError;

/// A request that carried a key, and its answer once there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyedRequest {
    /// The account it is about, with which it is erased; `None` for those about no certain one.
    pub account: Option<AccountId>,
    /// SHA-256 of the caller's account, the account it is about and the key (hexadecimal).
    pub key_hash: String,
    /// SHA-256 of what was asked: method, path and body (hexadecimal).
    pub request_hash: String,
    /// Until when the request may still be at work; a later repetition is a new attempt.
    pub busy_until: Timestamp,
    /// What it was answered; absent while it works and where answers must not be stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<KeptAnswer>,
    /// When the key may be used for something else.
    pub expires_at: Timestamp,
}

/// An answer to give again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Header fields worth repeating.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// Requests by their keys.
pub trait IdempotencyStore: Send + Sync {
    /// Records that a request begins, unless one of the same account and key stands that is alive at
    /// `now` (`expires_at`) and, without an answer, may still be at work or asked for something
    /// else; answers the one that stands.
    fn begin_keyed(
        &self,
        request: &KeyedRequest,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<KeyedRequest>, StoreError>> + Send;

    /// Stores the request with its answer.
    fn finish_keyed(
        &self,
        request: &KeyedRequest,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Forgets a request that came to nothing, so that its key can be used again.
    fn forget_keyed(
        &self,
        request: &KeyedRequest,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
