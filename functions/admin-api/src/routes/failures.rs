//! Whoever failed, and trying him again.

use std::sync::Arc;

use contact_sync_domain::escrow::Failure;
use contact_sync_domain::id::{ContactId, ObjectId, RunId};
use contact_sync_engine::admin::{Outside, account, failures, retry_failure};
use jiff::Timestamp;
use serde::Serialize;

use super::Reply;
use super::runs::started;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FailureShape {
    object_id: ObjectId,
    contact_id: Option<ContactId>,
    reason: String,
    remedy: Option<String>,
    attempts: u32,
    first_at: Timestamp,
    last_at: Timestamp,
    next_at: Option<Timestamp>,
    parked: bool,
    run_id: RunId,
}

impl From<Failure> for FailureShape {
    fn from(failure: Failure) -> Self {
        Self {
            parked: failure.next_at.is_none(),
            object_id: failure.object_id,
            contact_id: failure.contact_id,
            reason: failure.reason,
            remedy: failure.remedy,
            attempts: failure.attempts,
            first_at: failure.first_at,
            last_at: failure.last_at,
            next_at: failure.next_at,
            run_id: failure.run_id,
        }
    }
}

pub(super) async fn list<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, connection) = (call.account()?, call.connection()?);
    let (store, limit) = (api.outside.store(), call.limit()?);
    let page = failures(store, &account, &connection, call.cursor(), limit).await?;
    Ok(Answer::list(page, FailureShape::from))
}

pub(super) async fn retry<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let (connection, user) = (call.connection()?, call.user()?);
    let run = retry_failure(&api.outside, &account, &connection, &user, &call.caller).await?;
    Ok(started(run))
}
