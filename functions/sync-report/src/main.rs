//! Compiles the report of a finished run as CSV.

mod config;
mod csv_sheet;
mod handler;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_lambda_shell::env::Env;
use contact_sync_lambda_shell::{fatal, logs, sdk_config};
use contact_sync_report_store::BlobStore;
use lambda_runtime::{Error, service_fn};

use crate::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    logs::init();
    let config = Config::read(&Env::of_process()).map_err(fatal)?;
    let sdk = sdk_config().await;
    let stores = &DynamoStore::connect(&sdk, &config.state_table, &config.contacts_table);
    let blobs = &BlobStore::connect(&sdk, &config.data_bucket);
    lambda_runtime::run(service_fn(|event| Box::pin(handler::handle(stores, blobs, event)))).await
}
