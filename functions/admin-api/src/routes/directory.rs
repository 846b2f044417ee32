//! The connected directory, live.

use std::sync::Arc;

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::query_plan::QueryPlan;
use contact_sync_domain::value_counts::ValueCount;
use contact_sync_engine::admin::{
    Outside, Page, directory_groups, directory_users, directory_values, query_plan, tenant_view,
};
use contact_sync_engine::port::Group;
use jiff::Timestamp;
use serde::Serialize;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;
use crate::shape::{TenantShape, UserShape};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupShape {
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ValuesShape {
    property: String,
    items: Vec<ValueCount>,
    without: u64,
    left_out: u64,
    people: u64,
    complete: bool,
    as_of: Timestamp,
}

pub(super) async fn values<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, id) = (call.account()?, call.connection()?);
    let Some(property) = call.query("property") else {
        return Err(Problem::bad_query("`property` is an attribute, for instance department."));
    };
    let query = call.query("query").unwrap_or_default();
    let afresh = call.query("refresh") == Some("true");
    let limit = usize::from(call.limit()?);
    let found = directory_values(&api.outside, &account, &id, property, query, afresh).await?;
    let mut items = found.values.values;
    items.truncate(limit);
    Ok(Answer::ok(&ValuesShape {
        property: found.property,
        items,
        without: found.values.without,
        left_out: found.values.left_out,
        people: found.people,
        complete: found.complete,
        as_of: found.as_of,
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanShape {
    #[serde(flatten)]
    plan: QueryPlan,
    users: Option<u64>,
    people_in_groups: Option<u64>,
}

pub(super) async fn plan<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let view = query_plan(&api.outside, &call.account()?, &call.connection()?).await?;
    let (users, people_in_groups) = (view.sizes.users, view.sizes.people);
    Ok(Answer::ok(&PlanShape { plan: view.plan, users, people_in_groups }))
}
