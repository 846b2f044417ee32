//! The REST API: accounts, connections, settings, runs, reports and contacts.

mod answer;
mod api;
mod call;
mod claims;
mod config;
#[cfg(test)]
mod fakes;
mod outside;
mod problem;
mod routes;
mod shape;
#[cfg(test)]
mod tests;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_graph_client::{Endpoints, GraphClient};
use contact_sync_lambda_shell::{SystemClock, fatal, logs, sdk_config};
use contact_sync_report_store::BlobStore;
use contact_sync_secret_store::Credentials;
use contact_sync_sync_schedules::{ScheduleTarget, SyncSchedules};
use lambda_http::Error;

use crate::api::{Api, router};
use crate::config::Config;
use crate::outside::Aws;

#[tokio::main]
async fn main() -> Result<(), Error> {
    logs::init();
    let config = Config::from_env().map_err(fatal)?;
    let sdk = sdk_config().await;
    let endpoints =
        Endpoints::parse(&config.graph_endpoint, &config.login_endpoint).map_err(fatal)?;
    let credentials = Credentials::connect(&sdk, config.app_credential_secret);
    let schedules = ScheduleTarget {
        group: config.schedule_group,
        role_arn: config.schedule_role_arn,
        bus_arn: config.event_bus_arn,
        dead_letter_arn: config.schedule_dlq_arn,
    };
    let outside = Aws {
        store: DynamoStore::connect(&sdk, &config.state_table, &config.contacts_table),
        graph: GraphClient::new(endpoints, &config.app_id, credentials, SystemClock)
            .map_err(fatal)?,
        blobs: BlobStore::connect(&sdk, config.data_bucket),
        schedules: SyncSchedules::connect(&sdk, schedules),
    };
    lambda_http::run(router(Api { outside, public_base_url: config.public_base_url })).await
}
