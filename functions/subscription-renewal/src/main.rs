//! Keeps Graph's subscriptions alive, tries connections that were just authorized, and finds what
//! nobody works on.

mod config;
mod handler;
mod input;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_engine::renewal::Renewal;
use contact_sync_event_bus::EventBus;
use contact_sync_graph_client::{Endpoints, GraphClient};
use contact_sync_lambda_shell::env::Env;
use contact_sync_lambda_shell::{SystemClock, SystemRandomness, fatal, logs, sdk_config};
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
    let renewal = &Renewal {
        stores: DynamoStore::connect(&sdk, &config.state_table, &config.contacts_table),
        graph: GraphClient::new(endpoints, &config.app_id, credentials, SystemClock)
            .map_err(fatal)?,
        bus: EventBus::connect(&sdk, config.event_bus),
        clock: SystemClock,
        randomness: SystemRandomness,
        webhook_base_url: config.webhook_base_url,
    };
    lambda_runtime::run(service_fn(|event| Box::pin(handler::handle(renewal, event)))).await
}
