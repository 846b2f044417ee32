//! Publishes what changed in the tables, in order.

mod config;
mod handler;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_event_bus::EventBus;
use contact_sync_lambda_shell::env::Env;
use contact_sync_lambda_shell::{fatal, logs, sdk_config};
use lambda_runtime::{Error, service_fn};

use crate::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    logs::init();
    let config = Config::read(&Env::of_process()).map_err(fatal)?;
    let sdk = sdk_config().await;
    let log = &DynamoStore::connect(&sdk, &config.state_table, &config.contacts_table);
    let bus = &EventBus::connect(&sdk, config.event_bus);
    lambda_runtime::run(service_fn(|event| Box::pin(handler::handle(log, bus, event)))).await
}
