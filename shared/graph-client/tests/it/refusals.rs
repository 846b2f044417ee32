//! Every way in which Graph refuses or breaks, and what the engine is told.

use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::id::ObjectId;
use contact_sync_engine::port::{Directory, DirectoryError, Lane, Photos};
use jiff::SignedDuration;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stub::{ADA, Reply, Stub, page, tenant, user};

/// Whether an error is the expected one.
type Test = fn(&DirectoryError) -> bool;

async fn listed(replies: Vec<Reply>) -> (Result<usize, DirectoryError>, Stub) {
    let stub = Stub::of(replies).await;
    let answer =
        stub.client.list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk).await;
    (answer.map(|page| page.users.len()), stub)
}

async fn delta(reply: Reply) -> DirectoryError {
    let stub = Stub::of(vec![reply]).await;
    let link = format!("{}/v1.0/users/delta?$deltatoken=0", stub.base);
    stub.client.users_delta(&tenant(), &link).await.unwrap_err()
}

#[tokio::test]
async fn a_busy_graph_is_asked_again_after_as_long_as_it_says() {
    for (retry_after, wait) in [
        ("2", SignedDuration::from_secs(2)),
        ("0.249", SignedDuration::from_millis(249)),
        ("Sat, 21 Nov 2026 10:00:07 GMT", SignedDuration::from_secs(7)),
    ] {
        let busy =
            Reply::refusal(429, "TooManyRequests", "wait").header("retry-after", retry_after);
        let (answer, stub) = listed(vec![busy, page(&[user(ADA, "ada")])]).await;
        assert_eq!(answer.unwrap(), 1, "{retry_after}");
        assert_eq!(*stub.clock.waits.lock().unwrap(), [wait]);
        let requests = stub.graph_requests().len();
        assert_eq!(requests, 2);
    }
}

#[tokio::test]
async fn retries_count_as_cost() {
    let busy = Reply::refusal(503, "serviceNotAvailable", "").header("x-ms-resource-unit", "1");
    let good = page(&[]).header("x-ms-resource-unit", "1");
    let stub = Stub::of(vec![busy.clone(), busy, good]).await;
    let cost = stub
        .client
        .list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk)
        .await
        .unwrap()
        .cost;
    assert_eq!((cost.requests, cost.resource_units), (3, 3));
}

#[tokio::test]
async fn a_long_wait_is_handed_back_and_the_whole_tenant_keeps_it() {
    let busy = Reply::refusal(429, "TooManyRequests", "wait").header("retry-after", "120");
    let (answer, stub) = listed(vec![busy, page(&[])]).await;
    let asked = Some(SignedDuration::from_secs(120));
    assert!(
        matches!(answer, Err(DirectoryError::Throttled { retry_after }) if retry_after == asked)
    );
    let other = stub.client.organization(&tenant()).await;
    assert!(
        matches!(other, Err(DirectoryError::Throttled { retry_after }) if retry_after == asked)
    );
    assert_eq!(stub.graph_requests().len(), 1, "what is sent meanwhile counts against us");
    stub.clock.advance(SignedDuration::from_secs(121));
    assert!(
        stub.client
            .list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_graph_that_stays_busy_or_broken_ends_the_call_in_bounded_tries() {
    let cases = [
        (Reply::refusal(429, "activityLimitReached", ""), true),
        (Reply::new(509, ""), true),
        (Reply::new(503, "<html>busy</html>").header("retry-after", "1"), true),
        (Reply::new(503, "<html>busy</html>"), false),
        (Reply::new(504, ""), false),
        (Reply::refusal(500, "generalException", ""), false),
        (Reply::new(502, "Bad Gateway"), false),
        (Reply::new(200, "<html>sign in to the proxy</html>"), false),
        (Reply::new(200, ""), false),
        (Reply::new(200, r#"{"value":[{"id":"8f0c"#), false),
        (Reply::json(&json!({"@odata.context": "x"})), false),
        (Reply::json(&json!({"value": null})), false),
        (Reply::new(302, "").header("location", "https://evil.example/"), false),
        (Reply::new(404, "<html>not found</html>"), false),
    ];
    for (reply, throttled) in cases {
        let shown = format!("{reply:?}");
        let (answer, stub) = listed(vec![reply]).await;
        let error = answer.unwrap_err();
        assert!(error.is_transient(), "{shown}: {error:?}");
        let is_throttled = matches!(error, DirectoryError::Throttled { .. });
        assert_eq!(is_throttled, throttled, "{shown}");
        assert!((2..=5).contains(&stub.graph_requests().len()), "{shown}");
        let waited: SignedDuration = stub.clock.waits.lock().unwrap().iter().sum();
        assert!(waited <= SignedDuration::from_secs(25), "{shown}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again_and_never_taken_for_the_end() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        for connection in 0.. {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 8192];
            let read = socket.read(&mut request).await.unwrap();
            let body = if request[..read].starts_with(b"POST") {
                r#"{"access_token":"t","expires_in":3600}"#.to_owned()
            } else {
                json!({"value": [user(ADA, "ada")]}).to_string()
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            socket.write_all(head.as_bytes()).await.unwrap();
            // The first answer to Graph's request ends in the middle.
            let sent = if connection == 1 { body.len() / 2 } else { body.len() };
            socket.write_all(&body.as_bytes()[..sent]).await.unwrap();
        }
    });
    let stub = Stub::of(vec![]).await;
    let endpoints = contact_sync_graph_client::Endpoints::parse(&base, &base).unwrap();
    let client = contact_sync_graph_client::GraphClient::new(
        endpoints,
        crate::stub::APP,
        stub.credential.clone(),
        stub.clock.clone(),
    )
    .unwrap();
    let listed =
        client.list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk).await.unwrap();
    assert_eq!((listed.users.len(), listed.cost.requests), (1, 2));
    server.abort();
}

#[tokio::test]
async fn a_delta_page_with_neither_link_or_both_is_no_end() {
    for links in [
        json!({}),
        json!({"@odata.nextLink": "http://x/v1.0/a", "@odata.deltaLink": "http://x/v1.0/b"}),
    ] {
        let mut body = json!({"value": []});
        body.as_object_mut().unwrap().extend(links.as_object().unwrap().clone());
        let error = delta(Reply::json(&body)).await;
        assert!(matches!(error, DirectoryError::Unavailable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_dead_delta_token_starts_over_where_graph_says_if_that_is_within_graph() {
    for (status, code) in
        [(410, "SyncStateNotFound"), (410, "resyncRequired"), (400, "syncstatenotfound"), (410, "")]
    {
        let error = delta(Reply::refusal(status, code, "")).await;
        assert!(matches!(error, DirectoryError::Gone { restart: None }), "{code}: {error:?}");
    }
    let foreign = Reply::new(410, "").header("location", "https://evil.example/v1.0/users/delta");
    assert!(matches!(delta(foreign).await, DirectoryError::Gone { restart: None }));
    let stub = Stub::new(|received| {
        let restart = format!("http://{}/v1.0/users/delta?$deltatoken=", received.header("host"));
        (!received.is_token()).then(|| Reply::new(410, "").header("location", &restart))
    })
    .await;
    let link = format!("{}/v1.0/users/delta?$deltatoken=old", stub.base);
    let error = stub.client.users_delta(&tenant(), &link).await.unwrap_err();
    let expected = format!("{}/v1.0/users/delta?$deltatoken=", stub.base);
    assert!(matches!(error, DirectoryError::Gone { restart: Some(link) } if link == expected));
    assert_eq!(stub.graph_requests().len(), 1, "a dead token is not asked again");
}

#[tokio::test]
async fn a_lost_page_token_loses_the_round_and_not_the_delta_link() {
    for code in ["Directory_ExpiredPageToken", "DirectoryPageTokenNotFoundException"] {
        let error = delta(Reply::refusal(400, code, "")).await;
        assert!(matches!(error, DirectoryError::PageExpired), "{error:?}");
        let (answer, _) = listed(vec![Reply::refusal(400, code, "")]).await;
        assert!(matches!(answer, Err(DirectoryError::PageExpired)));
    }
}

#[tokio::test]
async fn a_wrong_request_is_ours_but_a_stored_link_that_is_wrong_is_dead() {
    let (answer, stub) = listed(vec![Reply::refusal(400, "BadRequest", "displayNam")]).await;
    assert!(matches!(answer, Err(DirectoryError::Refused { code, .. }) if code == "BadRequest"));
    assert_eq!(stub.graph_requests().len(), 1);
    let error = delta(Reply::refusal(400, "BadRequest", "damaged")).await;
    assert!(matches!(error, DirectoryError::Gone { restart: None }), "{error:?}");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let expired = Reply::refusal(401, "InvalidAuthenticationToken", "expired");
    let (answer, stub) = listed(vec![expired.clone(), page(&[])]).await;
    assert_eq!(answer.unwrap(), 0);
    assert_eq!(stub.graph_requests()[1].header("authorization"), "Bearer token-2");

    let (answer, stub) = listed(vec![expired]).await;
    assert!(matches!(answer, Err(DirectoryError::ConsentLost { .. })));
    assert_eq!((stub.graph_requests().len(), stub.token_requests().len()), (2, 2));
}

#[tokio::test]
async fn a_denied_permission_is_tried_once_more_with_a_new_token() {
    let denied = Reply::refusal(403, "authorization_requestdenied", "Insufficient privileges");
    let (answer, stub) = listed(vec![denied.clone(), page(&[])]).await;
    assert_eq!(answer.unwrap(), 0, "the role was granted after the first token");
    assert_eq!(stub.token_requests().len(), 2);

    let (answer, stub) = listed(vec![denied]).await;
    assert!(matches!(answer, Err(DirectoryError::Forbidden { .. })));
    // More denials in the same minute ask for no more tokens.
    for _ in 0..5 {
        assert!(
            stub.client
                .list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk)
                .await
                .is_err()
        );
    }
    assert_eq!(stub.token_requests().len(), 2);
    stub.clock.advance(SignedDuration::from_mins(2));
    assert!(
        stub.client
            .list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk)
            .await
            .is_err()
    );
    assert_eq!(stub.token_requests().len(), 3);
}

#[tokio::test]
async fn refusals_blame_who_can_mend_them() {
    let cases: [(Reply, Test); 6] = [
        (Reply::refusal(401, "Authorization_IdentityNotFound", ""), |error| {
            matches!(error, DirectoryError::ConsentLost { .. })
        }),
        (
            Reply::refusal(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", ""),
            |error| matches!(error, DirectoryError::Forbidden { .. }),
        ),
        (Reply::refusal(403, "UnknownError", "blocked by Conditional Access"), |error| {
            matches!(error, DirectoryError::Blocked { .. })
        }),
        (Reply::new(403, "<html>policy</html>"), |error| {
            matches!(error, DirectoryError::Blocked { .. })
        }),
        (Reply::refusal(404, "Request_ResourceNotFound", ""), |error| {
            matches!(error, DirectoryError::NotFound { .. })
        }),
        (Reply::new(405, ""), |error| matches!(error, DirectoryError::Refused { .. })),
    ];
    for (reply, expected) in cases {
        let shown = format!("{reply:?}");
        let (answer, _) = listed(vec![reply]).await;
        let error = answer.unwrap_err();
        assert!(expected(&error), "{shown}: {error:?}");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn a_missing_group_is_none_and_its_members_are_an_error() {
    let group = ObjectId::parse(ADA).unwrap();
    let stub = Stub::of(vec![Reply::refusal(404, "Request_ResourceNotFound", "")]).await;
    assert_eq!(stub.client.find_group(&tenant(), &group).await.unwrap(), None);
    let members = stub.client.group_members(&tenant(), &group, true, None).await;
    assert!(matches!(members, Err(DirectoryError::NotFound { .. })), "never an empty group");
}

#[tokio::test]
async fn what_a_person_waits_for_gives_up_sooner() {
    let stub = Stub::of(vec![Reply::new(503, "").header("retry-after", "13")]).await;
    let answer = stub.client.search_users(&tenant(), "", 10).await;
    assert!(answer.unwrap_err().is_transient());
    assert!(stub.clock.waits.lock().unwrap().is_empty(), "13 s are more than a page waits");
}

/// Graph's own answer says that there is no photo, whatever its body; a proxy's would have people
/// lose the photo that they have.
#[tokio::test]
async fn a_missing_photo_is_none_if_graph_says_so_and_a_failed_look_if_a_proxy_does() {
    let ada = ObjectId::parse(ADA).unwrap();
    for reply in [
        Reply::new(404, "").header("request-id", "36e3062d"),
        Reply::new(404, "<html>none</html>").header("request-id", "36e3062d"),
        Reply::refusal(404, "ImageNotFound", ""),
    ] {
        let shown = format!("{reply:?}");
        let stub = Stub::of(vec![reply]).await;
        assert_eq!(stub.client.photo(&tenant(), &ada).await.unwrap(), None, "{shown}");
        assert_eq!(stub.graph_requests().len(), 1, "{shown}");
    }
    for body in ["", "<html>not found</html>"] {
        let stub = Stub::of(vec![Reply::new(404, body)]).await;
        let error = stub.client.photo(&tenant(), &ada).await.unwrap_err();
        assert!(matches!(error, DirectoryError::Unavailable { .. }), "{body}: {error:?}");
    }
    // Of anything else a bare 404 goes on saying nothing.
    let (answer, _) = listed(vec![Reply::new(404, "").header("request-id", "36e3062d")]).await;
    assert!(answer.unwrap_err().is_transient());
}
