//! What people are told, in the product.

use std::sync::Arc;

use axum::http::StatusCode;
use contact_sync_domain::id::NoticeId;
use contact_sync_engine::admin::{Outside, Role, mark_notice_read, notices, read_reader};
use contact_sync_engine::port::NoticeFilter;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;
use crate::shape::NoticeShape;

pub(super) async fn list<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = call.account()?;
    let user = call.query("user").map(str::to_owned);
    let filter = NoticeFilter { user, unread: call.flag("unread")? };
    let (cursor, limit) = (call.cursor(), call.limit()?);
    let page = notices(api.outside.store(), &account, &filter, cursor, limit).await?;
    Ok(Answer::list(page, NoticeShape::from))
}

pub(super) async fn mark_read<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = call.account()?;
    let id = NoticeId::parse(call.param("notification"));
    let id = id.or(Err(Problem::not_found("notification")))?;
    let user = read_reader(&call.document()?)?;
    // Who only looks speaks for nobody else; the host product's own service has another role.
    if call.caller.subject.as_deref() != Some(user.as_str()) {
        call.caller.has(Role::Operator)?;
    }
    mark_notice_read(api.outside.store(), &account, &id, &user).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}
