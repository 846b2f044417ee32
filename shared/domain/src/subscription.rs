//! Subscriptions: Graph's promise to notify us of changes in a tenant.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, ConnectionId, SubscriptionKey, TenantId};

/// Our record of one subscription, written before Graph is asked, so that an early notification
/// finds it. One per tenant and resource, fanned out to the tenant's connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Our key, carried in the notification URL (`?s=`).
    pub key: SubscriptionKey,
    /// Which tenant's changes.
    pub tenant_id: TenantId,
    /// Which resource.
    pub resource: SubscribedResource,
    /// The secret that every notification must carry (Graph: `clientState`, at most 128 characters).
    pub client_state: String,
    /// Graph's id; absent until the POST answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph_id: Option<String>,
    /// When Graph lets it end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was made or last renewed; half of its life is counted from here.
    pub renewed_at: Timestamp,
    /// Where it stands.
    pub state: SubscriptionState,
    /// Who wants to know.
    pub connections: Vec<Subscriber>,
    /// Why it is not active, for the connection's health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Raised by every write.
    #[serde(default)]
    pub version: u64,
}

/// A connection that a subscription serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscriber {
    /// Whose.
    pub account_id: AccountId,
    /// Which.
    pub connection_id: ConnectionId,
}

/// What a subscription watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SubscribedResource {
    /// `users`
    Users,
    /// `groups`
    Groups,
}

impl SubscribedResource {
    /// The resource path in Graph.
    pub fn path(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
        }
    }
}

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SubscriptionState {
    /// Written, not yet confirmed by Graph.
    Pending,
    /// Graph notifies.
    Active,
    /// Graph refused or forgot it; polling covers until it is made again.
    Failed,
}

/// How well a connection is notified of changes of one resource, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SubscriptionHealth {
    /// None was made yet.
    Missing,
    /// Graph refused or forgot it; polling covers.
    Failed,
    /// Its end has passed.
    Expired,
    /// Graph was asked and has not answered yet.
    Pending,
    /// Graph notifies.
    Active,
}

/// Graph lets a subscription on users or groups live 41,760 minutes; we ask for a little less.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(40_320);

impl Subscription {
    /// How it stands at `now`.
    pub fn health(&self, now: Timestamp) -> SubscriptionHealth {
        match self.state {
            _ if self.expires_at.is_some_and(|end| end <= now) => SubscriptionHealth::Expired,
            SubscriptionState::Pending => SubscriptionHealth::Pending,
            SubscriptionState::Active => SubscriptionHealth::Active,
            SubscriptionState::Failed => SubscriptionHealth::Failed,
        }
    }

    /// Whether half of its life is over, or it has none.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let Some(expires_at) = self.expires_at else { return true };
        let life = expires_at.duration_since(self.renewed_at);
        now.duration_since(self.renewed_at) >= life / 2
    }
}
