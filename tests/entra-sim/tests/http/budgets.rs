//! Throttling besides the resource units of a tenant.

use reqwest::{Method, StatusCode};

use crate::client::Client;

#[tokio::test]
async fn reports_allow_five_requests_in_ten_seconds() {
    let client = Client::with_roles(20, &["AuditLog.Read.All", "User.Read.All"]).await;
    client.sim.clock().freeze();
    let path = "/reports/authenticationMethods/userRegistrationDetails?$top=1";
    for _ in 0..5 {
        assert_eq!(client.get(path).await.0, StatusCode::OK);
    }
    let answer = client.send(Method::GET, path, &[], None).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers()["retry-after"], "4", "two at one in two seconds");
    assert_eq!(client.get("/users?$top=1").await.0, StatusCode::OK, "other reads go on");
    client.sim.advance_clock(std::time::Duration::from_secs(4));
    assert_eq!(client.get(path).await.0, StatusCode::OK);
    assert_eq!(client.get(path).await.0, StatusCode::TOO_MANY_REQUESTS, "one, not five");
}

#[tokio::test]
async fn an_app_has_one_budget_of_requests_over_all_tenants() {
    let client = Client::with_users(20).await;
    client.sim.clock().freeze();
    client.set(|settings| settings.throttling.app_requests = 3.0);
    for _ in 0..3 {
        assert_eq!(client.get("/users?$top=1").await.0, StatusCode::OK);
    }
    let answer = client.send(Method::GET, "/subscriptions", &[], None).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let scope = answer.headers()["x-ms-throttle-scope"].to_str().expect("text");
    assert!(scope.starts_with("Application/"), "{scope}");
}

#[tokio::test]
async fn subscriptions_have_their_own_budget_of_lists() {
    let client = Client::with_users(20).await;
    client.sim.clock().freeze();
    for _ in 0..40 {
        assert_eq!(client.get("/subscriptions").await.0, StatusCode::OK);
    }
    assert_eq!(client.get("/subscriptions").await.0, StatusCode::TOO_MANY_REQUESTS);
}
