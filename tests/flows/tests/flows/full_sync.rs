//! The first full sync, its report, and the second one.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_flows::{
    CallsOf, Customer, Person, ReportRow, Scene, assert_gapless, in_default_scope, of_contact,
    wanted_fields,
};
use serde_json::{Value, json};

/// The counts of a run add up, and say what they should.
#[track_caller]
fn assert_adds_up(run: &Value) {
    let count = |name: &str| run["counts"][name].as_u64().unwrap();
    assert_eq!(count("seen"), count("inScope") + count("skipped"), "{run}");
    let parts = ["created", "updated", "unchanged", "failed", "awaitingReview"].map(count);
    assert_eq!(count("inScope"), parts.iter().sum::<u64>(), "{run}");
}

/// People in scope by address in lower case: where two share one, both.
fn by_address(people: &[Person]) -> BTreeMap<String, Vec<&Person>> {
    let mut addresses: BTreeMap<String, Vec<&Person>> = BTreeMap::new();
    for person in people.iter().filter(|person| in_default_scope(person)) {
        addresses.entry(person.address().to_lowercase()).or_default().push(person);
    }
    addresses
}

fn emails(rows: &[ReportRow]) -> BTreeSet<String> {
    rows.iter().map(|row| row.email().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_in_scope_gets_a_contact_with_every_field_of_the_directory() {
    let scene = Scene::with_users(60).await;
    let customer = scene.connected().await;
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;

    let people = customer.directory();
    let addresses = by_address(&people);
    let shared = addresses.values().filter(|people| people.len() > 1).count() as u64;
    assert!(shared > 0, "the directory has two people with one address");
    assert_eq!((&run["kind"], &run["trigger"]), (&json!("full"), &json!("enable")));
    assert_eq!(run["status"], "partial", "a shared address fails its second bearer: {run}");
    assert_adds_up(&run);
    assert_eq!(run["counts"]["seen"], 60);
    assert_eq!(run["counts"]["failed"], shared);
    assert_eq!(run["counts"]["created"], addresses.len());

    let contacts = customer.contacts_by_user().await;
    assert_eq!(contacts.len(), addresses.len(), "one contact for each address");
    assert_eq!(customer.contacts().await.len(), contacts.len(), "and no other");
    for people in addresses.values() {
        let person = people.iter().find(|person| contacts.contains_key(person.id()));
        let person = person.unwrap_or_else(|| panic!("{people:?} have no contact"));
        let contact = &contacts[person.id()];
        let fields: BTreeMap<String, String> =
            serde_json::from_value(contact["fields"].clone()).unwrap();
        assert_eq!(fields, wanted_fields(person), "the contact of {}", person.id());
        assert_eq!((&contact["source"], &contact["status"]), (&json!("entra"), &json!("active")));
        assert_eq!(contact["version"], 1);
        let link = &contact["link"];
        assert_eq!((&link["state"], &link["tenantId"]), (&json!("linked"), &json!(scene.tenant)));
        assert_eq!(link["connectionId"], customer.connection.as_str());
        assert_eq!(link["userPrincipalName"], person.upn());
    }

    let events = customer.events().await;
    assert_gapless(&events);
    assert_eq!(events.len(), contacts.len());
    assert!(events.iter().all(|event| event["type"] == "ContactCreated"));
    let connection = customer.show().await;
    assert!(connection["lastSyncAt"].is_string() && connection["nextRunAt"].is_string());
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}

/// HF-32 when it ended; HF-33 who succeeded and who failed, apart; HF-34 the file; HF-35 its addresses,
/// each once; HF-36 who is new; HF-37 whether it worked; HF-38 why not.
#[tokio::test(flavor = "multi_thread")]
async fn the_report_lists_everyone_processed_and_says_why_the_others_were_not() {
    let scene = Scene::with_users(60).await;
    let customer = scene.connected().await;
    let run = customer.enable().await;
    let ended = customer.wait_for_run(&run).await;

    let people = customer.directory();
    let contacts = customer.contacts_by_user().await;
    let rows = customer.report(&run).await;
    let in_scope: Vec<&Person> = people.iter().filter(|person| in_default_scope(person)).collect();
    assert_eq!(rows.len(), in_scope.len(), "one row for each person in scope");
    let addresses = in_scope.iter().map(|person| person.address().to_owned()).collect();
    assert_eq!(emails(&rows), addresses);
    let failed: Vec<&ReportRow> =
        rows.iter().filter(|row| row.verdict() == ("New", "Failed")).collect();
    assert_eq!(failed.len(), in_scope.len() - contacts.len());
    assert!(failed.iter().all(|row| row.cell("Result").contains("has this e-mail")), "{failed:?}");
    let good = rows.iter().filter(|row| row.verdict() == ("New", "Success"));
    assert_eq!(good.clone().count(), contacts.len());
    assert!(good.clone().all(|row| row.cell("Result").is_empty()));
    assert!(ended["endedAt"].is_string(), "HF-32: {ended}");
    let told = (&ended["counts"]["created"], &ended["counts"]["failed"]);
    assert_eq!(told, (&json!(contacts.len()), &json!(failed.len())), "HF-33");

    let rows = customer.extended_report(&run).await;
    assert_eq!(rows.len(), people.len(), "the extended form lists everybody");
    let row_of = |wanted: &dyn Fn(&Person) -> bool| {
        let person = people.iter().find(|person| wanted(person)).unwrap();
        rows.iter().find(|row| row.cell("Object Id") == person.id()).unwrap()
    };
    let guest = row_of(&|person| person.text("userType") == Some("Guest"));
    assert_eq!(guest.cell("What Happened"), "skipped");
    assert!(guest.cell("Reason").contains("userType"), "{guest:?}");
    let blocked = row_of(&|person| person.attribute("accountEnabled") == false);
    assert_eq!(blocked.cell("What Happened"), "skipped");
    assert!(blocked.cell("Reason").contains("sign-in is blocked"), "{blocked:?}");
}

/// HF-36 who was there before; HF-39 bettered: the runs before keep their reports.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_sync_of_an_unchanged_directory_writes_nothing() {
    let scene = Scene::with_users(60).await;
    let customer = scene.synced().await;
    let before = customer.contacts().await;
    let events = customer.events().await.len();
    let writes = CallsOf::writes(&scene.stack, "full-sync", "ContactsTable");
    let requests = scene.sim.request_counts().graph_requests;

    let run = customer.sync_now().await;

    let counts = &run["counts"];
    assert_adds_up(&run);
    assert_eq!(counts["unchanged"], before.len());
    assert_eq!((&counts["created"], &counts["updated"]), (&json!(0), &json!(0)));
    let after = CallsOf::writes(&scene.stack, "full-sync", "ContactsTable");
    assert_eq!(after, writes, "an unchanged contact costs no write");
    assert_eq!(customer.contacts().await, before);
    assert_eq!(customer.events().await.len(), events, "nothing happened, so nothing is told");
    let asked = scene.sim.request_counts().graph_requests - requests;
    assert!(asked <= 6, "one page and at most five further requests, not {asked}");
    let rows = customer.report(run["id"].as_str().unwrap()).await;
    let unchanged = rows.iter().filter(|row| row.verdict() == ("Existing", "Success"));
    assert_eq!(unchanged.count(), before.len(), "HF-36");
    for run in scene.rest().list(&customer.path("/runs?kind=full")).await {
        let rows = customer.report(run["id"].as_str().unwrap()).await;
        assert!(rows.len() >= before.len(), "HF-39: {run}");
    }
}

/// A person in the department that the tests' scope names.
fn newcomer(scene: &Scene, name: &str, attributes: &Value) -> String {
    let mut properties = json!({
        "userPrincipalName": format!("{name}@contoso.example"),
        "mail": format!("{name}@contoso.example"),
        "displayName": name,
        "department": "Flow Test",
        "accountEnabled": true,
        "userType": "Member",
        "mobilePhone": "+49 1",
        "employeeId": "7",
        "employeeOrgData": {"costCenter": "CC-1"},
    });
    for (attribute, value) in attributes.as_object().unwrap() {
        properties[attribute] = value.clone();
    }
    scene.sim.create_user(scene.tenant, properties).unwrap().to_string()
}

async fn limit_to_newcomers(customer: &Customer<'_>) {
    customer.change_settings(json!({"scope": {"departments": {"any": ["flow test"]}}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_written_is_named_with_its_reason_and_the_others_go_on() {
    let scene = Scene::with_users(10).await;
    let customer = scene.connected().await;
    customer
        .set_custom_fields(json!([
            {"key": "badge", "label": "Badge", "type": "number"},
            {"key": "costCenter", "label": "Cost centre", "type": "text", "required": true},
        ]))
        .await;
    limit_to_newcomers(&customer).await;
    customer.change_mapping("custom.badge", json!({"source": "[employeeId]"})).await;
    let cost_centre = json!({"source": "[employeeOrgData.costCenter]"});
    customer.change_mapping("custom.costCenter", cost_centre).await;
    customer.change_mapping("mobilePhone", json!({"required": true, "whenEmpty": "fail"})).await;
    let good = newcomer(&scene, "good", &json!({}));
    let mismatch = newcomer(&scene, "mismatch", &json!({"employeeId": "E-7"}));
    let phoneless = newcomer(&scene, "phoneless", &json!({"mobilePhone": null}));
    let costless = newcomer(&scene, "costless", &json!({"employeeOrgData": null}));

    let run = customer.enable().await;
    let ended = customer.wait_for_run(&run).await;
    assert_eq!(ended["status"], "partial");
    assert_eq!((&ended["counts"]["created"], &ended["counts"]["failed"]), (&json!(1), &json!(3)));
    let contact = customer.linked_contact(&good).await;
    assert_eq!(contact["custom"], json!({"badge": 7, "costCenter": "CC-1"}));
    assert_eq!(customer.contacts().await.len(), 1, "a record that fails is not written at all");
    let rows = customer.extended_report(&run).await;
    for (user, reason) in [
        (&mismatch, "datatype mismatch"),
        (&phoneless, "mobilePhone"),
        (&costless, "\"Cost centre\" is empty"),
    ] {
        let row = rows.iter().find(|row| row.cell("Object Id") == user).unwrap();
        assert_eq!(row.verdict(), ("New", "Failed"), "{row:?}");
        assert!(row.cell("Result").contains(reason), "{row:?}");
        assert!(!row.cell("Remedy").is_empty(), "{row:?}");
    }

    // Mended in the directory, the record follows by itself.
    customer.edit(&mismatch, json!({"employeeId": "8"}));
    scene.settle().await;
    assert_eq!(customer.linked_contact(&mismatch).await["custom"]["badge"], 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_that_were_there_before_are_linked_and_keep_their_name() {
    let scene = Scene::with_users(10).await;
    let customer = scene.connected().await;
    limit_to_newcomers(&customer).await;
    let user = newcomer(&scene, "ben", &json!({"jobTitle": "Plumber"}));
    let imported =
        customer.import("email,displayName\nBEN@contoso.example,Benny\nx@else.example,X\n").await;
    assert_eq!((&imported["created"], &imported["failed"]), (&json!(2), &json!(0)), "{imported}");
    let local = customer.contacts().await;
    let benny = local.iter().find(|contact| contact["fields"]["displayName"] == "Benny").unwrap();
    let id = benny["id"].as_str().unwrap();

    let run = customer.enable().await;
    let ended = customer.wait_for_run(&run).await;
    scene.settle().await;

    assert_eq!(ended["status"], "succeeded", "{ended}");
    let contact = customer.linked_contact(&user).await;
    assert_eq!(contact["id"], id, "the contact that was there is the person's");
    assert_eq!(contact["source"], "local");
    assert_eq!(contact["fields"]["displayName"], "Benny", "its name stays");
    assert_eq!(contact["fields"]["jobTitle"], "Plumber", "what was empty is filled");
    let rows = customer.report(&run).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].verdict(), ("Existing", "Success"));
    let told = of_contact(&customer.events().await, id);
    let told: Vec<(&str, u64)> = told.iter().map(|(kind, at)| (kind.as_str(), *at)).collect();
    assert_eq!(told, [("ContactCreated", 1), ("ContactUpdated", 2)]);
    assert_eq!(customer.contacts().await.len(), 2, "nobody else's contact is touched");

    // The adopted contact goes on being this person's.
    customer.edit(&user, json!({"jobTitle": "Master plumber"}));
    scene.settle().await;
    let contact = customer.linked_contact(&user).await;
    assert_eq!(
        (&contact["id"], &contact["fields"]["jobTitle"]),
        (&json!(id), &json!("Master plumber"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_people_and_the_organisation_can_be_looked_at_before_anything_is_written() {
    let scene = Scene::with_users(40).await;
    let customer = scene.connected().await;
    let view = scene.rest().get(&customer.path("/tenant")).await.expect(200).json();
    assert_eq!((&view["id"], &view["name"]), (&json!(scene.tenant), &json!("Contoso")));
    let domains = view["verifiedDomains"].as_array().unwrap();
    assert!(domains.contains(&json!("contoso.example")), "{view}");
    assert_eq!(view["counts"]["users"], 40);
    let sample = view["sample"].as_array().unwrap();
    assert_eq!(sample.len(), 10);
    assert!(sample.iter().all(|person| person["displayName"].is_string()), "{view}");
    assert_eq!(customer.contacts().await, Vec::<Value>::new());
    assert_eq!(scene.items("ContactsTable").await, Vec::<Value>::new(), "nothing is written");
}
