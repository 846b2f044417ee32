//! Two writers on one item: the SDK repeats what met another's transaction, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use contact_sync_dynamo_store::DynamoStore;
use contact_sync_engine::port::{AccountStore, ContactStore, EventLog, WriteOutcome};
use contact_sync_lambda_shell::canned::{Answer, Canned};

use crate::samples::{account, account_id, contact, event, write};

/// Refuses the first request by this body, takes the others, and counts all.
#[derive(Debug, Clone)]
struct Busy {
    body: &'static str,
    asked: Arc<AtomicUsize>,
}

impl HttpConnector for Busy {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        let (status, body) = match self.asked.fetch_add(1, Ordering::SeqCst) {
            0 => (400, self.body),
            _ => (200, "{}"),
        };
        let status = status.try_into().unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
    }
}

async fn busy(body: &'static str) -> (DynamoStore, Arc<AtomicUsize>) {
    let asked = Arc::<AtomicUsize>::default();
    let connector = SharedHttpConnector::new(Busy { body, asked: Arc::clone(&asked) });
    let config: SdkConfig = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "example", None, None, "test"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .load()
        .await;
    (DynamoStore::connect(&config, "state", "contacts"), asked)
}

#[tokio::test]
async fn a_write_that_met_a_transaction_is_repeated() {
    let (store, asked) = busy(
        r#"{"__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException",
            "message": "Transaction is ongoing for the item"}"#,
    )
    .await;
    let outcome = store.write(&write(&contact(1, 7, 10))).await.unwrap();
    assert_eq!((outcome, asked.load(Ordering::SeqCst)), (WriteOutcome::Written, 2));
}

#[tokio::test]
async fn a_transaction_that_met_another_is_repeated() {
    let (store, asked) = busy(
        r#"{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "cancelled", "CancellationReasons": [
                {"Code": "None"}, {"Code": "TransactionConflict"}, {"Code": "None"}]}"#,
    )
    .await;
    assert!(store.create_account(&account(1)).await.unwrap());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_append_that_others_overtook_reads_again_and_appends() {
    for reasons in [
        // Overtaken between reading and writing, and while another's transaction was going on.
        r#"{"Code": "ConditionalCheckFailed"}, {"Code": "TransactionConflict"},
           {"Code": "None"}, {"Code": "ConditionalCheckFailed"}"#,
        r#"{"Code": "ConditionalCheckFailed"}, {"Code": "None"}, {"Code": "None"},
           {"Code": "None"}"#,
    ] {
        let body = format!(
            r#"{{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "Message": "cancelled", "CancellationReasons": [{reasons}]}}"#
        );
        let asked = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&asked);
        let canned = Canned::new(move |sent| {
            let is_write =
                sent.header("x-amz-target") == Some("DynamoDB_20120810.TransactWriteItems");
            if is_write && counted.fetch_add(1, Ordering::SeqCst) < 3 {
                return Answer::Status(400, body.clone());
            }
            Answer::Status(200, "{}".to_owned())
        });
        let store = DynamoStore::connect(&canned.sdk_config(), "state", "contacts");
        store.append(&account_id(1), &[event(1, 0)]).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 4, "{reasons}");
    }
}

#[tokio::test]
async fn an_append_that_meets_others_without_end_is_given_back_to_its_stream() {
    let body = r#"{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "cancelled", "CancellationReasons": [
            {"Code": "TransactionConflict"}, {"Code": "None"}, {"Code": "None"}, {"Code": "None"}]}"#;
    let canned = Canned::new(move |sent| {
        let is_write = sent.header("x-amz-target") == Some("DynamoDB_20120810.TransactWriteItems");
        if is_write {
            Answer::Status(400, body.to_owned())
        } else {
            Answer::Status(200, "{}".into())
        }
    });
    let store = DynamoStore::connect(&canned.sdk_config(), "state", "contacts");
    let error = store.append(&account_id(1), &[event(1, 0)]).await.unwrap_err();
    assert!(error.is_transient());
    assert!(canned.sent().len() < 40, "bounded: {}", canned.sent().len());
}

#[tokio::test]
async fn a_refused_condition_is_an_answer_and_not_asked_again() {
    let (store, asked) = busy(
        r#"{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "cancelled", "CancellationReasons": [
                {"Code": "ConditionalCheckFailed"}, {"Code": "None"}, {"Code": "None"}]}"#,
    )
    .await;
    assert!(!store.create_account(&account(1)).await.unwrap());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
