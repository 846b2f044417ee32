//! Who is who: heirs of addresses, permissions that hide, tenants of others, mass removals.

use contact_sync_flows::{Scene, SceneOptions};
use entra_sim::{DirectoryCommand, Effect, Fault, SignIn, Step};
use serde_json::json;

use super::{first_sync, remove_without_asking, somebody, state};
use crate::consent::until_first_return;
use crate::graph_faults::struck;

#[tokio::test(flavor = "multi_thread")]
async fn i_18_an_heir_of_an_address_does_not_inherit_the_contact() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let person = &customer.people_in_scope()[1];
    let contact = customer.linked_contact(person.id()).await;
    let (mail, upn) = (person.address().to_owned(), person.upn().to_owned());
    scene.sim.delete_user(scene.tenant, person.id()).unwrap();
    scene.settle().await;
    let heir = json!({
        "userPrincipalName": upn, "mail": mail, "displayName": "The heir",
        "userType": "Member", "accountEnabled": true,
    });
    let heir = scene.sim.create_user(scene.tenant, heir).unwrap().to_string();
    scene.settle().await;
    let old = customer.linked_contact(person.id()).await;
    assert_eq!(old["id"], contact["id"]);
    assert_eq!(old["fields"]["displayName"], contact["fields"]["displayName"]);
    let new = customer.contact_of(&heir).await;
    assert!(new.is_none_or(|new| new["id"] != contact["id"]), "the heir has another contact");

    // The first one comes back under another name (Entra renames who was deleted).
    scene.sim.delete_user(scene.tenant, &heir).unwrap();
    scene.sim.restore_user(scene.tenant, person.id()).unwrap();
    scene.settle().await;
    let back = customer.linked_contact(person.id()).await;
    assert_eq!(back["id"], contact["id"], "one person, one contact");
    assert_eq!(back["link"]["state"], "linked");
}

#[tokio::test(flavor = "multi_thread")]
async fn i_21_people_whom_we_may_not_read_are_not_people_without_a_name() {
    let scene = Scene::with_users(20).await;
    let customer = scene.connected().await;
    let group = scene.sim.create_group(scene.tenant, "Seen without names").unwrap();
    for person in &customer.people_in_scope()[..5] {
        scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
    }
    customer.change_settings(json!({"scope": {"groups": {"any": [group]}}})).await;
    for target in ["jobTitle", "department", "mobilePhone"] {
        customer.change_mapping(target, json!({"whenEmpty": "clear"})).await;
    }
    remove_without_asking(&customer).await;
    first_sync(&scene, &customer).await;
    let before = customer.contacts().await;
    assert_eq!(before.len(), 5);
    scene.age_consent(&customer.connection, jiff::SignedDuration::from_hours(1)).await;
    scene.settle().await;
    // Status 200 with type and id alone: what Graph shows of objects that one may not read.
    let attributes = [
        "displayName",
        "userPrincipalName",
        "mail",
        "givenName",
        "surname",
        "jobTitle",
        "department",
        "mobilePhone",
        "officeLocation",
        "accountEnabled",
        "userType",
    ];
    let limited = Effect::EditObjects {
        only: Vec::new(),
        without: Vec::new(),
        blank: attributes.map(str::to_owned).to_vec(),
        hide: false,
    };
    let user = before[0]["link"]["objectId"].as_str().unwrap();
    for kind in ["full", "delta"] {
        for path in ["/v1.0/users?*", "*getByIds*", "*/users/delta*deltatoken=*"] {
            scene.sim.add_fault(Fault::once(path, limited.clone()).times(0));
        }
        if kind == "full" {
            let run = customer.start_run(kind).await;
            customer.wait_for_run(&run).await;
        } else {
            customer.edit(user, json!({"city": "Elsewhere"}));
        }
        scene.settle().await;
        let run = customer.runs_of(kind).await.remove(0);
        assert!(struck(&scene) > 0, "{kind}");
        assert_eq!(run["status"], "failed", "{kind}: {run}");
        let reason = run["reason"].as_str().unwrap();
        assert!(reason.contains("limited-information"), "{kind}: the report says why: {reason}");
        assert_eq!(customer.contacts().await, before, "nothing is blanked, nobody removed");
        let connection = customer.show().await;
        assert_eq!(connection["attention"]["reason"], "permission-missing", "{connection}");
        scene.sim.clear_faults();
        customer.act("resume").await.expect(202);
        scene.settle().await;
        assert_eq!(customer.contacts().await, before, "and nothing was lost by it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_22_a_manager_whom_a_delta_does_not_mention_stays() {
    // The delta tells of managers only when they change.
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let (report, boss) = (people[0].id().to_owned(), people[1].id().to_owned());
    let manager = Some(boss.clone());
    let command = DirectoryCommand::SetManager { user: report.clone(), manager };
    scene.sim.apply(scene.tenant, command).unwrap();
    customer.change_mapping("manager", json!({"source": "[manager]"})).await;
    customer.change_mapping("jobTitle", json!({"whenEmpty": "clear"})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    let boss = customer.linked_contact(&boss).await["id"].clone();
    assert_eq!(customer.linked_contact(&report).await["fields"]["manager"], boss, "by the listing");

    customer.edit(&report, json!({"jobTitle": "Promoted"}));
    scene.settle().await;
    let fields = customer.linked_contact(&report).await["fields"].clone();
    assert_eq!((&fields["jobTitle"], &fields["manager"]), (&json!("Promoted"), &boss));
}

#[tokio::test(flavor = "multi_thread")]
async fn i_23_a_newcomer_whom_a_read_does_not_find_yet_is_not_gone() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    scene.sim.merge_settings(&json!({"graph": {"replicationDelaySeconds": 300}})).unwrap();
    let newcomer = json!({
        "userPrincipalName": "soon@contoso.example", "mail": "soon@contoso.example",
        "displayName": "Soon", "userType": "Member", "accountEnabled": true,
    });
    let user = scene.sim.create_user(scene.tenant, newcomer).unwrap().to_string();
    scene.settle().await;
    scene.sim.advance_clock(std::time::Duration::from_mins(6));
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;
    assert_eq!(state(&customer, &user).await, "linked", "{}", scene.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn i_23_a_member_whom_a_read_by_id_does_not_find_yet_is_linked_later_and_never_gone() {
    let further_roles = vec!["Group.Read.All"];
    let scene = Scene::start(SceneOptions { further_roles, ..SceneOptions::with_users(20) }).await;
    let customer = scene.connected().await;
    let (first, second) = (
        scene.sim.create_group(scene.tenant, "First").unwrap(),
        scene.sim.create_group(scene.tenant, "Second").unwrap(),
    );
    let people = customer.people_in_scope();
    for person in &people[..4] {
        scene.sim.add_member(scene.tenant, first, person.id()).unwrap();
    }
    scene.sim.add_member(scene.tenant, second, people[4].id()).unwrap();
    customer.change_settings(json!({"scope": {"groups": {"any": [first, second]}}})).await;
    remove_without_asking(&customer).await;
    first_sync(&scene, &customer).await;
    assert_eq!(customer.contacts().await.len(), 5);

    // Both join a group; reads by id do not know either of them yet.
    let (known, newcomer) = (people[0].id(), people[5].id());
    let late = Effect::EditObjects {
        only: vec![known.to_owned(), newcomer.to_owned()],
        without: Vec::new(),
        blank: Vec::new(),
        hide: true,
    };
    scene.sim.add_fault(Fault::once("*getByIds*", late).times(0));
    scene.sim.add_member(scene.tenant, second, known).unwrap();
    scene.sim.add_member(scene.tenant, first, newcomer).unwrap();
    scene.settle().await;
    assert!(struck(&scene) > 0, "{}", scene.story());
    assert_eq!(state(&customer, known).await, "linked", "{}", scene.story());
    assert_eq!(customer.contact_of(newcomer).await, None);
    assert_eq!(customer.contacts().await.len(), 5, "nobody is gone");

    scene.sim.clear_faults();
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;
    assert_eq!(state(&customer, newcomer).await, "linked", "{}", scene.story());
    assert_eq!(state(&customer, known).await, "linked");
    assert_eq!(customer.runs_of("full").await.len(), 1, "no full run was needed for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn i_28_a_mass_deletion_waits_for_a_person() {
    let scene = Scene::with_users(40).await;
    let customer = scene.connected().await;
    remove_without_asking(&customer).await;
    first_sync(&scene, &customer).await;
    let before = customer.contacts().await.len();
    for person in customer.people_in_scope().iter().skip(3) {
        scene.sim.delete_user(scene.tenant, person.id()).unwrap();
    }
    scene.settle().await;
    assert_eq!(customer.contacts().await.len(), before);
    let runs = customer.runs_of("delta").await;
    assert!(runs.iter().any(|run| run["status"] == "blocked"), "{runs:?}");
    // A full run knows no better.
    let run = customer.sync_now().await;
    assert_eq!(run["status"], "blocked", "{run}");
    assert_eq!(customer.contacts().await.len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_29_a_callback_proves_nothing_by_its_words() {
    let scene = Scene::with_users(5).await;
    let customer = scene.customer("acme").await;
    let tenant = scene.other_tenant;
    for query in [
        format!("admin_consent=True&tenant={tenant}&state=guessed"),
        format!("admin_consent=True&tenant={tenant}&error=access_denied&state=guessed"),
        format!("admin_consent=True&tenant={tenant}"),
        format!("code=stolen&state=guessed&tenant={tenant}"),
    ] {
        let page =
            scene.browser().visit(&format!("{}/oauth/callback?{query}", scene.stack.url())).await;
        assert_eq!(page.status.as_u16(), 400, "{query}: {}", page.text());
        assert_eq!(customer.status().await, "invited", "{query}");
    }

    // With the right state in the right browser: an error counts before `admin_consent=True`.
    scene.sim.next_sign_in(SignIn::admin(scene.tenant).at(Step::Consent).times(2));
    let (mut browser, back) = until_first_return(&scene, &customer).await;
    let mut address = back.location.clone().unwrap();
    assert!(address.query().unwrap().contains("admin_consent=True"), "{address}");
    address.query_pairs_mut().append_pair("error", "access_denied");
    let page = browser.visit(address.as_str()).await;
    assert_eq!(page.status.as_u16(), 400, "{}", page.text());
    assert_eq!(customer.status().await, "invited");

    // Another tenant in the address leads to that tenant's own sign-in, and no further.
    let (mut browser, back) = until_first_return(&scene, &customer).await;
    let address = back.location.clone().unwrap().to_string();
    let forged = address.replace(&scene.tenant.to_string(), &tenant.to_string());
    assert_ne!(forged, address);
    let page = browser.visit(&forged).await;
    let sign_in = page.location.expect("nobody is believed without signing in");
    assert!(sign_in.path().starts_with(&format!("/{tenant}/")), "{sign_in}");
    assert_eq!(customer.status().await, "invited");
    assert_eq!(customer.show().await["tenant"], serde_json::Value::Null);
    customer.connect_tenant().await;
    assert_eq!(customer.show().await["tenant"]["id"], scene.tenant.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn i_30_a_token_that_no_longer_serves_is_renewed_once_and_others_are_kept() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let tokens = || {
        let counts = scene.sim.request_counts().endpoints;
        counts.get("POST /{tenant}/oauth2/v2.0/token").map_or(0, |counts| counts.requests)
    };
    let user = somebody(&customer);
    for number in 0..3 {
        customer.edit(&user, json!({"jobTitle": format!("Edit {number}")}));
        scene.settle().await;
    }
    let before = tokens();
    for number in 3..6 {
        customer.edit(&user, json!({"jobTitle": format!("Edit {number}")}));
        scene.settle().await;
    }
    // Two processes of a function may each keep a token of their own.
    assert!(tokens() - before <= 1, "a token is not asked for at each look");
    scene.sim.revoke_tokens(scene.tenant).unwrap();
    let before = tokens();
    let run = customer.sync_now().await;
    assert_ne!(run["status"], "failed", "{run}\n{}", scene.story());
    assert!(tokens() - before <= 2, "once for each process that had the old one");
}

#[tokio::test(flavor = "multi_thread")]
async fn i_32_a_tenant_is_nobodys_twice() {
    let scene = Scene::with_users(10).await;
    let first = scene.synced().await;
    let contacts = first.contacts().await;
    let second = scene.customer("second").await;
    let page = second.consent_as(&SignIn::admin(scene.tenant)).await;
    assert_eq!(page.status.as_u16(), 409, "{}", page.text());
    assert_eq!(second.status().await, "invited");
    assert_eq!(second.contacts().await.len(), 0);
    assert_eq!(first.contacts().await, contacts);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_31_two_workers_at_once_are_one_after_the_other() {
    let mut options = SceneOptions::with_users(20);
    options.settings.delta.page_size = 3;
    let scene = Scene::start(options).await;
    let customer = scene.synced().await;
    super::notify(&scene, false);
    let people = customer.people_in_scope();
    for round in 0..3 {
        for person in &people[..8] {
            customer.edit(person.id(), json!({"jobTitle": format!("Round {round}")}));
        }
        let detail = json!({
            "schemaVersion": 1, "accountId": customer.account,
            "connectionId": customer.connection, "kind": "delta", "trigger": "sweep",
        });
        let event = json!({
            "detail-type": "SyncRequested", "source": "entra-contact-sync", "detail": detail,
        });
        let (one, other) = tokio::join!(
            scene.stack.invoke("delta-sync", &event),
            scene.stack.invoke("delta-sync", &event),
        );
        one.unwrap().unwrap();
        other.unwrap().unwrap();
        scene.settle().await;
        for person in &people[..8] {
            let wanted = format!("Round {round}");
            assert_eq!(super::title(&customer, person.id()).await, wanted.as_str());
        }
    }
    crate::graph_faults::assert_in_step(&scene, &customer).await;
}
