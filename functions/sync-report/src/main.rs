//! Compiles the report of a finished or planned run, as tables and as JSON lines; takes people who
//! were forgotten out of what runs left.

mod csv_sheet;
mod handler;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_lambda_shell::env::Env;
use contact_sync_lambda_shell::{SystemClock, fatal, logs, sdk_config};
use contact_sync_report_store::BlobStore;
use lambda_runtime::{Error, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    logs::init();
    let env = Env::of_process();
    let tables = env.tables().map_err(fatal)?;
    let data_bucket = env.data_bucket().map_err(fatal)?;
    let sdk = sdk_config().await;
    let stores = &DynamoStore::connect(&sdk, &tables.state, &tables.contacts);
    let blobs = &BlobStore::connect(&sdk, &data_bucket);
    lambda_runtime::run(service_fn(|event| {
        Box::pin(handler::handle(stores, blobs, &SystemClock, event))
    }))
    .await
}
