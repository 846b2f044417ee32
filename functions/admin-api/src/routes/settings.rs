//! A connection's settings.

use std::sync::Arc;

use axum::http::header::HeaderName;
use contact_sync_domain::settings::{Problem, Settings};
use contact_sync_engine::admin::{
    Outside, account, connection, save_settings, settings, settings_history, validate,
};
use contact_sync_engine::port::SettingsVersion;
use jiff::Timestamp;
use serde::Serialize;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;

/// Names the run that new settings started.
const SYNC_RUN: HeaderName = HeaderName::from_static("sync-run");

#[derive(Serialize)]
struct Verdict {
    valid: bool,
    errors: Vec<Problem>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionShape {
    version: u64,
    saved_by: Option<String>,
    saved_at: Option<Timestamp>,
    settings: Settings,
}

impl From<SettingsVersion> for VersionShape {
    fn from(version: SettingsVersion) -> Self {
        Self {
            version: version.version,
            saved_by: version.saved_by,
            saved_at: version.saved_at,
            settings: version.settings,
        }
    }
}

pub(super) async fn show<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let current = settings(api.outside.store(), &call.account()?, &call.connection()?).await?;
    Ok(Answer::ok(&current.settings).with_version(current.version))
}

pub(super) async fn save<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let id = call.connection()?;
    let precondition = call.precondition()?;
    let document = call.document()?;
    let saved =
        save_settings(&api.outside, &call.caller, &account, &id, &precondition, &document).await?;
    let answer = Answer::ok(&saved.version.settings).with_version(saved.version.version);
    Ok(match saved.run {
        Some(run) => answer.with_header(SYNC_RUN, run.to_string()),
        None => answer,
    })
}

pub(super) async fn history<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, id) = (call.account()?, call.connection()?);
    let store = api.outside.store();
    let page = settings_history(store, &account, &id, call.cursor(), call.limit()?).await?;
    Ok(Answer::list(page, VersionShape::from))
}

pub(super) async fn check<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    connection(api.outside.store(), &account.id, &call.connection()?).await?;
    let errors = validate(&call.document()?, &account);
    Ok(Answer::ok(&Verdict { valid: errors.is_empty(), errors }))
}
