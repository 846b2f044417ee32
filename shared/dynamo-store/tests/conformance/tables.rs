//! The two tables, on an embedded engine of the test's own, and a wire that loses answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use contact_sync_dynamo_store::DynamoStore;
use dynoxide::Database;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub(crate) const STATE: &str = "state";
pub(crate) const CONTACTS: &str = "contacts";

/// The engine, its tables, and the store on them. Ends with the test.
pub(crate) struct Tables {
    pub(crate) store: DynamoStore,
    /// The tables as they are, for what no port shows.
    pub(crate) client: Client,
    lost: Arc<AtomicUsize>,
    spared: Arc<AtomicUsize>,
    _ended_by_drop: oneshot::Sender<()>,
}

impl Tables {
    pub(crate) async fn start() -> Self {
        let database = Database::memory().expect("an engine in memory");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of loopback");
        let address = listener.local_addr().expect("an address");
        let (ended_by_drop, ended) = oneshot::channel::<()>();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, async {
            let _dropped = ended.await;
        }));
        let (lost, spared) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let http = losing(Arc::clone(&lost), Arc::clone(&spared));
        let config = config(&format!("http://{address}"), http).await;
        let client = Client::new(&config);
        for table in [STATE, CONTACTS] {
            create(&client, table).await;
        }
        let store = DynamoStore::connect(&config, STATE, CONTACTS);
        Self { store, client, lost, spared, _ended_by_drop: ended_by_drop }
    }

    /// Lets the next request reach the tables and loses its answer; the SDK repeats it.
    pub(crate) fn lose_next_answer(&self) {
        self.lost.store(1, Ordering::SeqCst);
    }

    /// The same, once so many further requests were answered.
    pub(crate) fn lose_answer_behind(&self, requests: usize) {
        self.spared.store(requests, Ordering::SeqCst);
        self.lose_next_answer();
    }

    /// Takes an item away.
    pub(crate) async fn delete(&self, table: &str, pk: &str, sk: &str) {
        let delete = self.client.delete_item().table_name(table);
        let delete = delete.key("pk", AttributeValue::S(pk.to_owned()));
        let delete = delete.key("sk", AttributeValue::S(sk.to_owned()));
        delete.condition_expression("attribute_exists(pk)").send().await.expect("it is there");
    }

    /// Damages an item of the state table.
    pub(crate) async fn remove_attribute(&self, pk: &str, sk: &str, attribute: &str) {
        let update = self.client.update_item().table_name(STATE);
        update
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .condition_expression("attribute_exists(pk)")
            .update_expression("REMOVE #gone")
            .expression_attribute_names("#gone", attribute)
            .send()
            .await
            .expect("the item is there");
    }

    /// How many of a table's items have a time by which they go.
    pub(crate) async fn expiring(&self, table: &str) -> i32 {
        let scan = self.client.scan().table_name(table);
        let scan = scan.filter_expression("attribute_exists(expiresAt)");
        scan.send().await.expect("a scan").count
    }

    /// How many items a table holds.
    pub(crate) async fn count(&self, table: &str) -> i32 {
        self.client.scan().table_name(table).send().await.expect("a scan").count
    }

    /// When the items of partitions that begin so expire, in seconds.
    pub(crate) async fn expiries(
        &self,
        table: &str,
        prefix: &str,
    ) -> BTreeMap<Option<String>, usize> {
        let mut found = BTreeMap::new();
        let items = self.client.scan().table_name(table).send().await.expect("a scan").items;
        for item in items.unwrap_or_default() {
            let of = item.get("pk").and_then(|pk| pk.as_s().ok());
            if of.is_some_and(|pk| pk.starts_with(prefix)) {
                let at = item.get("expiresAt").map(|at| at.as_n().expect("a number").clone());
                *found.entry(at).or_default() += 1;
            }
        }
        found
    }
}

async fn config(endpoint: &str, http: SharedHttpClient) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "example", None, None, "test"))
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .http_client(http)
        .load()
        .await
}

async fn create(client: &Client, table: &str) {
    let attribute = |name: &str| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .expect("an attribute")
    };
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key")
    };
    client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk"))
        .attribute_definitions(attribute("sk"))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .send()
        .await
        .expect("a table");
}

/// An HTTP client that loses the answers it is told to.
fn losing(lost: Arc<AtomicUsize>, spared: Arc<AtomicUsize>) -> SharedHttpClient {
    let http = aws_smithy_http_client::Builder::new().build_http();
    http_client_fn(move |settings, components| {
        let inner = http.http_connector(settings, components);
        let (lost, spared) = (Arc::clone(&lost), Arc::clone(&spared));
        SharedHttpConnector::new(Losing { inner, lost, spared })
    })
}

#[derive(Debug)]
struct Losing {
    inner: SharedHttpConnector,
    lost: Arc<AtomicUsize>,
    spared: Arc<AtomicUsize>,
}

impl HttpConnector for Losing {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let takes = |count: &AtomicUsize| {
            let one_less = |left: usize| left.checked_sub(1);
            count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
        };
        let loses = !takes(&self.spared) && takes(&self.lost);
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            if loses {
                return Err(ConnectorError::io("the answer got lost".into()));
            }
            Ok(answer)
        })
    }
}
