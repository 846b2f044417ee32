//! What lies around people: licences, reports, devices, mailboxes, photos, calendars.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::client::Client;

const ALL: &[&str] = &[
    "User.Read.All",
    "GroupMember.Read.All",
    "Device.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "LicenseAssignment.Read.All",
    "AuditLog.Read.All",
    "MailboxSettings.Read",
    "Calendars.Read",
    "OrgContact.Read.All",
];

#[tokio::test]
async fn licences_add_up_and_a_retired_product_stays_on_people_alone() {
    let client = Client::with_roles(300, ALL).await;
    let people = client.drain("/users?$select=id,assignedLicenses&$top=999", &[]).await.entries;
    let held = |sku: &str| {
        let holds = |person: &&serde_json::Value| {
            person["assignedLicenses"].as_array().expect("list").iter().any(|l| l["skuId"] == sku)
        };
        people.iter().filter(holds).count()
    };
    let (status, skus) = client.get("/subscribedSkus").await;
    assert_eq!(status, StatusCode::OK);
    let skus = skus["value"].as_array().expect("value").clone();
    for sku in &skus {
        let id = sku["skuId"].as_str().expect("id");
        assert_eq!(sku["consumedUnits"], json!(held(id)), "{id}");
    }
    let retired = "18181a46-0d4e-45cd-891e-60aabd171b4e";
    assert!(held(retired) > 0 && skus.iter().all(|sku| sku["skuId"] != retired));
}

#[tokio::test]
async fn the_report_knows_no_disabled_people_and_needs_a_premium_licence() {
    let client = Client::with_roles(120, ALL).await;
    let path = "/reports/authenticationMethods/userRegistrationDetails";
    let rows = client.drain(&format!("{path}?$top=999"), &[]).await;
    let people = client.drain("/users?$select=id,accountEnabled&$top=999", &[]).await.entries;
    let enabled = people.iter().filter(|person| person["accountEnabled"] == true).count();
    assert_eq!(rows.entries.len(), enabled);
    assert!(rows.entries.iter().any(|row| row["userType"] == "guest"), "lower case here");
    client.sim.change_licence(client.tenant.id, Some(false), None).expect("changed");
    for path in [path, "/users?$select=id,signInActivity"] {
        let (status, body) = client.get(path).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        let code = "Authentication_RequestFromNonPremiumTenantOrB2CTenant";
        assert_eq!(body["error"]["code"], code);
    }
}

#[tokio::test]
async fn sign_ins_come_in_pages_of_500_and_are_absent_for_those_who_never_came() {
    let client = Client::with_roles(600, ALL).await;
    let (_, page) = client.get("/users?$select=id,signInActivity&$top=999").await;
    let entries = page["value"].as_array().expect("value");
    assert_eq!(entries.len(), 500);
    let with = entries.iter().filter(|entry| entry.get("signInActivity").is_some()).count();
    assert!(with > 300 && with < 500, "{with}");
}

#[tokio::test]
async fn rarer_properties_of_managed_devices_come_one_by_one() {
    let client = Client::with_roles(200, ALL).await;
    let devices = client.drain("/deviceManagement/managedDevices", &[]).await.entries;
    assert!(devices.iter().all(|device| device["ethernetMacAddress"].is_null()));
    let zero = "00000000-0000-0000-0000-000000000000";
    assert!(devices.iter().any(|device| device["azureADDeviceId"] == zero), "never joined");
    let id = devices[0]["id"].as_str().expect("id");
    let (_, one) = client.get(&format!("/deviceManagement/managedDevices/{id}")).await;
    assert!(one["ethernetMacAddress"].is_string());
    let owner = devices[0]["userId"].as_str().expect("owner");
    let (_, own) = client.get(&format!("/users/{owner}/managedDevices?$select=id")).await;
    assert!(own["value"].as_array().expect("value").iter().any(|device| device["id"] == id));
    client.sim.change_licence(client.tenant.id, None, Some(false)).expect("changed");
    let (status, _) = client.get("/deviceManagement/managedDevices").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_device_the_app_may_not_read_shows_type_and_id_alone() {
    let client = Client::with_users(100).await;
    let devices = client.sim.devices(client.tenant.id).expect("devices");
    let owned = devices.iter().find(|device| device["_owner"].is_string()).expect("owned");
    let owner = owned["_owner"].as_str().expect("id");
    let path = format!("/users/{owner}/registeredDevices?$select=id,displayName");
    let (status, list) = client.get(&path).await;
    assert_eq!(status, StatusCode::OK);
    let shown = &list["value"][0];
    assert_eq!(shown["@odata.type"], "#microsoft.graph.device");
    assert!(shown["id"].is_string() && shown["displayName"].is_null());
    assert_eq!(client.get("/devices").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn photos_are_images_of_the_size_asked_for_or_missing() {
    let client = Client::with_users(60).await;
    let mut codes = std::collections::BTreeSet::new();
    let mut images = 0;
    for person in client.sim.users(client.tenant.id).expect("users") {
        let id = person["id"].as_str().expect("id");
        let path = format!("/users/{id}/photos/64x64/$value");
        let answer = client.send(Method::GET, &path, &[], None).await;
        if answer.status() == StatusCode::OK {
            assert_eq!(answer.headers()["content-type"], "image/jpeg");
            assert_eq!(answer.bytes().await.expect("bytes")[..2], [0xFF, 0xD8]);
            images += 1;
        } else {
            let body: serde_json::Value = answer.json().await.expect("JSON");
            codes.insert(body["error"]["code"].as_str().expect("code").to_owned());
        }
    }
    assert!(images > 10, "{images}");
    let wanted = ["ErrorItemNotFound", "GetUserPhoto", "ImageNotFound"].map(str::to_owned);
    assert_eq!(codes, wanted.into());
}

#[tokio::test]
async fn mailboxes_have_windows_or_iana_zones_and_not_everybody_has_one() {
    let client = Client::with_roles(120, ALL).await;
    let (mut zones, mut codes) = (Vec::new(), std::collections::BTreeSet::new());
    for person in client.sim.users(client.tenant.id).expect("users") {
        let id = person["id"].as_str().expect("id");
        let (status, body) = client.get(&format!("/users/{id}/mailboxSettings")).await;
        if status == StatusCode::OK {
            zones.push(body["timeZone"].as_str().expect("zone").to_owned());
        } else {
            codes.insert(body["error"]["code"].as_str().expect("code").to_owned());
        }
    }
    assert!(zones.iter().any(|zone| zone.contains('/')), "IANA");
    assert!(zones.iter().any(|zone| zone.contains("Standard Time")), "Windows");
    assert_eq!(codes.len(), 2, "{codes:?}");
}

#[tokio::test]
async fn a_calendar_round_tells_what_was_put_in_and_taken_out() {
    let client = Client::with_roles(60, ALL).await;
    let people = client.sim.users(client.tenant.id).expect("users");
    let mut owner = String::new();
    for person in &people {
        let id = person["id"].as_str().expect("id");
        if client.get(&format!("/users/{id}/mailboxSettings")).await.0 == StatusCode::OK {
            id.clone_into(&mut owner);
            break;
        }
    }
    let window = "startDateTime=2026-11-01T00:00:00Z&endDateTime=2026-12-01T00:00:00Z";
    let path = format!("/users/{owner}/calendarView/delta?{window}");
    let prefer = [("prefer", "odata.maxpagesize=3")];
    let round = client.drain(&path, &prefer).await;
    assert!(round.pages > 1 && round.entries.len() > 5, "{}", round.entries.len());
    let view = client.drain(&format!("/users/{owner}/calendarView?{window}&$top=4"), &[]).await;
    assert_eq!(view.ids(), round.ids());
    let key = "0b6f1c1e-0000-4000-8000-000000000001";
    let event =
        json!({"subject": "Visit", "start": "2026-11-12T09:00:00Z", "end": "2026-11-12T10:00:00Z"});
    let at = format!("{}/_sim/tenants/contoso.example/users/{owner}/events/{key}", client.base());
    let put = client.http.put(&at).json(&event).send().await.expect("answered");
    assert_eq!(put.status(), StatusCode::NO_CONTENT);
    let changed = client.drain(&round.delta_link, &[]).await;
    assert_eq!(changed.entries[0]["subject"], "Visit");
    client.http.delete(&at).send().await.expect("answered");
    let removed = client.drain(&changed.delta_link, &[]).await;
    assert_eq!(removed.entries[0]["@removed"]["reason"], "deleted");
    let refused = client.get(&format!("{path}&$select=subject")).await;
    assert_eq!(refused.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_group_can_be_filled_to_ten_thousand_members() {
    let client = Client::with_roles(100, &["Group.Read.All", "User.Read.All"]).await;
    let command =
        entra_sim::DirectoryCommand::FillGroup { group: "Board".to_owned(), members: 10_000 };
    let group = client.sim.apply(client.tenant.id, command).expect("filled").expect("changed");
    let path = format!("/groups/delta?$filter=id eq '{group}'&$select=members");
    let round = client.drain(&path, &[]).await;
    let members: std::collections::BTreeSet<&str> = round
        .entries
        .iter()
        .flat_map(|entry| entry["members@delta"].as_array().expect("members"))
        .filter_map(|member| member["id"].as_str())
        .collect();
    assert_eq!(members.len(), 10_000);
    assert!(round.entries.len() >= 20, "slices of 500 members");
}

#[tokio::test]
async fn what_is_not_documented_has_both_variants() {
    let client = Client::with_users(250).await;
    client.set(|settings| {
        settings.graph.link_padding = 4_000;
        settings.graph.organization_fields = entra_sim::OrganizationFields::IdOnly;
        settings.delta.heeds_max_page_size = true;
        settings.throttling.delta_page_units = 3.0;
    });
    let round = client
        .drain("/users/delta?$select=displayName,manager", &[("prefer", "odata.maxpagesize=90")])
        .await;
    assert_eq!((round.pages, round.entries.len()), (3, 250));
    assert!(round.delta_link.len() > 4_000);
    let answer = client.send(Method::GET, &round.delta_link, &[], None).await;
    assert_eq!(answer.headers()["x-ms-resource-unit"], "3");
    let (_, organization) = client.get("/organization?$select=id,verifiedDomains").await;
    assert_eq!(organization["value"][0]["id"], json!(client.tenant.id));
    assert_eq!(organization["value"][0]["verifiedDomains"], json!([]));
    let people = client.sim.users(client.tenant.id).expect("users");
    let led = people.iter().find(|person| person["_manager"].is_string()).expect("led");
    let led = led["id"].as_str().expect("id").to_owned();
    let command = entra_sim::DirectoryCommand::SetManager { user: led, manager: None };
    client.sim.apply(client.tenant.id, command).expect("changed");
    for (variant, told) in [
        (entra_sim::RemovedManager::Item, json!([{ "@removed": { "reason": "deleted" } }])),
        (entra_sim::RemovedManager::Empty, json!([])),
        (entra_sim::RemovedManager::Absent, json!(null)),
    ] {
        client.set(|settings| settings.delta.removed_manager = variant);
        let changes = client.drain(&round.delta_link, &[]).await;
        assert_eq!(changes.entries[0]["manager@delta"], told);
    }
}
