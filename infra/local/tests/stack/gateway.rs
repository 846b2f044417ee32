//! The HTTP API: routes, payloads, refusals.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{http, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_arrives_in_payload_format_two_and_its_answer_goes_back() {
    let stack = start().await;
    let response = http()
        .post(format!("{}/things/a%20b?x=1&x=2&y=%C3%A9", stack.url()))
        .header("cookie", "one=1; two=2")
        .header("X-Custom", "first")
        .header("X-Custom", "second")
        .header("content-type", "application/json")
        .body(r#"{"k":"v"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["x-probe"], "yes");
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2; Path=/"]);
    let event: Value = response.json().await.unwrap();
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "POST /things/{id}");
    assert_eq!(event["rawPath"], "/things/a%20b");
    assert_eq!(event["rawQueryString"], "x=1&x=2&y=%C3%A9");
    assert_eq!(event["queryStringParameters"], json!({"x": "1,2", "y": "é"}));
    assert_eq!(event["pathParameters"], json!({"id": "a b"}));
    assert_eq!(event["cookies"], json!(["one=1", "two=2"]));
    assert_eq!(event["headers"]["x-custom"], "first,second");
    assert_eq!(event["headers"]["cookie"], Value::Null);
    assert_eq!(event["body"], r#"{"k":"v"}"#);
    assert_eq!(event["isBase64Encoded"], false);
    let context = &event["requestContext"];
    assert_eq!(context["http"]["method"], "POST");
    assert_eq!(context["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(context["stage"], "$default");
    assert_eq!(context["domainName"], event["headers"]["host"]);
    let host = event["headers"]["host"].as_str().unwrap();
    assert!(!host.ends_with(|c: char| c.is_ascii_digit()), "{host} does not end in a number");
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_and_bytes_arrive_in_base64() {
    let stack = start().await;
    for kind in ["application/x-www-form-urlencoded", "application/octet-stream"] {
        let response = http()
            .post(format!("{}/things/1", stack.url()))
            .header("content-type", kind)
            .body("a=b")
            .send()
            .await
            .unwrap();
        let event: Value = response.json().await.unwrap();
        assert_eq!(event["body"], "YT1i", "{kind}");
        assert_eq!(event["isBase64Encoded"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_or_method_without_a_route_is_404_and_a_fixed_path_wins() {
    let stack = start().await;
    for (method, path) in [("GET", "/nothing"), ("GET", "/things/1"), ("POST", "/things/1/2")] {
        let method = method.parse::<reqwest::Method>().unwrap();
        let response =
            http().request(method.clone(), format!("{}{path}", stack.url())).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{method} {path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
    let response = http().get(format!("{}/things/fixed", stack.url())).send().await.unwrap();
    let event: Value = response.json().await.unwrap();
    assert_eq!(event["routeKey"], "GET /things/fixed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_route_wants_the_token_and_hands_its_claims_over() {
    let stack = start().await;
    let url = format!("{}/v1/accounts/7", stack.url());
    for header in [None, Some("Bearer wrong"), Some("Basic abc")] {
        let mut request = http().get(&url);
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{header:?}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["status"], 401);
    }
    let event: Value = http()
        .delete(&url)
        .bearer_auth(stack.api_token())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(event["routeKey"], "ANY /v1/{proxy+}");
    assert_eq!(event["pathParameters"], json!({"proxy": "accounts/7"}));
    let claims = &event["requestContext"]["authorizer"]["jwt"]["claims"];
    assert_eq!(claims, &json!({"sub": "local-operator", "role": "admin"}));

    let token = stack.token_with_claims(&json!({"account": "a1", "role": "viewer", "exp": 5}));
    let event: Value =
        http().get(&url).bearer_auth(token).send().await.unwrap().json().await.unwrap();
    let claims = &event["requestContext"]["authorizer"]["jwt"]["claims"];
    assert_eq!(claims, &json!({"account": "a1", "role": "viewer", "exp": "5"}));

    let forged = format!("{}.e30x", stack.api_token());
    let response = http().get(&url).bearer_auth(forged).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_413() {
    let stack = start().await;
    for megabytes in [7, 11] {
        let response = http()
            .post(format!("{}/things/1", stack.url()))
            .header("content-type", "text/plain")
            .body("x".repeat(megabytes * 1024 * 1024))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{megabytes} MB");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_fails_is_500_and_one_that_times_out_503() {
    let stack = start().await;
    // The probe does what `do` says before it looks at the request.
    std::fs::remove_file(stack.binaries.path().join("probe")).unwrap();
    let response = http().get(format!("{}/things/fixed", stack.url())).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        response.json::<Value>().await.unwrap(),
        json!({"message": "Internal Server Error"})
    );
}
