//! Shows a consent link, sends the admin to Microsoft and proves the tenant on return.

mod config;
mod consent;
mod cookie;
mod handler;
mod page;
mod query;
mod response;
mod site;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_graph_client::GraphClient;
use contact_sync_lambda_shell::{SystemClock, SystemRandomness, fatal, logs, sdk_config};
use contact_sync_secret_store::Credentials;
use lambda_http::{Error, service_fn};

use crate::config::Config;
use crate::consent::Connecting;

#[tokio::main]
async fn main() -> Result<(), Error> {
    logs::init();
    let config = Config::from_env().map_err(fatal)?;
    let sdk = sdk_config().await;
    let credentials = Credentials::connect(&sdk, config.credential_secret);
    let connecting = &Connecting {
        stores: DynamoStore::connect(&sdk, &config.state_table, &config.contacts_table),
        graph: GraphClient::new(config.endpoints, &config.app_id, credentials, SystemClock)
            .map_err(fatal)?,
        clock: SystemClock,
        chance: SystemRandomness,
    };
    let base_url = config.public_base_url.as_deref();
    lambda_http::run(service_fn(|request| handler::handle(connecting, base_url, request))).await
}
