//! The tenant about itself.

use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::errors::GraphError;
use super::permissions::{FULL_ORGANIZATION, ORGANIZATION, require};
use super::users::tenant;
use crate::exchange::Reply;
use crate::settings::OrganizationFields;
use crate::world::World;

/// `GET /organization` and `/organization/{id}`
pub(super) fn answer(
    world: &World,
    call: &Call<'_>,
    id: Option<&str>,
) -> Result<Reply, GraphError> {
    require(call.claims, ORGANIZATION)?;
    let tenant = tenant(world, call)?;
    if let Some(id) = id
        && !tenant.is_named(id)
    {
        return Err(GraphError::not_found(id));
    }
    let [default, initial] = tenant.domains();
    let domain = |name: &str, is_default: bool, is_initial: bool| {
        json!({
            "capabilities": "Email, OfficeCommunicationsOnline",
            "isDefault": is_default,
            "isInitial": is_initial,
            "name": name,
            "type": "Managed",
        })
    };
    let full = json!({
        "id": tenant.id,
        "deletedDateTime": null,
        "businessPhones": [],
        "city": "Leeds",
        "country": "United Kingdom",
        "countryLetterCode": "GB",
        "createdDateTime": "2017-02-01T08:00:00Z",
        "defaultUsageLocation": "GB",
        "displayName": tenant.spec.name,
        "marketingNotificationEmails": [],
        "onPremisesSyncEnabled": null,
        "preferredLanguage": "en",
        "technicalNotificationMails": [format!("it@{default}")],
        "tenantType": "AAD",
        "verifiedDomains": [domain(&default, true, false), domain(&initial, false, true)],
    });
    let unread = !call.claims.has_any(FULL_ORGANIZATION)
        && world.settings.graph.organization_fields == OrganizationFields::IdOnly;
    let full = if unread { emptied(&full) } else { full };
    let select = call.incoming.parameter("$select");
    let organization = selected(&full, select.as_deref())?;
    let context = format!("{}/v1.0/$metadata#organization", world.graph_url);
    let body = match (id, organization) {
        (Some(_), Value::Object(mut members)) => {
            members.insert("@odata.context".to_owned(), json!(format!("{context}/$entity")));
            Value::Object(members)
        }
        (_, organization) => json!({ "@odata.context": context, "value": [organization] }),
    };
    Ok(Reply::graph(StatusCode::OK, body.to_string()))
}

/// The id, and everything else empty.
fn emptied(full: &Value) -> Value {
    let Value::Object(members) = full else { return full.clone() };
    let empty = |(name, value): (&String, &Value)| {
        let shown = match value {
            _ if name == "id" => value.clone(),
            Value::Array(_) => json!([]),
            _ => Value::Null,
        };
        (name.clone(), shown)
    };
    members.iter().map(empty).collect()
}

fn selected(full: &Value, select: Option<&str>) -> Result<Value, GraphError> {
    let Some(select) = select else { return Ok(full.clone()) };
    let mut members = serde_json::Map::new();
    for name in select.split(',').map(str::trim) {
        let value = full.get(name).ok_or_else(|| {
            GraphError::bad_request(&format!(
                "Parsing OData Select and Expand failed: Could not find a property named \
                 '{name}' on type 'microsoft.graph.organization'."
            ))
        })?;
        members.insert(name.to_owned(), value.clone());
    }
    Ok(Value::Object(members))
}
