//! `/subscriptions`: create, read, renew, reauthorise, delete.

use std::ops::Bound;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::errors::GraphError;
use super::paging::{Position, next_link, position};
use super::permissions::{GROUPS_FULL, USERS, require};
use super::users::tenant;
use super::{Call, handshake, instant};
use crate::command::Command;
use crate::exchange::Reply;
use crate::options::is_loopback;
use crate::simulation::Sim;
use crate::subscriptions::{
    LONGEST_CLIENT_STATE, LONGEST_MINUTES, Subscription, Watched, granted_expiry,
    is_valid_change_type,
};
use crate::world::World;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    change_type: Option<String>,
    notification_url: Option<String>,
    lifecycle_notification_url: Option<String>,
    resource: Option<String>,
    expiration_date_time: Option<String>,
    client_state: Option<String>,
    latest_supported_tls_version: Option<String>,
    include_resource_data: Option<bool>,
}

/// `POST /subscriptions`: checked, then both endpoints are validated, then created.
pub(super) async fn create(sim: &Sim, call: &Call<'_>) -> Result<Reply, GraphError> {
    let wanted: Wanted = body(call)?;
    let (subscription, limit) = {
        let world = sim.world();
        let subscription = proposed(&world, call, wanted)?;
        check_room(&world, &subscription)?;
        (subscription, handshake_limit(&world))
    };
    validate(sim, &subscription, limit).await?;
    let mut world = sim.world();
    // The handshake took time: somebody else may have created the same meanwhile.
    check_room(&world, &subscription)?;
    let reply = show(&world, StatusCode::CREATED, &subscription, true);
    let location = format!("{}/v1.0/subscriptions/{}", world.graph_url, subscription.id);
    store(&mut world, sim.now(), subscription);
    drop(world);
    sim.clock.nudge();
    Ok(reply.with_header("location", location))
}

fn proposed(world: &World, call: &Call<'_>, wanted: Wanted) -> Result<Subscription, GraphError> {
    let missing = |name: &str| invalid(&format!("'{name}' is required."));
    let resource = wanted.resource.ok_or_else(|| missing("resource"))?;
    let resource = resource.trim_start_matches('/').to_owned();
    let watched = Watched::parse(&resource)
        .ok_or_else(|| invalid(&format!("The resource '{resource}' is not supported.")))?;
    require(call.claims, if watched.is_about_users() { USERS } else { GROUPS_FULL })?;
    let change_type = wanted.change_type.ok_or_else(|| missing("changeType"))?;
    if !is_valid_change_type(&change_type) {
        return Err(invalid(&format!(
            "The changeType '{change_type}' is not supported for this resource; only 'updated' \
             and 'deleted' are."
        )));
    }
    if wanted.include_resource_data == Some(true) {
        return Err(invalid(
            "Azure Active Directory workload is not enabled for rich notifications.",
        ));
    }
    if wanted
        .client_state
        .as_ref()
        .is_some_and(|state| state.chars().count() > LONGEST_CLIENT_STATE)
    {
        return Err(invalid("'clientState' must not be longer than 128 characters."));
    }
    let notification_url = wanted.notification_url.ok_or_else(|| missing("notificationUrl"))?;
    let loopback = world.settings.notifications.allow_http_loopback;
    for url in
        [Some(&notification_url), wanted.lifecycle_notification_url.as_ref()].into_iter().flatten()
    {
        check_url(url, loopback)?;
    }
    let expiry = wanted.expiration_date_time.ok_or_else(|| missing("expirationDateTime"))?;
    let tenant = tenant(world, call)?;
    let creator = tenant.grants.get(&call.claims.appid).map(|grant| grant.service_principal);
    Ok(Subscription {
        id: Uuid::new_v4(),
        tenant: call.claims.tid,
        app: call.claims.appid,
        creator: creator.ok_or_else(GraphError::identity_not_found)?,
        resource,
        change_type,
        notification_url,
        lifecycle_notification_url: wanted.lifecycle_notification_url,
        client_state: wanted.client_state,
        expires_at: expiry_of(&expiry, call.now)?,
        renewed_at: call.now,
        latest_supported_tls_version: wanted
            .latest_supported_tls_version
            .unwrap_or_else(|| "v1_2".to_owned()),
        authorized: true,
        reauthorization_sent: false,
    })
}

fn check_url(url: &str, allow_http_loopback: bool) -> Result<(), GraphError> {
    let parsed = url::Url::parse(url);
    match parsed {
        Ok(url) if url.scheme() == "https" => Ok(()),
        Ok(url) if url.scheme() == "http" && allow_http_loopback && is_loopback(&url) => Ok(()),
        _ => Err(invalid("'notificationUrl' must be an HTTPS address.")),
    }
}

fn expiry_of(text: &str, now: Timestamp) -> Result<Timestamp, GraphError> {
    let asked: Timestamp = text.parse().map_err(|error| {
        invalid(&format!("'expirationDateTime' is not a date and time: {error}"))
    })?;
    granted_expiry(asked, now).ok_or_else(|| {
        GraphError::new(
            StatusCode::BAD_REQUEST,
            "ExtensionError",
            &format!(
                "Subscription expiration can only be {LONGEST_MINUTES} minutes in the future."
            ),
        )
    })
}

/// Duplicates are 409, full quotas 403.
fn check_room(world: &World, subscription: &Subscription) -> Result<(), GraphError> {
    let known = world.subscriptions.values();
    if let Some(twin) = known.clone().find(|known| known.repeats(subscription)) {
        return Err(GraphError::new(
            StatusCode::CONFLICT,
            "Conflict",
            &format!("Subscription Id {} already exists for the requested combination", twin.id),
        ));
    }
    let of_tenant = known.clone().filter(|known| known.tenant == subscription.tenant);
    let in_tenant = of_tenant.clone().count();
    let of_app = of_tenant.filter(|known| known.app == subscription.app).count();
    let settings = &world.settings.notifications;
    if of_app >= settings.max_per_app_and_tenant || in_tenant >= settings.max_per_tenant {
        return Err(GraphError::new(
            StatusCode::FORBIDDEN,
            "ExtensionError",
            "Operation: Create; Exception: [Status Code: Forbidden; Reason: Maximum number of \
             subscriptions has been reached]",
        ));
    }
    Ok(())
}

async fn validate(
    sim: &Sim,
    subscription: &Subscription,
    limit: Duration,
) -> Result<(), GraphError> {
    // Two URLs, two requests, also when both are the same.
    handshake::validate(&sim.client, &subscription.notification_url, limit).await?;
    if let Some(url) = &subscription.lifecycle_notification_url {
        handshake::validate(&sim.client, url, limit).await?;
    }
    Ok(())
}

fn handshake_limit(world: &World) -> Duration {
    Duration::from_millis(world.settings.notifications.retry_timeout_ms)
}

/// `GET /subscriptions`: those of this app in this tenant.
pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Reply, GraphError> {
    require(call.claims, &[USERS, GROUPS_FULL].concat())?;
    let with_state = world.settings.notifications.list_shows_client_state;
    let size = world.settings.notifications.list_page_size.max(1);
    let start = match position(world, call)? {
        Some(Position::After(id)) => Bound::Excluded(id),
        _ => Bound::Unbounded,
    };
    let mut own = world
        .subscriptions
        .range((start, Bound::Unbounded))
        .filter(|(_, known)| known.tenant == call.claims.tid && known.app == call.claims.appid);
    let page: Vec<&Subscription> = own.by_ref().take(size).map(|(_, known)| known).collect();
    let last = page.last().map(|subscription| Position::After(subscription.id));
    let next = last.filter(|_| own.next().is_some());
    let items: Vec<Value> =
        page.into_iter().map(|subscription| shown(subscription, with_state)).collect();
    let context = format!("{}/v1.0/$metadata#subscriptions", world.graph_url);
    let mut body = json!({ "@odata.context": context, "value": items });
    if let (Some(next), Some(members)) = (next, body.as_object_mut()) {
        members.insert("@odata.nextLink".to_owned(), json!(next_link(world, call, next)));
    }
    Ok(Reply::graph(StatusCode::OK, body.to_string()))
}

/// `GET /subscriptions/{id}`
pub(super) fn one(world: &World, call: &Call<'_>, id: &str) -> Result<Reply, GraphError> {
    let subscription = own(world, call, id)?;
    let with_state = world.settings.notifications.list_shows_client_state;
    Ok(show(world, StatusCode::OK, &subscription, with_state))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Renewal {
    expiration_date_time: Option<String>,
    notification_url: Option<String>,
}

/// `PATCH /subscriptions/{id}`: renews and so reauthorises; a new URL is validated.
pub(super) async fn update(sim: &Sim, call: &Call<'_>, id: &str) -> Result<Reply, GraphError> {
    let renewal: Renewal = body(call)?;
    let (mut subscription, limit) = {
        let world = sim.world();
        (own(&world, call, id)?, handshake_limit(&world))
    };
    if let Some(expiry) = renewal.expiration_date_time {
        subscription.expires_at = expiry_of(&expiry, call.now)?;
        subscription.renewed_at = call.now;
        subscription.reauthorization_sent = false;
    }
    subscription.authorized = true;
    let settings = sim.world().settings.notifications.clone();
    let moved = renewal.notification_url.is_some();
    if let Some(url) = renewal.notification_url {
        check_url(&url, settings.allow_http_loopback)?;
        subscription.notification_url = url;
    }
    if moved || settings.validate_on_renewal {
        handshake::validate(&sim.client, &subscription.notification_url, limit).await?;
    }
    let mut world = sim.world();
    let with_state = world.settings.notifications.list_shows_client_state;
    let reply = show(&world, StatusCode::OK, &subscription, with_state);
    store(&mut world, sim.now(), subscription);
    drop(world);
    sim.clock.nudge();
    Ok(reply)
}

/// `POST /subscriptions/{id}/reauthorize`: keeps deliveries going, not the expiry.
pub(super) fn reauthorize(
    world: &mut World,
    call: &Call<'_>,
    id: &str,
) -> Result<Reply, GraphError> {
    let subscription = own(world, call, id)?;
    store(world, call.now, Subscription { authorized: true, ..subscription });
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// `DELETE /subscriptions/{id}`
pub(super) fn delete(world: &mut World, call: &Call<'_>, id: &str) -> Result<Reply, GraphError> {
    let id = own(world, call, id)?.id;
    let _ = world.execute(call.now, Command::RemoveSubscription { id });
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn own(world: &World, call: &Call<'_>, id: &str) -> Result<Subscription, GraphError> {
    let missing =
        || GraphError::new(StatusCode::NOT_FOUND, "ResourceNotFound", "The object was not found.");
    let id = Uuid::try_parse(id).map_err(|_not_a_guid| missing())?;
    let subscription = world
        .subscriptions
        .get(&id)
        .filter(|known| known.tenant == call.claims.tid && known.app == call.claims.appid)
        .ok_or_else(missing)?;
    let watched = Watched::parse(&subscription.resource).ok_or_else(missing)?;
    require(call.claims, if watched.is_about_users() { USERS } else { GROUPS_FULL })?;
    Ok(subscription.clone())
}

fn store(world: &mut World, now: Timestamp, subscription: Subscription) {
    let _ = world.execute(now, Command::PutSubscription { subscription: Box::new(subscription) });
}

fn show(world: &World, status: StatusCode, subscription: &Subscription, with_state: bool) -> Reply {
    let mut body = shown(subscription, with_state);
    let context = format!("{}/v1.0/$metadata#subscriptions/$entity", world.graph_url);
    if let Some(members) = body.as_object_mut() {
        members.insert("@odata.context".to_owned(), json!(context));
    }
    Reply::graph(status, body.to_string())
}

fn shown(subscription: &Subscription, with_state: bool) -> Value {
    json!({
        "id": subscription.id,
        "resource": subscription.resource,
        "applicationId": subscription.app,
        "changeType": subscription.change_type,
        "clientState": if with_state { json!(subscription.client_state) } else { Value::Null },
        "notificationUrl": subscription.notification_url,
        "lifecycleNotificationUrl": subscription.lifecycle_notification_url,
        "expirationDateTime": instant(subscription.expires_at),
        "creatorId": subscription.creator,
        "latestSupportedTlsVersion": subscription.latest_supported_tls_version,
        "includeResourceData": null,
        "encryptionCertificate": null,
        "encryptionCertificateId": null,
        "notificationQueryOptions": null,
        "notificationUrlAppId": null,
    })
}

fn invalid(message: &str) -> GraphError {
    GraphError::new(StatusCode::BAD_REQUEST, "InvalidRequest", message)
}

fn body<T: serde::de::DeserializeOwned>(call: &Call<'_>) -> Result<T, GraphError> {
    serde_json::from_slice(&call.incoming.body)
        .map_err(|error| invalid(&format!("Unable to read JSON request payload: {error}")))
}
