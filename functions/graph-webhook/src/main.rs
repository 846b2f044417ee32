//! Takes what Graph posts: handshakes, change notifications and lifecycle notifications.

mod config;
mod handler;
mod handshake;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_event_bus::EventBus;
use contact_sync_lambda_shell::env::Env;
use contact_sync_lambda_shell::{SystemClock, fatal, logs, sdk_config};
use lambda_http::{Error, service_fn};

use crate::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    logs::init();
    let config = Config::read(&Env::of_process()).map_err(fatal)?;
    let sdk = sdk_config().await;
    let store = &DynamoStore::connect(&sdk, &config.state_table, &config.contacts_table);
    let bus = &EventBus::connect(&sdk, config.event_bus);
    lambda_http::run(service_fn(|request| handler::handle(store, bus, &SystemClock, request))).await
}
