//! Tenants that several accounts share: who may, and who does.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::{AccountId, ConnectionId, TenantId};
use serde_json::Value;

use super::document::Members;
use super::{ATTEMPTS, AdminError, Caller, Outside};
use crate::port::{AccountStore, Clock, ConnectionStore, Granted, TenantGrant, TenantStore};

/// Accounts that may share a tenant: every run of each reads the scopes of all.
const MOST_ACCOUNTS: usize = 20;

/// An account that may use a tenant, or does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantUse {
    /// Which account.
    pub account_id: AccountId,
    /// Whether an operator granted it the tenant; without a grant the first one to connect has it.
    pub granted: bool,
    /// Its connection to the tenant, and where that stands.
    pub connection: Option<(ConnectionId, ConnectionStatus)>,
}

/// Reads a tenant's id in a path: whatever is no id is no tenant.
pub fn read_tenant(text: &str) -> Result<TenantId, AdminError> {
    TenantId::parse(text).or(Err(AdminError::NotFound("tenant")))
}

/// Reads `{accounts}`.
pub fn read_accounts(document: &Value) -> Result<Vec<AccountId>, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let mut accounts = Vec::new();
    match members.value("accounts") {
        Some(Value::Array(items)) if items.len() <= MOST_ACCOUNTS => {
            for (index, item) in items.iter().enumerate() {
                match item.as_str().and_then(|text| AccountId::parse(text).ok()) {
                    Some(account) if accounts.contains(&account) => {}
                    Some(account) => accounts.push(account),
                    None => {
                        members.problem_at(&format!("accounts/{index}"), "expected an account id");
                    }
                }
            }
        }
        Some(_) | None => {
            let message = format!("expected a list of at most {MOST_ACCOUNTS} account ids");
            members.problem("accounts", message);
        }
    }
    let problems = members.finish();
    if problems.is_empty() { Ok(accounts) } else { Err(AdminError::Invalid(problems)) }
}

/// Who may use a tenant, and who does.
pub async fn tenant_accounts<S>(store: &S, tenant: &TenantId) -> Result<Vec<TenantUse>, AdminError>
where
    S: ConnectionStore + TenantStore,
{
    let granted = store.tenant_grant(tenant).await?.map(|grant| grant.accounts);
    let granted = granted.unwrap_or_default();
    let claims = store.tenant_claims(tenant).await?;
    let mut accounts = granted.clone();
    for claim in &claims {
        if !accounts.contains(&claim.account_id) {
            accounts.push(claim.account_id.clone());
        }
    }
    let mut uses = Vec::new();
    for account_id in accounts {
        let claim = claims.iter().find(|claim| claim.account_id == account_id);
        let connection = match claim {
            Some(claim) => store.connection(&account_id, &claim.connection_id).await?,
            None => None,
        };
        let connection = connection.map(|connection| (connection.id, connection.status));
        uses.push(TenantUse { granted: granted.contains(&account_id), account_id, connection });
    }
    Ok(uses)
}

/// Grants a tenant to these accounts and to no others; to none ends the grant. An account that uses
/// the tenant cannot be left out: it must disconnect first.
pub async fn grant_tenant(
    outside: &impl Outside,
    caller: &Caller,
    tenant: &TenantId,
    accounts: Vec<AccountId>,
) -> Result<Vec<TenantUse>, AdminError> {
    let store = outside.store();
    for (index, account) in accounts.iter().enumerate() {
        if store.account(account).await?.is_none() {
            let pointer = format!("/accounts/{index}");
            return Err(AdminError::invalid(pointer, "there is no such account"));
        }
    }
    for _ in 0..ATTEMPTS {
        let standing = store.tenant_grant(tenant).await?;
        let is_same = match &standing {
            Some(standing) => standing.accounts == accounts,
            None => accounts.is_empty(),
        };
        if is_same {
            return tenant_accounts(store, tenant).await;
        }
        let next = TenantGrant {
            tenant_id: tenant.clone(),
            accounts: accounts.clone(),
            version: standing.map_or(0, |standing| standing.version) + 1,
            granted_by: caller.subject.clone(),
            granted_at: outside.clock().now(),
        };
        match store.put_tenant_grant(&next).await? {
            Granted::Done => return tenant_accounts(store, tenant).await,
            Granted::InUse(account) => return Err(AdminError::TenantInUse(account)),
            Granted::Moved => {}
        }
    }
    Err(AdminError::Moved)
}
