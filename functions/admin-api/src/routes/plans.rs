//! Plans: asking what a run would do before anything is written, and having exactly that done.

use std::sync::Arc;

use axum::http::header;
use contact_sync_domain::run::{Run, RunStatus};
use contact_sync_engine::admin::{
    Outside, Span, account, apply_plan, approve_held, read_approval, read_changes, read_fix,
    read_preview, request_preview, request_undo, request_undo_since,
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
    Ok(asked(queued))
}

pub(super) async fn undo<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let contacts = read_changes(&call.document()?)?;
    let run = found(&api, &call).await?;
    Ok(asked(request_undo(&api.outside, &run, contacts, &call.caller).await?))
}

pub(super) async fn undo_since<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (whose, connection) = (call.account()?, call.connection()?);
    let span = Span::read(&call.document()?)?;
    let queued = request_undo_since(&api.outside, &whose, &connection, span, &call.caller).await?;
    Ok(asked(queued))
}

fn asked(run: Run) -> Answer {
    let (account, connection) = (&run.account_id, &run.connection_id);
    let location = format!("/v1/accounts/{account}/connections/{connection}/runs/{}", run.id);
    Answer::accepted(&StartedShape::of(run)).with_header(header::LOCATION, location)
}

pub(super) async fn apply<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let approval = read_approval(&call.document()?)?;
    let account = account(api.outside.store(), &call.account()?).await?;
    let run = found(&api, &call).await?;
    // What was applied of a plan may have been stopped as well; that is asked about by a new one.
    let holds = run.status == RunStatus::Blocked && run.kind.lane().is_main();
    let queued = if holds {
        approve_held(&api.outside, &call.caller, &account, &run, &approval).await?
    } else {
        apply_plan(&api.outside, &account, &run, approval, &call.caller).await?
    };
    Ok(Answer::accepted(&StartedShape::of(queued)))
}

pub(super) async fn fix<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let approval = read_fix(&call.document()?)?;
    let account = account(api.outside.store(), &call.account()?).await?;
    let run = found(&api, &call).await?;
    let queued = apply_plan(&api.outside, &account, &run, approval, &call.caller).await?;
    Ok(Answer::accepted(&StartedShape::of(queued)))
}
