//! Takes what Graph posts: handshakes, change notifications and lifecycle notifications.

mod handler;
mod handshake;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_engine::intake::RecentSubscriptions;
use contact_sync_event_bus::EventBus;
use contact_sync_lambda_shell::env::Env;
use contact_sync_lambda_shell::{SystemClock, fatal, logs, sdk_config};
use lambda_http::{Error, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    logs::init();
    let env = Env::of_process();
    let tables = env.tables().map_err(fatal)?;
    let event_bus = env.event_bus().map_err(fatal)?;
    let sdk = sdk_config().await;
    let store = &DynamoStore::connect(&sdk, &tables.state, &tables.contacts);
    let bus = &EventBus::connect(&sdk, event_bus);
    let recent = &RecentSubscriptions::default();
    lambda_http::run(service_fn(|request| {
        handler::handle(store, recent, bus, &SystemClock, request)
    }))
    .await
}
