//! Who uses which tenant, and who may.
//!
//! Without a grant a tenant has one claim, under a key that is the same for everybody: whoever
//! comes second meets it. With a grant each account has a claim of its own, made in one transaction
//! with the grant that allows it, which moves the grant's version: nobody can be left out of a grant
//! while claiming by it.

use contact_sync_domain::id::{AccountId, TenantId};
use contact_sync_engine::port::{
    Granted, StoreError, TenantClaim, TenantGrant, TenantStore, TenantTaken,
};

use crate::item::{Item, document, name, number, read_document, text, text_of};
use crate::keys::Key;
use crate::table::{Condition, Query};
use crate::transaction::{Transacted, Transaction};
use crate::{DynamoStore, keys};

const CLAIM: &str = "tenantClaim";
const GRANT: &str = "tenantGrant";
const POINTER: &str = "grantPointer";

/// How often a claim is tried again when its grant moved meanwhile.
const ATTEMPTS: usize = 5;

impl DynamoStore {
    /// Takes an account off every grant that names it.
    pub(crate) async fn forget_grants(&self, account: &AccountId) -> Result<(), StoreError> {
        let pointers = self
            .state
            .query_all(
                "Query grants",
                Query {
                    partition: keys::account_partition(account),
                    prefix: keys::GRANT_PREFIX,
                    strongly: true,
                    ..Query::default()
                },
            )
            .await?;
        for pointer in pointers {
            let tenant = text_of(&pointer, "tenantId").and_then(|text| TenantId::parse(text).ok());
            if let Some(tenant) = tenant {
                self.leave_grant(&tenant, account).await?;
            }
            if let Some(key) = Key::of(&pointer) {
                self.state.delete("DeleteItem grant pointer", &key).await?;
            }
        }
        Ok(())
    }

    async fn leave_grant(&self, tenant: &TenantId, account: &AccountId) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let Some(mut grant) = self.tenant_grant(tenant).await? else { return Ok(()) };
            if !grant.accounts.contains(account) {
                return Ok(());
            }
            grant.accounts.retain(|other| other != account);
            grant.version += 1;
            if self.put_tenant_grant(&grant).await? == Granted::Done {
                return Ok(());
            }
        }
        // The call that erases is repeated by whoever asked for it.
        Ok(())
    }

    /// Claims a tenant that nobody was granted.
    async fn claim_alone(&self, claim: &TenantClaim) -> Result<Attempt, StoreError> {
        let operation = "TransactWriteItems tenant claim";
        let tenant = &claim.tenant_id;
        let item = document(&keys::tenant_claim(tenant), CLAIM, claim)?;
        let transacted = Transaction::new()
            .put(operation, &self.state, item, Some(Condition::absent()))?
            .check(operation, &self.state, &keys::tenant_grant(tenant), Condition::absent())?
            .commit(operation, &self.state)
            .await?;
        claimed(&transacted, claim)
    }

    /// The same for a tenant that this connection may have already, for whatever account.
    async fn pass_alone(&self, claim: &TenantClaim) -> Result<Attempt, StoreError> {
        let operation = "TransactWriteItems tenant claim";
        let tenant = &claim.tenant_id;
        let item = document(&keys::tenant_claim(tenant), CLAIM, claim)?;
        let ours = held_by(claim);
        let expression = format!("attribute_not_exists(#pk) OR {}", ours.expression);
        let free_or_ours = Condition::new(expression, ours.values);
        let transacted = Transaction::new()
            .put(operation, &self.state, item, Some(free_or_ours))?
            .check(operation, &self.state, &keys::tenant_grant(tenant), Condition::absent())?
            .commit(operation, &self.state)
            .await?;
        claimed(&transacted, claim)
    }

    /// Claims a tenant by a grant.
    async fn claim_granted(
        &self,
        claim: &TenantClaim,
        grant: &TenantGrant,
    ) -> Result<Attempt, StoreError> {
        let operation = "TransactWriteItems granted claim";
        let tenant = &claim.tenant_id;
        let key = keys::granted_claim(tenant, &claim.account_id);
        let moved = TenantGrant { version: grant.version + 1, ..grant.clone() };
        let transacted = Transaction::new()
            .put(operation, &self.state, document(&key, CLAIM, claim)?, Some(Condition::absent()))?
            .put(
                operation,
                &self.state,
                document(&keys::tenant_grant(tenant), GRANT, &moved)?,
                Some(unmoved(grant.version)),
            )?
            .commit(operation, &self.state)
            .await?;
        claimed(&transacted, claim)
    }

    /// Gives up what the connection has of the tenant for other accounts than the claim's.
    async fn release_others(&self, claim: &TenantClaim) -> Result<(), StoreError> {
        for other in self.tenant_claims(&claim.tenant_id).await? {
            if other.connection_id == claim.connection_id && other.account_id != claim.account_id {
                let key = keys::granted_claim(&claim.tenant_id, &other.account_id);
                self.state.delete_if("DeleteItem tenant claim", &key, held_by(claim)).await?;
            }
        }
        Ok(())
    }

    /// The first grant of a tenant: who has it already keeps it, by a claim of the granted kind.
    async fn first_grant(
        &self,
        grant: &TenantGrant,
        standing: Option<&TenantClaim>,
    ) -> Result<bool, StoreError> {
        let operation = "TransactWriteItems tenant grant";
        let tenant = &grant.tenant_id;
        let alone = keys::tenant_claim(tenant);
        let item = document(&keys::tenant_grant(tenant), GRANT, grant)?;
        let transaction =
            Transaction::new().put(operation, &self.state, item, Some(Condition::absent()))?;
        let transaction = match standing {
            None => transaction.check(operation, &self.state, &alone, Condition::absent())?,
            Some(claim) => {
                let key = keys::granted_claim(tenant, &claim.account_id);
                let item = document(&key, CLAIM, claim)?;
                transaction.delete_if(operation, &self.state, &alone, held_by(claim))?.put(
                    operation,
                    &self.state,
                    item,
                    None,
                )?
            }
        };
        let transacted = transaction.commit(operation, &self.state).await?;
        Ok(matches!(transacted, Transacted::Done))
    }

    /// What leads from each account to its grants, so that they are found when it is erased.
    async fn point_to(&self, grant: &TenantGrant) -> Result<(), StoreError> {
        for account in &grant.accounts {
            let mut pointer = keys::grant_pointer(account, &grant.tenant_id).attributes();
            pointer.insert(name::KIND.into(), text(POINTER));
            pointer.insert("tenantId".into(), text(grant.tenant_id.as_str()));
            self.state.put("PutItem grant pointer", pointer).await?;
        }
        Ok(())
    }
}

/// How an attempt to claim went.
enum Attempt {
    Claimed,
    Taken(TenantClaim),
    /// The grant was made, ended or changed meanwhile.
    Moved,
}

fn claimed(transacted: &Transacted, claim: &TenantClaim) -> Result<Attempt, StoreError> {
    match (transacted, transacted.standing(0)) {
        (Transacted::Done, _) => Ok(Attempt::Claimed),
        (Transacted::Refused(_), Some(standing)) => {
            let standing: TenantClaim = read_document(CLAIM, standing.clone())?;
            Ok(if standing == *claim { Attempt::Claimed } else { Attempt::Taken(standing) })
        }
        (Transacted::Refused(_), None) => Ok(Attempt::Moved),
    }
}

fn held_by(claim: &TenantClaim) -> Condition {
    Condition::new(
        "#doc.#connectionId = :connection",
        vec![(":connection", text(claim.connection_id.as_str()))],
    )
}

fn unmoved(version: u64) -> Condition {
    Condition::new("#doc.#version = :before", vec![(":before", number(version))])
}

impl TenantStore for DynamoStore {
    async fn claim_tenant(
        &self,
        claim: &TenantClaim,
    ) -> Result<Result<(), TenantTaken>, StoreError> {
        for _ in 0..ATTEMPTS {
            let attempt = match self.tenant_grant(&claim.tenant_id).await? {
                None => self.claim_alone(claim).await?,
                Some(grant) if grant.accounts.contains(&claim.account_id) => {
                    self.claim_granted(claim, &grant).await?
                }
                Some(_) => return Ok(Err(TenantTaken::GrantedToOthers)),
            };
            match attempt {
                Attempt::Claimed => return Ok(Ok(())),
                Attempt::Taken(standing) => return Ok(Err(TenantTaken::By(standing))),
                Attempt::Moved => {}
            }
        }
        Ok(Err(TenantTaken::GrantedToOthers))
    }

    async fn pass_tenant(
        &self,
        claim: &TenantClaim,
        to: &AccountId,
    ) -> Result<Result<(), TenantTaken>, StoreError> {
        let claim = &TenantClaim { account_id: to.clone(), ..claim.clone() };
        for _ in 0..ATTEMPTS {
            let attempt = match self.tenant_grant(&claim.tenant_id).await? {
                None => self.pass_alone(claim).await?,
                Some(grant) if grant.accounts.contains(to) => {
                    self.claim_granted(claim, &grant).await?
                }
                Some(_) => return Ok(Err(TenantTaken::GrantedToOthers)),
            };
            match attempt {
                Attempt::Claimed => {
                    self.release_others(claim).await?;
                    return Ok(Ok(()));
                }
                Attempt::Taken(standing) => return Ok(Err(TenantTaken::By(standing))),
                Attempt::Moved => {}
            }
        }
        Ok(Err(TenantTaken::GrantedToOthers))
    }

    async fn tenant_claims(&self, tenant: &TenantId) -> Result<Vec<TenantClaim>, StoreError> {
        let items: Vec<Item> = self
            .state
            .query_all(
                "Query tenant claims",
                Query {
                    partition: keys::tenant_partition(tenant),
                    prefix: keys::CLAIM_PREFIX,
                    strongly: true,
                    ..Query::default()
                },
            )
            .await?;
        items.into_iter().map(|item| read_document(CLAIM, item)).collect()
    }

    async fn release_tenant(&self, claim: &TenantClaim) -> Result<(), StoreError> {
        let tenant = &claim.tenant_id;
        for key in [keys::tenant_claim(tenant), keys::granted_claim(tenant, &claim.account_id)] {
            self.state.delete_if("DeleteItem tenant claim", &key, held_by(claim)).await?;
        }
        Ok(())
    }

    async fn tenant_grant(&self, tenant: &TenantId) -> Result<Option<TenantGrant>, StoreError> {
        let found = self.state.get("GetItem tenant grant", &keys::tenant_grant(tenant)).await?;
        found.map(|item| read_document(GRANT, item)).transpose()
    }

    async fn put_tenant_grant(&self, grant: &TenantGrant) -> Result<Granted, StoreError> {
        let tenant = &grant.tenant_id;
        let claims = self.tenant_claims(tenant).await?;
        let left_out = claims.iter().find(|claim| !grant.accounts.contains(&claim.account_id));
        if let Some(claim) = left_out {
            return Ok(Granted::InUse(claim.account_id.clone()));
        }
        let before = self.tenant_grant(tenant).await?;
        self.point_to(grant).await?;
        let key = keys::tenant_grant(tenant);
        let holds = if grant.version == 1 {
            // An earlier call may have done it and its answer got lost.
            self.first_grant(grant, claims.first()).await?
                || self.tenant_grant(tenant).await?.as_ref() == Some(grant)
        } else if grant.accounts.is_empty() {
            let condition = unmoved(grant.version - 1);
            self.state.delete_if("DeleteItem tenant grant", &key, condition).await?;
            self.tenant_grant(tenant).await?.is_none()
        } else {
            let item = document(&key, GRANT, grant)?;
            let condition = unmoved(grant.version - 1);
            let answer = self.state.put_if("PutItem tenant grant", item, condition).await?;
            crate::stands(GRANT, answer, grant)?
        };
        if !holds {
            return Ok(Granted::Moved);
        }
        for account in before.iter().flat_map(|before| &before.accounts) {
            if !grant.accounts.contains(account) {
                let pointer = keys::grant_pointer(account, tenant);
                self.state.delete("DeleteItem grant pointer", &pointer).await?;
            }
        }
        Ok(Granted::Done)
    }
}
