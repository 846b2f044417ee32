//! Bulk reads take from a budget that all processes share; nothing else asks for it.

use std::sync::{Arc, Mutex};

use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::graph_budget::GRANT;
use contact_sync_domain::id::TenantId;
use contact_sync_engine::port::{
    Directory, DirectoryError, Grant, GraphBudget, Lane, LimitOf, StoreError,
};
use contact_sync_graph_client::{Endpoints, GraphClient};
use jiff::{SignedDuration, Timestamp};

use crate::stub::{APP, Reply, Stub, TestClock, TestCredential, page, tenant};

/// What was asked of the budget, and what it answers.
#[derive(Debug, Clone, Default)]
struct Budget(Arc<Mutex<Asked>>);

#[derive(Debug, Default)]
struct Asked {
    takes: usize,
    /// Whose limit is held: empty for the application's.
    holds: Vec<(String, Timestamp)>,
    waits_until: Option<Timestamp>,
    is_down: bool,
}

fn down() -> StoreError {
    StoreError::Unavailable { operation: "UpdateItem budget", source: "down".into() }
}

impl GraphBudget for Budget {
    async fn take(&self, _: &TenantId, units: u32, now: Timestamp) -> Result<Grant, StoreError> {
        let mut asked = self.0.lock().unwrap();
        assert_eq!(units, GRANT);
        asked.takes += 1;
        match asked.waits_until.filter(|until| *until > now) {
            _ if asked.is_down => Err(down()),
            Some(until) => Ok(Grant::Wait(until)),
            None => Ok(Grant::Granted),
        }
    }

    async fn hold(
        &self,
        limit: LimitOf<'_>,
        until: Timestamp,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        let whose = match limit {
            LimitOf::App => String::new(),
            LimitOf::Tenant(tenant) => tenant.to_string(),
        };
        let mut asked = self.0.lock().unwrap();
        asked.holds.push((whose, until));
        if asked.is_down { Err(down()) } else { Ok(()) }
    }
}

/// What a process reads of a tenant without asking.
const UNASKED: u32 = 20;

type Sharing = GraphClient<TestCredential, TestClock, Budget>;

async fn sharing(replies: Vec<Reply>) -> (Stub, Sharing, Budget) {
    let stub = Stub::of(replies).await;
    let endpoints = Endpoints::parse(&stub.base, &stub.base).unwrap();
    let budget = Budget::default();
    let client = GraphClient::new(endpoints, APP, stub.credential.clone(), stub.clock.clone());
    let client = client.unwrap().sharing(budget.clone());
    (stub, client, budget)
}

/// Reads as much as need not be asked for.
async fn begin(client: &Sharing) {
    for _ in 0..UNASKED {
        list(client, Lane::Bulk).await.unwrap();
    }
}

async fn list(client: &Sharing, lane: Lane) -> Result<(), DirectoryError> {
    client.list_users(&tenant(), &UserSelection::default(), None, lane).await.map(|_| ())
}

#[tokio::test]
async fn a_listing_asks_once_in_fifty_pages_and_what_cannot_wait_never_asks() {
    let (_stub, client, budget) = sharing(vec![page(&[])]).await;
    for _ in 0..10 {
        list(&client, Lane::Interactive).await.unwrap();
    }
    begin(&client).await;
    assert_eq!(budget.0.lock().unwrap().takes, 0, "nor does a directory of a few pages");
    for _ in 0..GRANT {
        list(&client, Lane::Bulk).await.unwrap();
    }
    assert_eq!(budget.0.lock().unwrap().takes, 1);
    list(&client, Lane::Bulk).await.unwrap();
    assert_eq!(budget.0.lock().unwrap().takes, 2);
}

#[tokio::test]
async fn a_listing_waits_for_its_share_while_what_cannot_wait_is_sent() {
    let (stub, client, budget) = sharing(vec![page(&[])]).await;
    begin(&client).await;
    let opens = "2026-11-21T10:00:05Z".parse().unwrap();
    budget.0.lock().unwrap().waits_until = Some(opens);
    list(&client, Lane::Interactive).await.unwrap();
    assert_eq!(*stub.clock.waits.lock().unwrap(), []);
    list(&client, Lane::Bulk).await.unwrap();
    assert_eq!(*stub.clock.waits.lock().unwrap(), [SignedDuration::from_secs(5)]);
    // Longer than a call may take: the slice is handed back, and nothing was sent.
    stub.clock.advance(SignedDuration::from_mins(1));
    begin(&client).await;
    let (sent, far) = (stub.graph_requests().len(), "2026-11-21T10:11:05Z".parse().unwrap());
    budget.0.lock().unwrap().waits_until = Some(far);
    let refused = list(&client, Lane::Bulk).await.unwrap_err();
    let ten = Some(SignedDuration::from_mins(10));
    assert!(
        matches!(refused, DirectoryError::Throttled { retry_after } if retry_after == ten),
        "{refused:?}"
    );
    assert_eq!(stub.graph_requests().len(), sent);
}

#[tokio::test]
async fn a_refusal_of_graph_holds_the_limit_that_it_names_for_every_process() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    for (scope, retry_after, whose, until) in [
        ("Tenant_Application/ReadWrite/a/t", Some("7"), tenant().to_string(), "10:00:07"),
        ("Tenant_Application/ReadWrite/a/t", None, tenant().to_string(), "10:00:10"),
        ("Application/ReadWrite/a", Some("3"), String::new(), "10:00:03"),
        ("Application/ReadWrite/a", Some("86400"), String::new(), "10:10:00"),
    ] {
        let busy =
            Reply::refusal(429, "TooManyRequests", "wait").header("x-ms-throttle-scope", scope);
        let busy = match retry_after {
            Some(seconds) => busy.header("retry-after", seconds),
            None => busy,
        };
        let (_stub, client, budget) = sharing(vec![busy, page(&[])]).await;
        // Real time was refused; bulk reads leave it what is there.
        let _answer = list(&client, Lane::Interactive).await;
        let until = at(&format!("2026-11-21T{until}Z"));
        assert_eq!(budget.0.lock().unwrap().holds, [(whose, until)], "{scope} {retry_after:?}");
    }
}

#[tokio::test]
async fn bulk_reads_leave_the_last_tenth_of_a_limit_to_what_cannot_wait() {
    for (used, holds) in [("0.85", 0), ("0.9", 1), ("1.3", 1)] {
        let nearly = page(&[]).header("x-ms-throttle-limit-percentage", used);
        let (_stub, client, budget) = sharing(vec![nearly]).await;
        list(&client, Lane::Interactive).await.unwrap();
        assert_eq!(budget.0.lock().unwrap().holds.len(), holds, "{used}");
    }
}

#[tokio::test]
async fn a_budget_that_does_not_answer_stops_nobody() {
    let busy = Reply::refusal(429, "TooManyRequests", "wait").header("retry-after", "1");
    let (stub, client, budget) = sharing(vec![page(&[]), busy, page(&[])]).await;
    budget.0.lock().unwrap().is_down = true;
    // The refusal ends what needs no asking.
    for _ in 0..3 {
        list(&client, Lane::Bulk).await.unwrap();
    }
    assert_eq!(*stub.clock.waits.lock().unwrap(), [SignedDuration::from_secs(1)]);
}
