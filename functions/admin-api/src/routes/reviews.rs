//! What waits for people, and deciding.

use std::sync::Arc;

use contact_sync_domain::id::ReviewId;
use contact_sync_domain::review::ReviewList;
use contact_sync_engine::admin::{
    ListRequest, Outside, ReviewRequest, account, decide_list, decide_review, list_names,
    review_decisions, reviews, shown_as_of,
};

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;
use crate::shape::{DecidedShape, ListDecidedShape, ReviewListShape};

pub(super) async fn list<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, connection) = (call.account()?, call.connection()?);
    let named = call.query("list").and_then(ReviewList::parse);
    let list = named
        .ok_or_else(|| Problem::bad_query(format!("`list` is needed: one of {}.", list_names())))?;
    let (cursor, limit) = (call.cursor(), call.limit()?);
    // Before the items: whatever comes in between counts as newer.
    let as_of = shown_as_of(&api.outside, &account, &connection, list).await?;
    let page = reviews(&api.outside, &account, &connection, list, cursor, limit).await?;
    Ok(Answer::ok(&ReviewListShape::of(page, as_of)))
}

pub(super) async fn decisions<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, connection) = (call.account()?, call.connection()?);
    let (cursor, limit) = (call.cursor(), call.limit()?);
    let page = review_decisions(&api.outside, &account, &connection, cursor, limit).await?;
    Ok(Answer::list(page, |decision| decision))
}

pub(super) async fn decide<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let item = ReviewId::parse(call.param("item")).or(Err(Problem::not_found("review item")))?;
    let account = account(api.outside.store(), &call.account()?).await?;
    let connection = call.connection()?;
    let request = ReviewRequest::read(&call.document()?)?;
    let decided =
        decide_review(&api.outside, &call.caller, &account, &connection, &item, &request).await?;
    Ok(Answer::accepted(&DecidedShape::from(decided)))
}

pub(super) async fn decide_all<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let connection = call.connection()?;
    let request = ListRequest::read(&call.document()?)?;
    let decided = decide_list(&api.outside, &call.caller, &account, &connection, &request).await?;
    Ok(Answer::accepted(&ListDecidedShape::from(decided)))
}
