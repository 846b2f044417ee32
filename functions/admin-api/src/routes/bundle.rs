//! What support may receive: a run or a contact without anybody's data, in one document.

use std::sync::Arc;

use axum::http::header;
use contact_sync_engine::admin::{Outside, Product, account, contact_bundle, run_bundle};
use serde_json::Value;

use super::{Reply, runs};
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;

pub(super) async fn of_run<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let run = runs::found(&api, &call).await?;
    let account = account(api.outside.store(), &run.account_id).await?;
    let document = run_bundle(&api.outside, product(&api), &account, &run).await?;
    Ok(file(&document, &format!("{}-bundle.json", run.id)))
}

pub(super) async fn of_contact<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let document = contact_bundle(&api.outside, product(&api), &account, &call.contact()?).await?;
    // The contact's own id would tie the file to the person.
    Ok(file(&document, "contact-bundle.json"))
}

fn product<P>(api: &Api<P>) -> Product<'_> {
    Product { version: env!("CARGO_PKG_VERSION"), stage: &api.stage }
}

fn file(document: &Value, name: &str) -> Answer {
    let name = format!("attachment; filename=\"{name}\"");
    Answer::ok(document).with_header(header::CONTENT_DISPOSITION, name)
}
