//! Looks at profile photos, at a pace of their own: after full runs, in slices, beside sync.

mod handler;
mod input;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_engine::photos::{PhotoWorker, SliceBounds};
use contact_sync_graph_client::{Endpoints, GraphClient};
use contact_sync_lambda_shell::env::Env;
use contact_sync_lambda_shell::{SystemClock, fatal, logs, sdk_config};
use contact_sync_report_store::BlobStore;
use contact_sync_secret_store::Credentials;
use lambda_runtime::{Error, service_fn};

/// What a slice does: some twenty seconds' worth, and four photos of 10 MB at the most at once.
const BOUNDS: SliceBounds = SliceBounds { people: 500, together: 4 };

#[tokio::main]
async fn main() -> Result<(), Error> {
    logs::init();
    let env = Env::of_process();
    let tables = env.tables().map_err(fatal)?;
    let access = env.graph_access().map_err(fatal)?;
    let data_bucket = env.data_bucket().map_err(fatal)?;
    let sdk = sdk_config().await;
    let endpoints =
        Endpoints::parse(&access.graph_endpoint, &access.login_endpoint).map_err(fatal)?;
    let credentials = Credentials::connect(&sdk, access.credential_secret);
    let stores = &DynamoStore::connect(&sdk, &tables.state, &tables.contacts);
    let graph = GraphClient::new(endpoints, &access.app_id, credentials, SystemClock);
    let graph = &graph.map_err(fatal)?.sharing(stores.clone());
    let blobs = &BlobStore::connect(&sdk, &data_bucket);
    let worker = &PhotoWorker { stores, blobs, graph, clock: &SystemClock, bounds: BOUNDS };
    lambda_runtime::run(service_fn(|event| Box::pin(handler::handle(worker, event)))).await
}
