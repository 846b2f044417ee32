//! Shows a consent link, sends the admin to Microsoft and proves the tenant on return.

mod consent;
mod cookie;
mod handler;
mod page;
mod query;
mod response;
mod site;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_graph_client::{Endpoints, GraphClient};
use contact_sync_lambda_shell::env::Env;
use contact_sync_lambda_shell::{SystemClock, SystemRandomness, fatal, logs, sdk_config};
use contact_sync_secret_store::Credentials;
use lambda_http::{Error, service_fn};

use crate::consent::Connecting;

#[tokio::main]
async fn main() -> Result<(), Error> {
    logs::init();
    let env = Env::of_process();
    let tables = env.tables().map_err(fatal)?;
    let access = env.graph_access().map_err(fatal)?;
    let sdk = sdk_config().await;
    let endpoints =
        Endpoints::parse(&access.graph_endpoint, &access.login_endpoint).map_err(fatal)?;
    let credentials = Credentials::connect(&sdk, access.credential_secret);
    let connecting = &Connecting {
        stores: DynamoStore::connect(&sdk, &tables.state, &tables.contacts),
        graph: GraphClient::new(endpoints, &access.app_id, credentials, SystemClock)
            .map_err(fatal)?,
        clock: SystemClock,
        chance: SystemRandomness,
    };
    let public_base_url = env.public_base_url();
    let base_url = public_base_url.as_deref();
    lambda_http::run(service_fn(|request| handler::handle(connecting, base_url, request))).await
}
