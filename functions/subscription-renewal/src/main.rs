//! Keeps Graph's subscriptions alive, tries connections that were just authorized, and finds what
//! nobody works on.

mod handler;
mod input;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_engine::renewal::Renewal;
use contact_sync_event_bus::EventBus;
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
    let event_bus = env.event_bus().map_err(fatal)?;
    let data_bucket = env.data_bucket().map_err(fatal)?;
    let webhook_base_url = env.webhook_base_url().map_err(fatal)?;
    let sdk = sdk_config().await;
    let endpoints =
        Endpoints::parse(&access.graph_endpoint, &access.login_endpoint).map_err(fatal)?;
    let credentials = Credentials::connect(&sdk, access.credential_secret);
    let blobs = &BlobStore::connect(&sdk, data_bucket);
    let renewal = &Renewal {
        stores: DynamoStore::connect(&sdk, &tables.state, &tables.contacts),
        graph: GraphClient::new(endpoints, &access.app_id, credentials, SystemClock)
            .map_err(fatal)?,
        bus: EventBus::connect(&sdk, event_bus),
        clock: SystemClock,
        randomness: SystemRandomness,
        webhook_base_url,
    };
    lambda_runtime::run(service_fn(|event| Box::pin(handler::handle(renewal, blobs, event)))).await
}
