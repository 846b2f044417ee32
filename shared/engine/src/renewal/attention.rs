//! Telling people that a connection needs them.

use contact_sync_domain::connection::{Attention, Connection, ConnectionStatus};
use contact_sync_domain::subscription::{Subscriber, Subscription};

use super::{ATTEMPTS, REPLICATION, Renewal, RenewalError, RenewalStores};
use crate::port::{
    Clock, Directory, DirectoryError, EventPublisher, Randomness, SubscriptionError, Subscriptions,
};

/// What a connection needs of a person.
struct Need {
    reason: &'static str,
    fix: &'static str,
}

/// What an error of Graph's asks of people, where they can help. A permission that is missing for
/// subscribing only is no such case: polling serves the connection as well.
fn need(error: &SubscriptionError) -> Option<Need> {
    let SubscriptionError::Directory(error) = error else { return None };
    match error {
        DirectoryError::ConsentLost { .. } => Some(Need {
            reason: "consent-lost",
            fix: "an Entra admin must consent again: send a new consent link",
        }),
        DirectoryError::Blocked { .. } => Some(Need {
            reason: "blocked-by-policy",
            fix: "exempt our application from the Conditional Access or tenant restriction policy \
                  that blocks it, then resume",
        }),
        DirectoryError::Throttled { .. }
        | DirectoryError::Unavailable { .. }
        | DirectoryError::CredentialRefused { .. }
        | DirectoryError::Forbidden { .. }
        | DirectoryError::Gone { .. }
        | DirectoryError::PageExpired
        | DirectoryError::NotFound { .. }
        | DirectoryError::Refused { .. }
        | DirectoryError::UnknownAttribute { .. }
        | DirectoryError::ForeignLink => None,
    }
}

impl<S, G, E, C, R> Renewal<S, G, E, C, R>
where
    S: RenewalStores,
    G: Directory + Subscriptions,
    E: EventPublisher,
    C: Clock,
    R: Randomness,
{
    /// Marks the connections behind a subscription when an error shows that a person must act.
    pub(super) async fn call_for_people(
        &self,
        record: &Subscription,
        error: &SubscriptionError,
    ) -> Result<(), RenewalError> {
        let Some(need) = need(error) else { return Ok(()) };
        for subscriber in &record.connections {
            self.mark(subscriber, &need).await?;
        }
        Ok(())
    }

    async fn mark(&self, subscriber: &Subscriber, need: &Need) -> Result<(), RenewalError> {
        for _ in 0..ATTEMPTS {
            let found =
                self.stores.connection(&subscriber.account_id, &subscriber.connection_id).await?;
            let Some(connection) = found else { return Ok(()) };
            let now = self.clock.now();
            let replicating =
                connection.authorized_at.is_some_and(|at| now.duration_since(at) < REPLICATION);
            if !connection.status.keeps_cursors() || replicating {
                return Ok(());
            }
            let attention = Attention {
                reason: need.reason.to_owned(),
                fix: need.fix.to_owned(),
                before: connection.status,
                since: now,
            };
            let next = Connection {
                status: ConnectionStatus::Attention,
                attention: Some(attention),
                version: connection.version + 1,
                updated_at: now,
                ..connection
            };
            if self.stores.update_connection(&next).await? {
                return Ok(());
            }
        }
        Err(RenewalError::Contended("the connection"))
    }
}
