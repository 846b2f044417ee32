//! Who uses which tenant, and who may.

use contact_sync_domain::id::{AccountId, TenantId};

use super::{MemoryStore, World};
use crate::port::{Granted, StoreError, TenantClaim, TenantGrant, TenantStore, TenantTaken};

impl World {
    /// Takes an account off every grant and claim.
    pub(super) fn forget_grants(&mut self, account: &AccountId) {
        self.granted_claims.retain(|(_, of), _| of != account);
        for grant in self.grants.values_mut() {
            grant.accounts.retain(|other| other != account);
        }
        self.grants.retain(|_, grant| !grant.accounts.is_empty());
    }

    fn claims(&self, tenant: &TenantId) -> Vec<TenantClaim> {
        let granted = self.granted_claims.iter().filter(|((of, _), _)| of == tenant);
        let granted = granted.map(|(_, claim)| claim);
        self.tenants.get(tenant).into_iter().chain(granted).cloned().collect()
    }
}

impl TenantStore for MemoryStore {
    async fn claim_tenant(
        &self,
        claim: &TenantClaim,
    ) -> Result<Result<(), TenantTaken>, StoreError> {
        let mut world = self.up()?;
        let (tenant, account) = (claim.tenant_id.clone(), claim.account_id.clone());
        let standing = match world.grants.get_mut(&tenant) {
            None => world.tenants.entry(tenant).or_insert_with(|| claim.clone()).clone(),
            Some(grant) if grant.accounts.contains(&account) => {
                grant.version += 1;
                let key = (tenant, account);
                world.granted_claims.entry(key).or_insert_with(|| claim.clone()).clone()
            }
            Some(_) => return Ok(Err(TenantTaken::GrantedToOthers)),
        };
        Ok(if standing == *claim { Ok(()) } else { Err(TenantTaken::By(standing)) })
    }

    async fn tenant_claims(&self, tenant: &TenantId) -> Result<Vec<TenantClaim>, StoreError> {
        Ok(self.up()?.claims(tenant))
    }

    async fn release_tenant(&self, claim: &TenantClaim) -> Result<(), StoreError> {
        let mut world = self.up()?;
        let is_ours = |standing: &TenantClaim| standing.connection_id == claim.connection_id;
        if world.tenants.get(&claim.tenant_id).is_some_and(is_ours) {
            world.tenants.remove(&claim.tenant_id);
        }
        let key = (claim.tenant_id.clone(), claim.account_id.clone());
        if world.granted_claims.get(&key).is_some_and(is_ours) {
            world.granted_claims.remove(&key);
        }
        Ok(())
    }

    async fn pass_tenant(
        &self,
        claim: &TenantClaim,
        to: &AccountId,
    ) -> Result<Result<(), TenantTaken>, StoreError> {
        let claim = TenantClaim { account_id: to.clone(), ..claim.clone() };
        {
            let mut world = self.up()?;
            let is_ours = |one: &TenantClaim| one.connection_id == claim.connection_id;
            if !world.grants.contains_key(&claim.tenant_id)
                && world.tenants.get(&claim.tenant_id).is_some_and(is_ours)
            {
                world.tenants.insert(claim.tenant_id.clone(), claim);
                return Ok(Ok(()));
            }
        }
        let claimed = self.claim_tenant(&claim).await?;
        if claimed.is_ok() {
            self.up()?.granted_claims.retain(|(tenant, account), standing| {
                *tenant != claim.tenant_id
                    || account == to
                    || standing.connection_id != claim.connection_id
            });
        }
        Ok(claimed)
    }

    async fn tenant_grant(&self, tenant: &TenantId) -> Result<Option<TenantGrant>, StoreError> {
        Ok(self.up()?.grants.get(tenant).cloned())
    }

    async fn put_tenant_grant(&self, grant: &TenantGrant) -> Result<Granted, StoreError> {
        let mut world = self.up()?;
        let tenant = &grant.tenant_id;
        let claims = world.claims(tenant);
        let left_out = claims.iter().find(|claim| !grant.accounts.contains(&claim.account_id));
        if let Some(claim) = left_out {
            return Ok(Granted::InUse(claim.account_id.clone()));
        }
        let before = world.grants.get(tenant).map_or(0, |standing| standing.version);
        if world.loses_race() || before + 1 != grant.version {
            return Ok(Granted::Moved);
        }
        if grant.accounts.is_empty() {
            world.grants.remove(tenant);
            return Ok(Granted::Done);
        }
        world.tenants.remove(tenant);
        for claim in claims {
            let key = (tenant.clone(), claim.account_id.clone());
            world.granted_claims.insert(key, claim);
        }
        world.grants.insert(tenant.clone(), grant.clone());
        Ok(Granted::Done)
    }
}
