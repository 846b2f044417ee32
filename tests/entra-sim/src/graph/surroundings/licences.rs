//! Products of a tenant and of a person.

use http::StatusCode;
use serde_json::{Value, json};

use crate::directory::WELL_KNOWN;
use crate::directory::licences;
use crate::exchange::Reply;
use crate::graph::Call;
use crate::graph::errors::GraphError;
use crate::graph::permissions::{LICENCES, USERS, require};
use crate::graph::users::tenant;
use crate::world::World;

/// `GET /subscribedSkus` and `/subscribedSkus/{id}`; OData options do nothing here.
pub(super) fn skus(world: &World, call: &Call<'_>, id: Option<&str>) -> Result<Reply, GraphError> {
    require(call.claims, LICENCES)?;
    let tenant = tenant(world, call)?;
    let mut skus = licences::subscribed(&tenant.directory, tenant.id, tenant.spec.premium);
    let context = format!("{}/v1.0/$metadata#subscribedSkus", world.graph_url);
    let Some(id) = id else {
        let body = json!({ "@odata.context": context, "value": skus });
        return Ok(Reply::graph(StatusCode::OK, body.to_string()));
    };
    let at = skus.iter().position(|sku| sku.get("id").and_then(Value::as_str) == Some(id));
    let mut sku = at.map(|at| skus.swap_remove(at)).ok_or_else(|| GraphError::not_found(id))?;
    if let Some(members) = sku.as_object_mut() {
        members.insert("@odata.context".to_owned(), json!(format!("{context}/$entity")));
    }
    Ok(Reply::graph(StatusCode::OK, sku.to_string()))
}

/// `GET /users/{id}/licenseDetails`
pub(super) fn details(
    world: &World,
    call: &Call<'_>,
    reference: &str,
) -> Result<Reply, GraphError> {
    require(call.claims, &[USERS, LICENCES].concat())?;
    let directory = &tenant(world, call)?.directory;
    let user = directory.live_user(reference).ok_or_else(|| GraphError::not_found(reference))?;
    let assigned = user.object.json(WELL_KNOWN.assigned_licenses).unwrap_or("[]");
    let details = licences::details(user.object.id, assigned);
    let base = &world.graph_url;
    let context = format!("{base}/v1.0/$metadata#users('{}')/licenseDetails", user.object.id);
    let body = json!({ "@odata.context": context, "value": details });
    Ok(Reply::graph(StatusCode::OK, body.to_string()))
}
