//! The one place where requests that may change something are entered in the audit chain.

use axum::http::{Extensions, Method};
use contact_sync_domain::audit::{AuditChain, AuditHead};
use contact_sync_engine::admin::{Outside, Request, enter, keep_head};
use contact_sync_lambda_shell::Chain;
use lambda_http::Context;

use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;
use crate::routes::{Endpoint, InAudit};

/// An entry that was made.
#[derive(Debug)]
pub(crate) struct Entered {
    chain: AuditChain,
    head: AuditHead,
}

/// Under which id the logs tell of this invocation.
pub(crate) fn request_id(extensions: &Extensions) -> String {
    extensions.get::<Context>().map(|context| context.request_id.clone()).unwrap_or_default()
}

/// Enters a request; it must not be carried out when this fails. Reading leaves none, except of
/// everything that is kept of a person.
pub(crate) async fn entered<P: Outside>(
    api: &Api<P>,
    endpoint: &Endpoint<P>,
    call: &Call,
    id: &str,
) -> Result<Option<Entered>, Problem> {
    let Some(chain) = chain_of(endpoint, call) else { return Ok(None) };
    let of_chain = matches!(chain, AuditChain::Account(_));
    let params = call.params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request = Request {
        what: format!("{} {}", endpoint.method, endpoint.path),
        // An account's chain need not name it.
        params: params.filter(|(name, _)| !of_chain || *name != "account").collect(),
        body: match endpoint.body {
            InAudit::Nothing => None,
            InAudit::Hash => Some(&call.body),
        },
        id,
    };
    let head = enter(&api.outside, &call.caller, &chain, &request).await?;
    Ok(head.map(|head| Entered { chain, head }))
}

/// Which chain a request belongs to. An account's own goes with it, so that it was erased stands in
/// the installation's.
fn chain_of<P>(endpoint: &Endpoint<P>, call: &Call) -> Option<AuditChain> {
    if !endpoint.entered {
        return None;
    }
    let erases = endpoint.method == Method::DELETE && endpoint.path == "/v1/accounts/{account}";
    let account = call.account().ok().filter(|_| !erases);
    Some(account.map_or(AuditChain::Installation, AuditChain::Account))
}

/// Keeps how far the chain reached. The entry stands without it.
pub(crate) async fn kept<P: Outside>(api: &Api<P>, entered: Option<Entered>) {
    let Some(Entered { chain, head }) = entered else { return };
    if let Err(error) = keep_head(&api.outside, &chain, &head).await {
        tracing::warn!(error = %Chain(&error), "the head of an audit chain was not kept");
    }
}
