//! What stops runs and lets them go on.

use std::sync::Arc;

use contact_sync_domain::pause::Pause;
use contact_sync_engine::admin::{
    Outside, account, cancel_run, pause_all, pause_of_all, read_reset, reset, resume_all,
};
use jiff::Timestamp;
use serde::Serialize;

use super::runs::started;
use super::{CHANGING_OPERATOR, Endpoint, READING_OPERATOR, Reply, get, post};
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::shape::RunShape;

#[derive(Serialize)]
struct PauseShape {
    paused: bool,
    since: Option<Timestamp>,
    by: Option<String>,
}

impl From<Option<Pause>> for PauseShape {
    fn from(pause: Option<Pause>) -> Self {
        let paused = pause.is_some();
        let (since, by) = pause.map_or((None, None), |pause| (Some(pause.since), pause.by));
        Self { paused, since, by }
    }
}

/// What is about the whole installation.
pub(super) fn endpoints<P: Outside>() -> Vec<Endpoint<P>> {
    vec![
        get("/v1/pause", READING_OPERATOR, show),
        post("/v1/pause", CHANGING_OPERATOR, pause),
        post("/v1/resume", CHANGING_OPERATOR, resume),
    ]
}

async fn show<P: Outside>(api: Arc<Api<P>>, _call: Call) -> Reply {
    Ok(Answer::ok(&PauseShape::from(pause_of_all(&api.outside).await?)))
}

async fn pause<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let pause = pause_all(&api.outside, &call.caller).await?;
    Ok(Answer::accepted(&PauseShape::from(Some(pause))))
}

async fn resume<P: Outside>(api: Arc<Api<P>>, _call: Call) -> Reply {
    resume_all(&api.outside).await?;
    Ok(Answer::accepted(&PauseShape::from(None)))
}

pub(super) async fn reset_some<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let what = read_reset(&call.document()?)?;
    let account = account(api.outside.store(), &call.account()?).await?;
    let run = reset(&api.outside, &account, &call.connection()?, what, &call.caller).await?;
    Ok(started(run))
}

pub(super) async fn cancel<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, connection, run) = (call.account()?, call.connection()?, call.run()?);
    let run = cancel_run(&api.outside, &account, &connection, &run).await?;
    Ok(Answer::accepted(&RunShape::from(run)))
}
