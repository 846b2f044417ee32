//! Who may do what: each route, each kind of caller.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_engine::admin::Role;
use serde_json::json;

use super::harness::{ACCOUNT, App, Ask, CONNECTION, event};
use super::outside::Shared;
use crate::routes::{Need, table};

const FOREIGN: &str = "acc_00000000000000000000000000000002";

/// Every route with its parameters filled in.
fn routes() -> Vec<(&'static str, String, Need)> {
    table::<Shared>()
        .into_iter()
        .map(|endpoint| {
            let path = endpoint
                .path
                .replace("{account}", ACCOUNT)
                .replace("{connection}", CONNECTION)
                .replace("{tenant}", "8f0c1b1e-0000-4000-8000-00000000000a")
                .replace("{contact}", "ctc_00000000000000000000000000000009")
                .replace("{run}", "run_00000000000000000000000000000009");
            let method = match endpoint.method.as_str() {
                "GET" => "GET",
                "POST" => "POST",
                "PUT" => "PUT",
                "PATCH" => "PATCH",
                _ => "DELETE",
            };
            (method, path, endpoint.need)
        })
        .collect()
}

fn smaller(role: Role) -> Option<&'static str> {
    match role {
        Role::Viewer => None,
        Role::Operator => Some("viewer"),
        Role::Approver => Some("operator"),
        Role::Admin => Some("approver"),
    }
}

#[tokio::test]
async fn no_route_but_health_answers_without_a_token() {
    for (method, path, need) in routes() {
        let answer = App::empty().ask(Ask::new(method, path.clone()).claims(None)).await;
        if need == Need::Nothing {
            assert_eq!(answer.status, 200, "{method} {path}");
        } else {
            answer.problem(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn no_route_tells_a_foreign_caller_that_an_account_exists() {
    for (method, path, _) in routes().into_iter().filter(|(_, path, _)| path.contains(ACCOUNT)) {
        let app = App::with_connection(ConnectionStatus::Ready);
        let before = app.outside.store.world().accounts.len();
        let claims = json!({"role": "admin", "account": FOREIGN, "sub": "eve"});
        let answer = app.ask(Ask::new(method, path).claims(Some(claims))).await;
        answer.problem(404, "not-found");
        assert_eq!(app.outside.store.world().accounts.len(), before);
    }
}

#[tokio::test]
async fn every_route_refuses_the_next_smaller_role_and_takes_its_own() {
    for (method, path, need) in routes() {
        let (Need::Role(role) | Need::Operator(role)) = need else { continue };
        let app = App::with_connection(ConnectionStatus::Ready);
        if let Some(smaller) = smaller(role) {
            let answer = app.ask(Ask::new(method, path.clone()).role(smaller)).await;
            answer.problem(403, "role-too-small");
        }
        let answer = app.ask(Ask::new(method, path.clone()).role(&role.to_string())).await;
        assert!(
            !matches!(answer.status.as_u16(), 401 | 403 | 500..),
            "{method} {path}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn what_only_operators_may_is_refused_to_every_token_of_an_account() {
    let mut refused = 0;
    for (method, path, _) in
        routes().into_iter().filter(|(_, _, need)| matches!(need, Need::Operator(_)))
    {
        let app = App::with_connection(ConnectionStatus::Ready);
        let claims = json!({"role": "admin", "account": ACCOUNT, "sub": "eve"});
        let answer = app.ask(Ask::new(method, path).claims(Some(claims))).await;
        answer.problem(403, "operators-only");
        refused += 1;
    }
    assert!(refused >= 5, "{refused} routes are for operators alone");
}

#[tokio::test]
async fn a_caller_of_one_account_sees_and_makes_no_others() {
    let app = App::with_account();
    let claims = json!({"role": "admin", "account": FOREIGN, "sub": "eve"});
    let list = app.ask(Ask::get("/v1/accounts").claims(Some(claims.clone()))).await.expect(200);
    assert_eq!(list.json()["items"], json!([]));
    let own = json!({"role": "viewer", "account": ACCOUNT});
    let list = app.ask(Ask::get("/v1/accounts").claims(Some(own))).await.expect(200);
    assert_eq!(list.json()["items"][0]["id"], ACCOUNT);
    let body = json!({"externalId": "1", "name": "Eve", "timeZone": "UTC"});
    let answer = app.ask(Ask::post("/v1/accounts", &body).claims(Some(claims))).await;
    answer.problem(403, "operators-only");
}

#[tokio::test]
async fn a_captured_request_for_a_foreign_account_is_not_found() {
    let app = App::with_account();
    app.deliver(&event("foreign-account")).await.problem(404, "not-found");
}

#[tokio::test]
async fn what_is_no_route_is_a_problem_document_too() {
    let app = App::with_account();
    app.ask(Ask::get("/v1/fleets")).await.problem(404, "not-found");
    let answer = app.ask(Ask::new("DELETE", "/v1/presets")).await;
    answer.problem(405, "method-not-allowed");
    assert!(answer.header("allow").contains("GET"), "{answer:?}");
}

#[tokio::test]
async fn health_tells_when_the_store_is_down_and_the_api_says_when_to_come_back() {
    let app = App::with_account();
    assert_eq!(app.deliver(&event("health")).await.expect(200).json()["status"], "ok");
    app.outside.store.world().is_down = true;
    app.deliver(&event("health")).await.problem(503, "unavailable");
    let answer = app.ask(Ask::get("/v1/accounts")).await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "5");
}
