//! Tells people what changed for their connections, once: in the product and by mail. Welcomes
//! whoever sync made a contact for.

mod handler;
mod input;

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_lambda_shell::env::Env;
use contact_sync_lambda_shell::{SystemClock, SystemRandomness, fatal, logs, sdk_config};
use contact_sync_mailer::{Sender, SesMailer};
use lambda_runtime::{Error, service_fn};

use crate::handler::Telling;

#[tokio::main]
async fn main() -> Result<(), Error> {
    logs::init();
    let env = Env::of_process();
    let tables = env.tables().map_err(fatal)?;
    let configuration_set = env.optional("MAIL_CONFIGURATION_SET");
    let sdk = sdk_config().await;
    let telling = &Telling {
        stores: DynamoStore::connect(&sdk, &tables.state, &tables.contacts),
        // An installation without a sender tells people in the product alone.
        mailer: env
            .optional("MAIL_FROM")
            .map(|from| SesMailer::connect(&sdk, Sender { from, configuration_set })),
        clock: SystemClock,
        randomness: SystemRandomness,
        portal_url: env.optional("PORTAL_URL"),
    };
    lambda_runtime::run(service_fn(|event| Box::pin(handler::handle(telling, event)))).await
}
