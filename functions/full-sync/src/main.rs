//! Does full runs: everything a schedule, an admin or the enabling of a connection asks for.

mod handler;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_engine::sync::Worker;
use contact_sync_graph_client::{Endpoints, GraphClient};
use contact_sync_lambda_shell::env::Env;
use contact_sync_lambda_shell::{SystemClock, SystemRandomness, fatal, logs, sdk_config};
use contact_sync_report_store::BlobStore;
use contact_sync_secret_store::Credentials;
use lambda_runtime::{Error, service_fn};

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
    let stores = DynamoStore::connect(&sdk, &tables.state, &tables.contacts);
    let graph = GraphClient::new(endpoints, &access.app_id, credentials, SystemClock);
    let worker = &Worker::new(
        stores.clone(),
        graph.map_err(fatal)?.sharing(stores),
        BlobStore::connect(&sdk, &data_bucket),
        SystemClock,
        SystemRandomness,
    );
    lambda_runtime::run(service_fn(|event| handler::handle(worker, event))).await
}
