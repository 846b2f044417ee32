//! Graph's promises to notify.

use std::future::Future;

use contact_sync_domain::id::TenantId;
use contact_sync_domain::subscription::SubscribedResource;
use jiff::Timestamp;
use thiserror::Error;

use super::DirectoryError;

/// What to subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubscription {
    /// Which resource.
    pub resource: SubscribedResource,
    /// Where Graph posts change notifications.
    pub notification_url: String,
    /// Where Graph posts lifecycle notifications.
    pub lifecycle_url: String,
    /// Our secret, at most 128 characters.
    pub client_state: String,
    /// When it shall end.
    pub expires_at: Timestamp,
}

/// A subscription as Graph tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSubscription {
    /// Graph's id.
    pub id: String,
    /// Which resource path.
    pub resource: String,
    /// Where it posts.
    pub notification_url: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// How subscribing can fail beyond reading.
#[derive(Debug, Error)]
pub enum SubscriptionError {
    /// One for the same resource exists already (409).
    #[error("a subscription for this resource exists already")]
    AlreadyExists,
    /// Our endpoint did not answer the handshake as Graph wants it.
    #[error("our endpoint failed the validation handshake: {message}")]
    ValidationFailed {
        /// Graph's words.
        message: String,
    },
    /// A quota is used up.
    #[error("a subscription quota is used up: {message}")]
    QuotaReached {
        /// Graph's words.
        message: String,
    },
    /// Anything else.
    #[error("the subscription could not be served")]
    Directory(#[from] DirectoryError),
}

/// Graph's subscriptions.
pub trait Subscriptions: Send + Sync {
    /// Creates one; Graph calls our endpoint before it answers.
    fn create(
        &self,
        tenant: &TenantId,
        new: &NewSubscription,
    ) -> impl Future<Output = Result<RemoteSubscription, SubscriptionError>> + Send;

    /// Extends one; `None` when Graph does not know it (any more).
    fn renew(
        &self,
        tenant: &TenantId,
        id: &str,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<Option<RemoteSubscription>, SubscriptionError>> + Send;

    /// Deletes one; one that does not exist is fine.
    fn delete(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> impl Future<Output = Result<(), SubscriptionError>> + Send;

    /// All of our application in this tenant.
    fn list(
        &self,
        tenant: &TenantId,
    ) -> impl Future<Output = Result<Vec<RemoteSubscription>, SubscriptionError>> + Send;
}
