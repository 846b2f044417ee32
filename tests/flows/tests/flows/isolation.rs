//! Several customers, tenants and connections side by side, and leaving for good.

use contact_sync_flows::{Customer, Scene, SceneOptions, assert_gapless};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn two_customers_of_two_organisations_never_mix() {
    let scene = Scene::with_users(15).await;
    let contoso = scene.synced().await;
    let fabrikam = scene.customer("fabrikam").await;
    fabrikam.connect(scene.other_tenant).await;
    let before = contoso.contacts().await;
    let run = fabrikam.enable_for(scene.other_tenant).await.expect(202).run_id();
    fabrikam.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(contoso.contacts().await, before);
    let theirs = fabrikam.contacts().await;
    assert!(!theirs.is_empty());
    let tenant = json!(scene.other_tenant);
    assert!(theirs.iter().all(|contact| contact["link"]["tenantId"] == tenant));
    let events = fabrikam.events().await;
    assert!(events.iter().all(|event| event["accountId"] == fabrikam.account.as_str()));
    assert_gapless(&events);

    // A change in one organisation makes no run in the other.
    let runs = fabrikam.runs().await;
    let user = contoso.people_in_scope()[0].id().to_owned();
    contoso.edit(&user, json!({"jobTitle": "At Contoso"}));
    scene.settle().await;
    assert_eq!(contoso.linked_contact(&user).await["fields"]["jobTitle"], "At Contoso");
    assert_eq!(fabrikam.runs().await, runs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_two_organisations_is_one_contact_and_the_second_is_told_why() {
    let scene = Scene::with_users(15).await;
    let first = scene.synced().await;
    let person = first.people_in_scope().remove(0);
    let twin = json!({
        "userPrincipalName": "twin@fabrikam.example", "mail": person.address(),
        "displayName": "Twin", "userType": "Member", "accountEnabled": true,
    });
    let twin = scene.sim.create_user(scene.other_tenant, twin).unwrap().to_string();
    let before = first.linked_contact(person.id()).await;

    let second = Customer::of_account(&scene, &first.account).await;
    second.connect(scene.other_tenant).await;
    let run = second.enable_for(scene.other_tenant).await.expect(202).run_id();
    second.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(first.linked_contact(person.id()).await, before, "the first connection's contact");
    let rows = second.extended_report(&run).await;
    let row = rows.iter().find(|row| row.cell("Object Id") == twin).unwrap();
    assert_eq!(row.cell("Sync Status"), "Failed", "{row:?}");
    assert!(row.cell("Result").contains("has this e-mail"), "{row:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_erased_leaves_nothing_behind() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let other = scene.customer("other").await;
    let kept = other.create_contact(json!({"email": "kept@else.example"})).await;
    let stored = scene.stored_files();
    assert!(stored.iter().any(|key| key.contains(&customer.account)), "{stored:?}");
    let rest = scene.rest();
    rest.delete(&customer.account_path("")).await.expect(204);
    scene.settle().await;
    rest.get(&customer.account_path("")).await.expect(404);
    assert!(scene.sim.subscriptions().is_empty(), "Graph is told to stop");
    let schedules = scene.stack.schedules().all();
    assert!(schedules.iter().all(|schedule| !schedule.name.contains(&customer.connection)));
    for table in ["StateTable", "ContactsTable"] {
        for item in scene.items(table).await {
            let text = item.to_string();
            // The common log keeps its numbers, so that its readers miss nothing of others.
            let pk = item["pk"]["S"].as_str().unwrap();
            let is_number = pk.starts_with("EVENTS#ALL#");
            // The installation keeps who asked for accounts to be made and erased.
            let is_on_record = pk == "AUDIT#INSTALLATION";
            assert!(
                is_number || is_on_record || !text.contains(&customer.account),
                "{table} still has {text}"
            );
            assert!(!text.contains("@contoso.example"), "{table} still has {text}");
        }
    }
    let stored = scene.stored_files();
    assert!(stored.iter().all(|key| !key.contains(&customer.account)), "{stored:?}");
    assert_eq!(other.contacts().await, [kept], "nobody else loses anything");
    assert_eq!(rest.list("/v1/events").await.len(), 1, "only the other account's event is left");
    // The tenant is free again.
    other.connect_tenant().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_signs_in_as_well_as_a_secret() {
    let options = SceneOptions { uses_certificate: true, ..SceneOptions::with_users(15) };
    let scene = Scene::start(options).await;
    let customer = scene.synced().await;
    assert_ne!(customer.contacts().await, Vec::<Value>::new(), "{}", scene.story());
    let user = customer.people_in_scope()[0].id().to_owned();
    customer.edit(&user, json!({"jobTitle": "By certificate"}));
    scene.settle().await;
    assert_eq!(customer.linked_contact(&user).await["fields"]["jobTitle"], "By certificate");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_take_effect_now_start_a_run_and_others_wait_for_the_next() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let runs = customer.runs().await.len();
    customer.change_mapping("companyName", json!({"source": "[companyName]"})).await;
    scene.settle().await;
    assert_eq!(customer.runs().await.len(), runs, "nextRun waits");
    let user = customer.people_in_scope()[0].clone();
    assert_eq!(customer.linked_contact(user.id()).await["fields"]["companyName"], Value::Null);

    let now = json!({"schedule": {"settingsTakeEffect": "now"}});
    let saved = customer.try_settings(now).await.expect(200);
    let run = saved.header("sync-run").to_owned();
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(run["trigger"], "settings");
    let contact = customer.linked_contact(user.id()).await;
    assert_eq!(contact["fields"]["companyName"], user.text("companyName").unwrap());
    assert_eq!(run["counts"]["updated"], customer.contacts().await.len(), "{run}");
}
