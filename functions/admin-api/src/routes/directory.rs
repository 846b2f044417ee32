//! The connected directory, live.

use std::sync::Arc;

use contact_sync_domain::id::ObjectId;
use contact_sync_engine::admin::{Outside, Page, directory_groups, directory_users, tenant_view};
use contact_sync_engine::port::Group;
use serde::Serialize;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::shape::{TenantShape, UserShape};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupShape {
    object_id: ObjectId,
    display_name: Option<String>,
}

impl From<Group> for GroupShape {
    fn from(group: Group) -> Self {
        Self { object_id: group.id, display_name: group.display_name }
    }
}

pub(super) async fn users<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, id) = (call.account()?, call.connection()?);
    let query = call.query("query").unwrap_or_default();
    let items = directory_users(&api.outside, &account, &id, query, call.limit()?).await?;
    Ok(Answer::list(Page { items, next: None }, UserShape::from))
}

pub(super) async fn groups<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, id) = (call.account()?, call.connection()?);
    let query = call.query("query").unwrap_or_default();
    let items = directory_groups(&api.outside, &account, &id, query, call.limit()?).await?;
    Ok(Answer::list(Page { items, next: None }, GroupShape::from))
}

pub(super) async fn tenant<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let view = tenant_view(&api.outside, &call.account()?, &call.connection()?).await?;
    Ok(Answer::ok(&TenantShape::from(view)))
}
