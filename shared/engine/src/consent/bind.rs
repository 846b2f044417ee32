//! Binding a proven tenant to its connection: the tenant first, then the connection.

use contact_sync_domain::id::TenantId;

use super::decision::authorized;
use super::{ConsentError, ConsentFlow, ConsentStores, Refusal};
use crate::port::{Clock, ConsentAttempt, TenantClaim, TenantTaken};

/// How often a connection may change under our hands.
const TRIES: u8 = 5;

impl<S, I, D, C, R> ConsentFlow<'_, S, I, D, C, R>
where
    S: ConsentStores,
    I: Sync,
    D: Sync,
    C: Clock,
    R: Sync,
{
    /// Claims the tenant and writes it into the connection. When the connection refuses, the claim
    /// goes again.
    pub(super) async fn bind(
        &self,
        attempt: &ConsentAttempt,
        tenant: &TenantId,
    ) -> Result<(), ConsentError> {
        let claim = TenantClaim {
            tenant_id: tenant.clone(),
            account_id: attempt.account_id.clone(),
            connection_id: attempt.connection_id.clone(),
        };
        let mut claimed = false;
        for _ in 0..TRIES {
            let connection =
                self.stores.connection(&attempt.account_id, &attempt.connection_id).await?;
            let decided = connection
                .ok_or(Refusal::DeadLink)
                .and_then(|connection| authorized(&connection, tenant, self.clock.now()));
            let next = match decided {
                Ok(next) => next,
                Err(refusal) => {
                    if claimed {
                        self.stores.release_tenant(&claim).await?;
                    }
                    return Err(refusal.into());
                }
            };
            if !claimed {
                if let Err(taken) = self.stores.claim_tenant(&claim).await? {
                    let by_same_account = match taken {
                        TenantTaken::By(owner) => owner.account_id == claim.account_id,
                        TenantTaken::GrantedToOthers => false,
                    };
                    return Err(Refusal::TenantTaken { by_same_account }.into());
                }
                claimed = true;
            }
            if self.stores.update_connection(&next).await? {
                return Ok(());
            }
        }
        Err(Refusal::Busy.into())
    }
}
