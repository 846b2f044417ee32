//! The caller, from the claims that the gateway's JWT authorizer verified.

use std::collections::HashMap;

use axum::http::Extensions;
use contact_sync_domain::id::AccountId;
use contact_sync_engine::admin::{Caller, Role};
use lambda_http::request::RequestContext;

use crate::problem::Problem;

/// Who calls. Without verified claims nobody does.
pub(crate) fn caller(extensions: &Extensions) -> Result<Caller, Problem> {
    let Some(RequestContext::ApiGatewayV2(context)) = extensions.get::<RequestContext>() else {
        return Err(Problem::unauthenticated());
    };
    let jwt = context.authorizer.as_ref().and_then(|authorizer| authorizer.jwt.as_ref());
    jwt.map_or_else(|| Err(Problem::unauthenticated()), |jwt| read(&jwt.claims))
}

fn read(claims: &HashMap<String, String>) -> Result<Caller, Problem> {
    let Some(role) = claims.get("role").and_then(|word| Role::parse(word)) else {
        return Err(Problem::unusable_claims(
            "The claim `role` must be viewer, operator, approver or admin.",
        ));
    };
    // An account claim that cannot be read must never make its bearer an operator of all.
    let account = match claims.get("account").map(|text| AccountId::parse(text)) {
        None => None,
        Some(Ok(account)) => Some(account),
        Some(Err(_)) => {
            return Err(Problem::unusable_claims("The claim `account` is no account id."));
        }
    };
    let text = |name: &str| claims.get(name).filter(|text| !text.is_empty()).cloned();
    Ok(Caller { account, role, subject: text("sub"), name: text("name") })
}

/// The address people reach this installation at, when the environment names none: the API's own.
pub(crate) fn own_base_url(extensions: &Extensions) -> Option<String> {
    match extensions.get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.domain_name.as_ref().map(|domain| format!("https://{domain}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims<const N: usize>(pairs: [(&str, &str); N]) -> HashMap<String, String> {
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_claim_that_cannot_be_read_never_makes_an_operator() {
        for account in ["", "acme", "acc_7"] {
            assert!(read(&claims([("role", "admin"), ("account", account)])).is_err(), "{account}");
        }
        for role in ["", "root", "Admin"] {
            assert!(read(&claims([("role", role)])).is_err(), "{role}");
        }
        assert!(read(&claims([])).is_err());
    }

    #[test]
    fn without_an_account_the_caller_operates_all() {
        let caller = read(&claims([("role", "admin"), ("sub", "ada")])).unwrap();
        assert_eq!(caller.account, None);
        assert_eq!(caller.subject.as_deref(), Some("ada"));
    }
}
