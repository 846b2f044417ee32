//! Runs, what they changed, and their reports.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use contact_sync_domain::id::RunId;
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use contact_sync_engine::admin::{
    Asked, ChangeFilter, Outside, Report, RunFilter, account, pause_of_all, read_asked, report,
    report_file_name, request_audit, request_run, request_user_run, run, run_changes, runs,
    steps_of_run,
};
use contact_sync_engine::port::Clock;
use contact_sync_engine::report::ReportFile;
use serde::Serialize;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;
use crate::shape::{ChangeShape, RunShape};

/// A larger report is fetched from its address, in bytes; a Lambda answer holds 6 MB.
const REPORT_LIMIT: usize = 4 * 1024 * 1024;

#[derive(Serialize)]
pub(super) struct StartedShape {
    /// The run's id once more, as the actions of a connection name it.
    pub(super) run: RunId,
    #[serde(flatten)]
    pub(super) shape: RunShape,
}

impl StartedShape {
    pub(super) fn of(run: Run) -> Self {
        Self { run: run.id.clone(), shape: run.into() }
    }
}

pub(super) async fn start<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (whose, connection) = (call.account()?, call.connection()?);
    let queued = match read_asked(&call.document()?)? {
        Asked::All(RunKind::Drift) => {
            let account = account(api.outside.store(), &whose).await?;
            request_audit(&api.outside, &account, &connection, &call.caller).await?
        }
        Asked::All(kind) => request_run(&api.outside, &whose, &connection, kind).await?,
        Asked::User(who) => {
            let account = account(api.outside.store(), &whose).await?;
            request_user_run(&api.outside, &account, &connection, &who, &call.caller).await?
        }
    };
    Ok(started(queued))
}

/// The answer to whoever asked for a run.
pub(super) fn started(run: Run) -> Answer {
    let (account, connection) = (&run.account_id, &run.connection_id);
    let location = format!("/v1/accounts/{account}/connections/{connection}/runs/{}", run.id);
    Answer::accepted(&StartedShape::of(run)).with_header(header::LOCATION, location)
}

pub(super) async fn list<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, connection) = (call.account()?, call.connection()?);
    let filter = RunFilter::read(|name| call.query(name)).map_err(Problem::bad_query)?;
    let (store, limit) = (api.outside.store(), call.limit()?);
    let page = runs(store, &account, &connection, &filter, call.cursor(), limit).await?;
    let (now, is_paused) = (api.outside.clock().now(), is_paused(&api, &page.items).await?);
    Ok(Answer::list(page, |run| RunShape::from(run).seen_at(now, is_paused)))
}

pub(super) async fn show<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let run = found(&api, &call).await?;
    let steps = steps_of_run(&api.outside, &call.caller, &run).await?;
    let now = api.outside.clock().now();
    let is_paused = is_paused(&api, std::slice::from_ref(&run)).await?;
    Ok(Answer::ok(&RunShape::from(run).seen_at(now, is_paused).with_steps(steps)))
}

/// Whether everything is paused, where one of these runs would go on but for that.
async fn is_paused<P: Outside>(api: &Api<P>, runs: &[Run]) -> Result<bool, Problem> {
    let works = |run: &Run| run.status == RunStatus::Running;
    Ok(runs.iter().any(works) && pause_of_all(&api.outside).await?.is_some())
}

pub(super) async fn changes<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let filter = ChangeFilter::read(|name| call.query(name)).map_err(Problem::bad_query)?;
    let run = found(&api, &call).await?;
    let page = run_changes(&api.outside, &run, &filter, call.cursor(), call.limit()?).await?;
    Ok(Answer::list(page, ChangeShape::from))
}

pub(super) async fn file<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (file, content_type) = match call.query("form") {
        None => (ReportFile::Simple, "text/csv; charset=utf-8"),
        Some("extended") => (ReportFile::Extended, "text/csv; charset=utf-8"),
        Some("jsonl") => (ReportFile::JsonLines, "application/x-ndjson"),
        Some(_) => return Err(Problem::bad_query("`form` is extended or jsonl, or left out.")),
    };
    let run = found(&api, &call).await?;
    match report(&api.outside, &run, file, REPORT_LIMIT).await? {
        Report::File(bytes) => {
            let name = report_file_name(&run, file);
            Ok(Answer::bytes(StatusCode::OK, content_type, bytes).with_header(
                header::CONTENT_DISPOSITION,
                format!("attachment; filename=\"{name}\""),
            ))
        }
        Report::Elsewhere(url) => {
            Ok(Answer::empty(StatusCode::TEMPORARY_REDIRECT).with_header(header::LOCATION, url))
        }
    }
}

pub(super) async fn found<P: Outside>(api: &Api<P>, call: &Call) -> Result<Run, Problem> {
    let (account, connection, id) = (call.account()?, call.connection()?, call.run()?);
    Ok(run(api.outside.store(), &account, &connection, &id).await?)
}
