//! The REST API: accounts, connections, settings, runs, reports and contacts.

mod answer;
mod api;
mod audited;
mod call;
mod claims;
mod outside;
mod problem;
mod routes;
mod shape;
#[cfg(test)]
mod tests;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_graph_client::{Endpoints, GraphClient};
use contact_sync_lambda_shell::env::{Env, EnvError};
use contact_sync_lambda_shell::{SystemClock, fatal, logs, sdk_config};
use contact_sync_mailer::{Sender, SesMailer};
use contact_sync_report_store::BlobStore;
use contact_sync_secret_store::Credentials;
use contact_sync_sync_schedules::{ScheduleTarget, SyncSchedules};
use lambda_http::Error;

use crate::api::{Api, router};
use crate::outside::Aws;

#[tokio::main]
async fn main() -> Result<(), Error> {
    logs::init();
    let env = Env::of_process();
    let tables = env.tables().map_err(fatal)?;
    let access = env.graph_access().map_err(fatal)?;
    let data_bucket = env.data_bucket().map_err(fatal)?;
    let schedules = schedule_target(&env).map_err(fatal)?;
    let sdk = sdk_config().await;
    let endpoints =
        Endpoints::parse(&access.graph_endpoint, &access.login_endpoint).map_err(fatal)?;
    let credentials = Credentials::connect(&sdk, access.credential_secret);
    let outside = Aws {
        store: DynamoStore::connect(&sdk, &tables.state, &tables.contacts),
        graph: GraphClient::new(endpoints, &access.app_id, credentials, SystemClock)
            .map_err(fatal)?,
        blobs: BlobStore::connect(&sdk, data_bucket),
        schedules: SyncSchedules::connect(&sdk, schedules),
        mailer: env.optional("MAIL_FROM").map(|from| {
            let configuration_set = env.optional("MAIL_CONFIGURATION_SET");
            SesMailer::connect(&sdk, Sender { from, configuration_set })
        }),
        portal_url: env.optional("PORTAL_URL"),
    };
    let stage = env.optional("STAGE").unwrap_or_default();
    lambda_http::run(router(Api { outside, public_base_url: env.public_base_url(), stage })).await
}

/// Where the connections' schedules live, and what they may do.
fn schedule_target(env: &Env) -> Result<ScheduleTarget, EnvError> {
    Ok(ScheduleTarget {
        group: env.required("SCHEDULE_GROUP")?,
        role_arn: env.required("SCHEDULE_ROLE_ARN")?,
        bus_arn: env.required("EVENT_BUS_ARN")?,
        dead_letter_arn: env.required("SCHEDULE_DLQ_ARN")?,
    })
}
