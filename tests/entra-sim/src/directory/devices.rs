//! Devices: who registered which, and what Intune knows of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::derived::{built, draw};
use super::members::MemberKind;
use super::object::DirectoryObject;
use super::properties::Catalogue;
use super::{Directory, User, WELL_KNOWN};
use crate::identifiers::seeded_guid;

/// A device of the directory.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) object: DirectoryObject,
    /// Who registered it.
    pub(crate) owner: Option<Uuid>,
    /// Intune's record of it, by its own id.
    pub(crate) managed: Option<DirectoryObject>,
}

/// Operating system, version, maker, model, how it is joined.
const MODELS: [[&str; 5]; 4] = [
    ["Windows", "10.0.26100.2314", "Lenovo", "ThinkPad X1", "AzureAd"],
    ["Windows", "10.0.22631.4460", "Dell Inc.", "Latitude 7450", "ServerAd"],
    ["MacMDM", "15.1", "Apple", "MacBookPro18,3", "AzureAd"],
    ["IPhone", "18.1.1", "Apple", "iPhone 15", "Workplace"],
];

impl Directory {
    /// All devices by object id.
    pub(crate) fn devices(&self) -> &BTreeMap<Uuid, Device> {
        self.devices.get_or_init(|| self.first_devices())
    }

    /// The same, to be changed.
    pub(super) fn devices_mut(&mut self) -> Option<&mut BTreeMap<Uuid, Device>> {
        self.devices();
        self.devices.get_mut()
    }

    /// The devices a person registered.
    pub(crate) fn devices_of(&self, user: Uuid) -> impl Iterator<Item = &Device> {
        self.devices().values().filter(move |device| device.owner == Some(user))
    }

    /// Intune's records by their ids.
    pub(crate) fn managed_devices(&self) -> BTreeMap<Uuid, &Device> {
        let managed = |device| -> Option<(Uuid, &Device)> {
            let device: &Device = device;
            Some((device.managed.as_ref()?.id, device))
        };
        self.devices().values().filter_map(managed).collect()
    }

    fn first_devices(&self) -> BTreeMap<Uuid, Device> {
        let mut devices = BTreeMap::new();
        for (id, other) in self.others.iter().filter(|(_, o)| o.kind == MemberKind::Device) {
            let device = generated(*id, &other.display_name, None, 0);
            devices.insert(*id, device);
        }
        let people = self.users.values().filter(|user| user.object.generated);
        for user in people {
            let id = user.object.id;
            let guest = user.object.json(WELL_KNOWN.user_type) == Some("\"Guest\"");
            let count = if guest { 0 } else { draw(id, "devices", 10).saturating_sub(5).min(2) };
            for number in 0..count {
                let device = seeded_guid(number, "device", id.as_u64_pair().0);
                let model = draw(id, &format!("device/{number}"), 4);
                let name = format!("DEV-{}", &device.simple().to_string()[..8]).to_uppercase();
                devices.insert(device, generated(device, &name, Some(user), model));
            }
        }
        devices
    }
}

fn generated(id: Uuid, name: &str, owner: Option<&User>, model: u64) -> Device {
    let at = usize::try_from(model).unwrap_or_default();
    let [system, version, maker, model, trust] = MODELS.get(at).copied().unwrap_or_default();
    let managed = draw(id, "device/managed", 3) > 0 && owner.is_some();
    let compliant = managed && draw(id, "device/compliant", 5) > 0;
    let day = 1 + draw(id, "device/seen", 20);
    let device_id = seeded_guid(0, "device-id", id.as_u64_pair().0);
    let members = json!({
        "accountEnabled": true,
        "approximateLastSignInDateTime": format!("2026-11-{day:02}T06:00:00Z"),
        "deviceId": device_id,
        "deviceOwnership": if trust == "Workplace" { "Personal" } else { "Company" },
        "deviceVersion": 2,
        "displayName": name,
        "isCompliant": if managed { json!(compliant) } else { json!(null) },
        "isManaged": if managed { json!(true) } else { json!(null) },
        "manufacturer": maker,
        "model": model,
        "operatingSystem": system,
        "operatingSystemVersion": version,
        "physicalIds": [format!("[USER-HWID]:{}", id.simple())],
        "profileType": "RegisteredDevice",
        "registrationDateTime": "2024-05-02T07:00:00Z",
        "trustType": trust,
    });
    let mut device = Device {
        object: built(id, &Catalogue::devices(), members.as_object().unwrap_or(&Map::new())),
        owner: owner.map(|user| user.object.id),
        managed: None,
    };
    if let (true, Some(owner)) = (managed, owner) {
        // A device that never joined the directory has the zero id there.
        let joined = if draw(id, "device/joined", 12) == 0 { Uuid::nil() } else { device_id };
        device.managed = Some(intune_record(id, name, owner, joined, compliant));
    }
    device
}

fn intune_record(
    device: Uuid,
    name: &str,
    owner: &User,
    joined: Uuid,
    compliant: bool,
) -> DirectoryObject {
    let id = seeded_guid(0, "managed-device", device.as_u64_pair().0);
    let model = draw(owner.object.id, "device/0", 4);
    let at = usize::try_from(model).unwrap_or_default();
    let [system, version, maker, model, _] = MODELS.get(at).copied().unwrap_or_default();
    let serial = device.simple().to_string().to_uppercase();
    let mac: String = serial.get(..12).unwrap_or_default().to_owned();
    let text = |property| owner.object.text(property);
    let members = json!({
        "userId": owner.object.id,
        "deviceName": name,
        "managedDeviceOwnerType": "company",
        "enrolledDateTime": "2024-05-02T07:10:00Z",
        // Intune writes the calendar's first day where nothing happened yet.
        "lastSyncDateTime": if draw(id, "never-synced", 20) == 0 {
            "0001-01-01T00:00:00Z".to_owned()
        } else {
            format!("2026-11-{:02}T05:30:00Z", 1 + draw(id, "synced", 20))
        },
        "operatingSystem": system,
        "complianceState": if compliant { "compliant" } else { "noncompliant" },
        "jailBroken": "Unknown",
        "managementAgent": "mdm",
        "osVersion": version,
        "azureADRegistered": true,
        "deviceEnrollmentType": "windowsAzureADJoin",
        "emailAddress": text(WELL_KNOWN.mail),
        "azureADDeviceId": joined,
        "deviceRegistrationState": "registered",
        "isEncrypted": true,
        "userPrincipalName": text(WELL_KNOWN.user_principal_name),
        "model": model,
        "manufacturer": maker,
        "imei": "",
        "serialNumber": serial.get(..10),
        "userDisplayName": text(WELL_KNOWN.display_name),
        "wiFiMacAddress": mac,
        "totalStorageSpaceInBytes": 511_101_108_224_u64,
        "freeStorageSpaceInBytes": 211_101_108_224_u64,
        "managedDeviceName": format!("{name}_Windows"),
        "ethernetMacAddress": mac.chars().rev().collect::<String>(),
        "udid": "",
        "iccid": "",
    });
    built(id, &Catalogue::managed_devices(), members.as_object().unwrap_or(&Map::new()))
}

/// Properties of a device given by hand.
pub(super) fn by_hand(
    id: Uuid,
    members: &Map<String, Value>,
    owner: Option<&User>,
    managed: bool,
) -> Device {
    let mut device = generated(id, "", owner, 0);
    let catalogue = Catalogue::devices();
    for (name, value) in members {
        if let Some(property) = catalogue.find(name) {
            device.object.set(property, value, 0);
        }
    }
    device.managed = match (managed, owner) {
        (true, Some(owner)) => {
            let name = members.get("displayName").and_then(Value::as_str).unwrap_or_default();
            let joined = seeded_guid(0, "device-id", id.as_u64_pair().0);
            Some(intune_record(id, name, owner, joined, true))
        }
        _ => None,
    };
    device
}
