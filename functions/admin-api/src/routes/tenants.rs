//! Tenants that several accounts share; for operators alone, since they name accounts.

use std::sync::Arc;

use contact_sync_engine::admin::{
    Outside, TenantUse, grant_tenant, overlap as overlap_report, read_accounts, read_tenant,
    tenant_accounts,
};
use serde::Serialize;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::shape::{OverlapShape, TenantUseShape};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsesShape {
    tenant_id: String,
    accounts: Vec<TenantUseShape>,
}

pub(super) async fn accounts<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let tenant = read_tenant(call.tenant())?;
    let uses = tenant_accounts(api.outside.store(), &tenant).await?;
    Ok(shown(tenant.to_string(), uses))
}

pub(super) async fn grant<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let tenant = read_tenant(call.tenant())?;
    let accounts = read_accounts(&call.document()?)?;
    let uses = grant_tenant(&api.outside, &call.caller, &tenant, accounts).await?;
    Ok(shown(tenant.to_string(), uses))
}

pub(super) async fn overlap<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let tenant = read_tenant(call.tenant())?;
    let report = overlap_report(&api.outside, &tenant, call.cursor(), call.limit()?).await?;
    Ok(Answer::ok(&OverlapShape::from(report)))
}

fn shown(tenant_id: String, uses: Vec<TenantUse>) -> Answer {
    let accounts = uses.into_iter().map(TenantUseShape::from).collect();
    Answer::ok(&UsesShape { tenant_id, accounts })
}
