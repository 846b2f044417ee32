//! Devices of the directory and of Intune.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

use super::collection::Collection;
use crate::directory::members::MemberKind;
use crate::directory::properties::Catalogue;
use crate::directory::resource_types::ONLY_ON_SINGLE_DEVICES;
use crate::exchange::Reply;
use crate::graph::Call;
use crate::graph::errors::GraphError;
use crate::graph::member_lists::may_read;
use crate::graph::permissions::{DEVICES, INTUNE, USERS, require};
use crate::graph::users::tenant;
use crate::tenants::Tenant;
use crate::world::World;

const DEVICE_LIST: Collection<'static> =
    Collection { catalogue: Catalogue::devices(), name: "devices", odata_type: None, emptied: &[] };
const MANAGED_LIST: Collection<'static> = Collection {
    catalogue: Catalogue::managed_devices(),
    name: "deviceManagement/managedDevices",
    odata_type: None,
    emptied: &ONLY_ON_SINGLE_DEVICES,
};

/// `GET /devices`
pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Reply, GraphError> {
    require(call.claims, DEVICES)?;
    let devices = tenant(world, call)?.directory.devices();
    DEVICE_LIST.page(world, call, devices.values().map(|device| Cow::Borrowed(&device.object)))
}

/// `GET /devices/{id}`
pub(super) fn one(world: &World, call: &Call<'_>, reference: &str) -> Result<Reply, GraphError> {
    require(call.claims, DEVICES)?;
    let devices = tenant(world, call)?.directory.devices();
    let device = Uuid::try_parse(reference).ok().and_then(|id| devices.get(&id));
    let device = device.ok_or_else(|| GraphError::not_found(reference))?;
    DEVICE_LIST.entity(world, call, &device.object)
}

/// `GET /users/{id}/registeredDevices` and `/ownedDevices`: of devices the caller may not read
/// only type and id.
pub(super) fn of_user(
    world: &World,
    call: &Call<'_>,
    reference: &str,
) -> Result<Reply, GraphError> {
    require(call.claims, USERS)?;
    let directory = &tenant(world, call)?.directory;
    let user = directory.live_user(reference).ok_or_else(|| GraphError::not_found(reference))?;
    let devices = directory.devices_of(user.object.id);
    if may_read(call.claims, MemberKind::Device) {
        let list = Collection {
            name: "directoryObjects",
            odata_type: Some(MemberKind::Device.odata_type()),
            ..DEVICE_LIST
        };
        return list.page(world, call, devices.map(|device| Cow::Borrowed(&device.object)));
    }
    let select = call.incoming.parameter("$select").unwrap_or_default();
    let items: Vec<_> = devices
        .map(|device| {
            let mut item = json!({
                "@odata.type": MemberKind::Device.odata_type(), "id": device.object.id,
            });
            for name in select.split(',').map(str::trim).filter(|n| !n.is_empty() && *n != "id") {
                if let Some(members) = item.as_object_mut() {
                    members.insert(name.to_owned(), json!(null));
                }
            }
            item
        })
        .collect();
    let context = format!("{}/v1.0/$metadata#directoryObjects", world.graph_url);
    let body = json!({ "@odata.context": context, "value": items });
    Ok(Reply::graph(StatusCode::OK, body.to_string()))
}

/// `GET /deviceManagement/managedDevices` and `/users/{id}/managedDevices`
pub(super) fn managed(
    world: &World,
    call: &Call<'_>,
    user: Option<&str>,
) -> Result<Reply, GraphError> {
    require(call.claims, INTUNE)?;
    let tenant = tenant(world, call)?;
    require_intune(world, tenant)?;
    let directory = &tenant.directory;
    let owner = user
        .map(|user| {
            let found = directory.live_user(user).map(|user| user.object.id);
            found.ok_or_else(|| GraphError::not_found(user))
        })
        .transpose()?;
    let records = directory.managed_devices();
    let own = records.values().filter(|device| owner.is_none() || device.owner == owner);
    MANAGED_LIST.page(
        world,
        call,
        own.filter_map(|device| device.managed.as_ref().map(Cow::Borrowed)),
    )
}

/// `GET /deviceManagement/managedDevices/{id}`, where the rarer properties have values.
pub(super) fn managed_one(
    world: &World,
    call: &Call<'_>,
    reference: &str,
) -> Result<Reply, GraphError> {
    require(call.claims, INTUNE)?;
    let tenant = tenant(world, call)?;
    require_intune(world, tenant)?;
    let records = tenant.directory.managed_devices();
    let device = Uuid::try_parse(reference).ok().and_then(|id| records.get(&id).copied());
    let record = device.and_then(|device| device.managed.as_ref());
    let record = record.ok_or_else(|| {
        GraphError::new(StatusCode::NOT_FOUND, "ResourceNotFound", "The device was not found.")
    })?;
    Collection { emptied: &[], ..MANAGED_LIST }.entity(world, call, record)
}

/// A tenant without Intune is refused as a whole; how exactly is not documented.
fn require_intune(world: &World, tenant: &Tenant) -> Result<(), GraphError> {
    if tenant.spec.intune {
        return Ok(());
    }
    let (status, code) = match world.settings.graph.no_intune_status {
        400 => (StatusCode::BAD_REQUEST, "BadRequest"),
        _ => (StatusCode::FORBIDDEN, "Forbidden"),
    };
    Err(GraphError::new(status, code, "Request not applicable to target tenant."))
}
