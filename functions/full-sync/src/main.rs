//! Does full runs: everything a schedule, an admin or the enabling of a connection asks for.

mod config;
mod handler;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_engine::sync::Worker;
use contact_sync_graph_client::{Endpoints, GraphClient};
use contact_sync_lambda_shell::env::Env;
use contact_sync_lambda_shell::{SystemClock, SystemRandomness, fatal, logs, sdk_config};
use contact_sync_report_store::BlobStore;
use contact_sync_secret_store::Credentials;
use lambda_runtime::{Error, service_fn};

use crate::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    logs::init();
    let config = Config::read(&Env::of_process()).map_err(fatal)?;
    let sdk = sdk_config().await;
    let endpoints =
        Endpoints::parse(&config.graph_endpoint, &config.login_endpoint).map_err(fatal)?;
    let credentials = Credentials::connect(&sdk, config.app_credential_secret);
    let worker = &Worker {
        stores: DynamoStore::connect(&sdk, &config.state_table, &config.contacts_table),
        directory: GraphClient::new(endpoints, &config.app_id, credentials, SystemClock)
            .map_err(fatal)?,
        blobs: BlobStore::connect(&sdk, &config.data_bucket),
        clock: SystemClock,
        randomness: SystemRandomness,
    };
    lambda_runtime::run(service_fn(|event| handler::handle(worker, event))).await
}
