//! Plans: asking what a run would do before anything is written, and having exactly that done.

use std::sync::Arc;

use axum::http::header;
use contact_sync_domain::run::RunStatus;
use contact_sync_engine::admin::{
    Outside, account, apply_plan, approve_held, read_approval, read_preview, request_preview,
};

use super::Reply;
use super::runs::{StartedShape, found};
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;

pub(super) async fn preview<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let draft = read_preview(call.optional_document()?.as_ref())?;
    let (whose, connection) = (call.account()?, call.connection()?);
    let account = account(api.outside.store(), &whose).await?;
    let queued = request_preview(&api.outside, &account, &connection, &call.caller, draft).await?;
    let location = format!("/v1/accounts/{whose}/connections/{connection}/runs/{}", queued.id);
    Ok(Answer::accepted(&StartedShape::of(queued)).with_header(header::LOCATION, location))
}

pub(super) async fn apply<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let approval = read_approval(&call.document()?)?;
    let account = account(api.outside.store(), &call.account()?).await?;
    let run = found(&api, &call).await?;
    let queued = if run.status == RunStatus::Blocked {
        approve_held(&api.outside, &call.caller, &account, &run, &approval).await?
    } else {
        apply_plan(&api.outside, &account, &run, approval, &call.caller).await?
    };
    Ok(Answer::accepted(&StartedShape::of(queued)))
}
