//! Contact events, to be read again from any point of 30 days.

use std::sync::Arc;

use contact_sync_engine::admin::{AdminError, Outside, Page};
use contact_sync_engine::port::EventLog;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::shape::EventShape;

pub(super) async fn list<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, limit) = (call.caller.account.as_ref(), call.limit()?);
    let read = api.outside.store().read(account, call.cursor(), limit).await;
    let page = read.map_err(AdminError::from)?.ok_or(AdminError::BadCursor)?;
    // The cursor stands at the log's end too: a reader waits there.
    Ok(Answer::list(Page { items: page.events, next: Some(page.cursor) }, EventShape::from))
}
