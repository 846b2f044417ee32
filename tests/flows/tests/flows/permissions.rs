//! What roles grant against what functions were seen to use: the journey below is what a customer
//! does in its life with the product, and at its end every grant was used or is listed here with
//! the reason why not.

use contact_sync_flows::{Customer, Scene, SceneOptions, eventually};
use entra_contact_sync_local::plan::Grant;
use entra_sim::{DEFAULT_APP_ID, SignIn};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

use crate::pitfalls::notify;
use crate::reviews::{about, decide};

/// Every function that has the grant.
const EVERY: &[&str] = &[];

const SYNCS: &[&str] = &["delta-sync", "full-sync"];

/// What Lambda does with a role, and no code of ours: on one machine the stack itself does it.
/// `tests/checks` holds these grants to what is each function's own.
const BY_LAMBDA: [(&[&str], &str, &str); 7] = [
    (EVERY, "logs:", "the log; a process on one machine has a file"),
    (EVERY, "xray:", "traces; one machine has nowhere to record them"),
    (EVERY, "sqs:SendMessage", "what was given up"),
    (PUBLISHER, "dynamodb:DescribeStream", "the streams"),
    (PUBLISHER, "dynamodb:GetRecords", "the streams"),
    (PUBLISHER, "dynamodb:GetShardIterator", "the streams"),
    (PUBLISHER, "dynamodb:ListStreams", "the streams"),
];

/// Grants that this journey need not use, and why they stand: the functions, the beginning of the
/// grant in short, the reason.
const UNUSED: [(&[&str], &str, &str); 13] = [
    (EVERY, "s3:ListBucket", "without it S3 answers 403 where a file is missing, and not 404"),
    (&["oauth-consent"], "dynamodb:DeleteItem TENANT#", "frees a claim whose connection moved"),
    (&["delta-sync"], "s3:GetObject segments", "a page above 8 KB, played again after a crash"),
    (&["full-sync"], "s3:GetObject segments", "a page above 8 KB, played again after a crash"),
    (&["admin-api"], "dynamodb:PutItem SUBSCRIPTION#", "a tenant another connection hears of"),
    (&["delta-sync"], "dynamodb:Query contacts", "a whole run that it goes on with after a crash"),
    (&["admin-api"], "dynamodb:UpdateItem RUNS#", "who approved all that the guard held back"),
    (SYNCS, "dynamodb:DeleteItem PENDING#", "a removal that people approved was carried out"),
    (SYNCS, "dynamodb:DeleteItem REFUSED#", "whose contact was to stay active is enabled again"),
    (SYNCS, "dynamodb:PutItem SETTINGS#", "an undo takes people off the ignore list"),
    (SYNCS, "dynamodb:ConditionCheckItem SETTINGS#", "an undo takes people off the ignore list"),
    (
        &["enrichment"],
        "dynamodb:UpdateItem contacts",
        "a photo that is looked at again, a day later",
    ),
    (&["admin-api"], "s3:GetObject photos", "whoever follows the signed address of a photo"),
];

/// Grants that are used only where two processes meet, which a journey may or may not see.
const BY_CHANCE: [(&[&str], &str, &str); 17] = [
    (
        &["sync-report"],
        "dynamodb:PutItem ERASING#",
        "a person of whom runs at work, or more than one slice, still tell",
    ),
    (
        &["sync-report"],
        "dynamodb:BatchWriteItem",
        "what a run at work asked about somebody who was forgotten meanwhile",
    ),
    (
        &["sync-report"],
        "dynamodb:PutItem WELCOMED#",
        "a welcome of somebody who was forgotten while the mail was on its way",
    ),
    (
        &["subscription-renewal"],
        "dynamodb:UpdateItem SYNC#",
        "a hint for a subscription that ended",
    ),
    (SYNCS, "dynamodb:UpdateItem BUDGET#", "a directory of many pages, a refusal of Graph's"),
    (&["enrichment"], "dynamodb:UpdateItem BUDGET#", "a directory of many people"),
    (&["enrichment"], "s3:DeleteObject", "a photo that is gone, or of somebody removed"),
    (&["sync-report"], "s3:DeleteObject", "a photo that was stored while somebody was forgotten"),
    (
        &["sync-report"],
        "dynamodb:GetItem PHOTOS#",
        "photos being looked at while somebody is forgotten",
    ),
    (&["delta-sync"], "dynamodb:PutItem ACCOUNT#", "who meets a lost consent first writes it down"),
    (&["delta-sync"], "dynamodb:Query REVIEWS#", "whom else a look's people compete with"),
    (&["delta-sync"], "dynamodb:Query TENANT#", "whom the others of a shared tenant mean"),
    (SYNCS, "dynamodb:GetItem SETTINGS#", "a run ends under the settings that it began with"),
    (SYNCS, "dynamodb:GetItem SYNC#", "a lease that was lost, a run asked for twice"),
    (SYNCS, "dynamodb:GetItem RUNS#", "a run that another process began"),
    (SYNCS, "dynamodb:GetItem SEGMENTS#", "a page that another process began"),
    (SYNCS, "dynamodb:GetItem contacts", "somebody wrote between the reading and the writing"),
];

const PUBLISHER: &[&str] = &["event-publisher"];

/// A grant in a line: action, and the kind of item, the table or the folder.
fn in_short(grant: &Grant) -> String {
    let what = match &grant.only {
        Some((_, kind)) => kind.trim_end_matches('*'),
        None if grant.resource.ends_with("ContactsTable") => "contacts",
        None => grant.resource.trim_end_matches("/*").rsplit('/').next().unwrap_or_default(),
    };
    format!("{} {what}", grant.action)
}

/// A customer's life: connected, synced by group, changed, looked at, paused, erased.
async fn live(scene: &Scene) {
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let group = scene.sim.create_group(scene.tenant, "Team").unwrap();
    // A tenant that nobody has connected yet.
    let grant = json!({"accounts": [customer.account]});
    let path = format!("/v1/tenants/{}/accounts", scene.other_tenant);
    scene.rest().put(&path, &grant).await.expect(200);
    let values = customer.path("/directory/values?property=department");
    for _ in 0..2 {
        scene.rest().get(&values).await.expect(200);
    }
    for person in &people[..people.len() - 1] {
        scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
    }
    let removal = json!({"softDeleted": "delete", "hardDeleted": "delete"});
    let scope = json!({"groups": {"any": [group]}});
    let policies = json!({"removal": removal, "link": "review"});
    let told = json!({"users": ["u-1"], "emails": ["ada@host.example"]});
    let welcome = customer.account_path("/welcome");
    let words = json!({"subject": "Welcome", "text": "Hello {{displayName}}"});
    scene.rest().put(&welcome, &words).await.expect(200);
    let to = json!({"to": "me@host.example"});
    scene.rest().post(&format!("{welcome}/test"), &to).await.expect(204);
    let settings = json!({
        "scope": scope, "policies": policies, "notifications": told, "welcomeEmail": true,
        "features": {"photo": true},
    });
    customer.change_settings(settings).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;

    follow_the_directory(scene, &customer, group).await;
    look_at_everything(scene, &customer).await;
    keep_subscriptions(scene, &customer).await;
    scene.let_a_day_pass_for_the_digest(&customer.connection).await;
    scene.invoke("notify", &json!({"task": "digest"})).await;
    look_at_photos(scene, &customer).await;
    scene.settle().await;
    look_first(scene, &customer).await;
    decide_what_waits(scene, &customer).await;
    forget(scene, &customer).await;
    go_through_bad_days(scene, &customer).await;

    customer.act("pause").await.expect(202);
    customer.act("resume").await.expect(202);
    for word in ["pause", "resume"] {
        scene.rest().post(&format!("/v1/{word}"), &json!({})).await.expect(202);
    }
    scene.settle().await;
    customer.act("disable").await.expect(202);
    customer.act("disconnect").await.expect(202);
    scene.settle().await;
    scene.rest().delete(&customer.account_path("")).await.expect(204);
    scene.settle().await;
}

/// Everybody's photo was looked at some time ago; one is removed who had one.
async fn look_at_photos(scene: &Scene, customer: &Customer<'_>) {
    scene.let_photos_grow_old().await;
    customer.sync_now().await;
    scene.settle().await;
    scene.invoke("enrichment", &json!({"task": "photos"})).await;
    for contact in customer.contacts().await {
        let path = format!("/contacts/{}/photo", contact["id"].as_str().unwrap());
        scene.rest().get(&customer.account_path(&path)).await;
    }
    let contacts = customer.contacts().await;
    let linked = contacts.iter().find(|contact| contact["link"]["state"] == "linked").unwrap();
    let path = format!("/contacts/{}", linked["id"].as_str().unwrap());
    scene.rest().delete(&customer.account_path(&path)).await.expect(204);
    scene.settle().await;
}

/// Somebody is renamed, two swap their addresses, one joins, one is deleted.
async fn follow_the_directory(scene: &Scene, customer: &Customer<'_>, group: uuid::Uuid) {
    let people = customer.people_in_scope();
    let swapped = [people[1].text("mail").unwrap(), people[2].text("mail").unwrap()];
    customer.edit(people[0].id(), json!({"jobTitle": "Renamed"}));
    customer.edit(people[1].id(), json!({"mail": swapped[1]}));
    customer.edit(people[2].id(), json!({"mail": swapped[0]}));
    scene.sim.add_member(scene.tenant, group, people[people.len() - 1].id()).unwrap();
    scene.sim.delete_user(scene.tenant, people[3].id()).unwrap();
    scene.settle().await;
    // Somebody comes with the address of a contact made by hand, and then gets another.
    customer.create_contact(json!({"email": "asked@by.hand"})).await;
    let asked = json!({
        "userPrincipalName": "asked@contoso.example", "mail": "asked@by.hand",
        "displayName": "Asked", "userType": "Member", "accountEnabled": true,
    });
    let asked = scene.sim.create_user(scene.tenant, asked).unwrap().to_string();
    scene.sim.add_member(scene.tenant, group, &asked).unwrap();
    scene.settle().await;
    customer.edit(&asked, json!({"mail": "asked@contoso.example"}));
    scene.settle().await;
    // More at once than the guard lets go: they wait, and the report says so.
    for person in &people[4..24] {
        scene.sim.delete_user(scene.tenant, person.id()).unwrap();
    }
    scene.settle().await;
    // Nobody told, so the sweep looks.
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;
    // A whole run that finds removals and collisions too.
    let unseen = json!({"schedule": {"frequency": "weekly", "dayOfWeek": "monday"}});
    customer.change_settings(unseen).await;
    customer.sync_now().await;
    scene.settle().await;
}

/// The portal and the host product read what there is, and change what is theirs.
async fn look_at_everything(scene: &Scene, customer: &Customer<'_>) {
    let runs = customer.runs_of("full").await;
    let run = runs.last().unwrap()["id"].as_str().unwrap();
    customer.extended_report(run).await;
    for below in ["", "/tenant", "/settings", "/settings/history", "/runs"] {
        scene.rest().get(&customer.path(below)).await.expect(200);
    }
    for below in ["", "/report", "/changes"] {
        scene.rest().get(&customer.path(&format!("/runs/{run}{below}"))).await.expect(200);
    }
    scene.rest().list("/v1/accounts").await;
    scene.rest().get(&customer.account_path("/audit/verify")).await.expect(200);
    let notices = scene.rest().list(&customer.account_path("/notifications")).await;
    let read = format!("/notifications/{}/read", notices[0]["id"].as_str().unwrap());
    scene.rest().post(&customer.account_path(&read), &json!({"user": "u-1"})).await.expect(204);
    customer.events().await;
    let made = customer.create_contact(json!({"email": "made@by.hand"})).await;
    let path = customer.account_path(&format!("/contacts/{}", made["id"].as_str().unwrap()));
    let etag = format!("\"{}\"", made["version"]);
    let body = json!({"fields": {"jobTitle": "Plumber"}});
    scene.rest().send(Method::PATCH, &path, &[("if-match", &etag)], Some(&body)).await.expect(200);
    scene.rest().delete(&path).await.expect(204);
    let forget = json!({"confirm": made["id"]});
    scene.rest().post(&format!("{path}/erase"), &forget).await.expect(202);
    customer.import("email,displayName\nimported@by.hand,Imported\n").await;
    for (key, name) in [("one", "Acme"), ("two", "")] {
        let body = json!({"externalId": key, "name": name, "timeZone": "UTC"});
        let headers = [("idempotency-key", key)];
        scene.rest().send(Method::POST, "/v1/accounts", &headers, Some(&body)).await;
    }
}

/// Other settings are looked at, and not taken.
async fn look_first(scene: &Scene, customer: &Customer<'_>) {
    let mut settings = customer.settings().await;
    settings["policies"]["lockManaged"] = json!(false);
    let body = json!({"settings": settings});
    let asked = scene.rest().post(&customer.path("/previews"), &body).await.expect(202).json();
    customer.wait_for_run_status(asked["id"].as_str().unwrap(), "planned").await;
}

/// Somebody of whom runs tell, on a page above 8 KB and on a small one, is forgotten.
async fn forget(scene: &Scene, customer: &Customer<'_>) {
    let renamed = customer.people_in_scope().into_iter().next().unwrap();
    let about = json!({"kind": "user", "user": renamed.id()});
    scene.rest().post(&customer.path("/runs"), &about).await.expect(202);
    scene.settle().await;
    let contact = customer.linked_contact(renamed.id()).await["id"].clone();
    let path = customer.account_path(&format!("/contacts/{}/erase", contact.as_str().unwrap()));
    eventually("nothing tells of the person", async || {
        let forgotten = scene.rest().post(&path, &json!({"confirm": contact})).await.expect(202);
        (forgotten.json()["state"] == "done").then_some(())
    })
    .await;
}

/// Subscriptions are made, reauthorized, renewed and given up.
async fn keep_subscriptions(scene: &Scene, customer: &Customer<'_>) {
    for subscription in scene.sim.subscriptions() {
        scene.sim.send_lifecycle(subscription.id, "reauthorizationRequired", true);
    }
    scene.settle_stack().await;
    scene.sweep().await;
    scene.age_subscription("users", SignedDuration::from_hours(15 * 24)).await;
    scene.sweep().await;
    // Nothing is left to hear of groups.
    customer.change_settings(json!({"scope": {"groups": "all"}})).await;
    scene.audit().await;
    scene.settle().await;
}

/// Somebody new in the directory, with the address of a contact made by hand.
async fn newcomer(scene: &Scene, customer: &Customer<'_>, name: &str) -> String {
    let address = format!("{name}@by.hand");
    customer.create_contact(json!({"email": address})).await;
    let person = json!({
        "userPrincipalName": format!("{name}@contoso.example"), "mail": address,
        "displayName": name, "userType": "Member", "accountEnabled": true,
    });
    scene.sim.create_user(scene.tenant, person).unwrap().to_string()
}

/// People link, ignore and refuse; a whole run finds a question answered.
async fn decide_what_waits(scene: &Scene, customer: &Customer<'_>) {
    let since = customer.sync_now().await["endedAt"].clone();
    let linked = newcomer(scene, customer, "linked").await;
    let answered = newcomer(scene, customer, "answered").await;
    scene.settle().await;
    let item = about(scene, customer, "matched", &linked).await;
    decide(scene, customer, &item, json!({"action": "accept"})).await.expect(202);
    let item = about(scene, customer, "matched", &answered).await;
    decide(scene, customer, &item, json!({"action": "ignore"})).await.expect(202);
    let item = about(scene, customer, "ignored", &answered).await;
    decide(scene, customer, &item, json!({"action": "unignore"})).await.expect(202);
    customer.sync_now().await;
    about(scene, customer, "matched", &answered).await;
    notify(scene, false);
    customer.edit(&answered, json!({"mail": "answered@contoso.example"}));
    customer.edit(&linked, json!({"mail": "linked@contoso.example"}));
    customer.sync_now().await;
    notify(scene, true);

    customer.change_settings(json!({"schedule": {"betweenRuns": "list"}})).await;
    scene.settle().await;
    customer.edit(&linked, json!({"jobTitle": "Refused"}));
    scene.settle().await;
    let item = about(scene, customer, "changes", &linked).await;
    decide(scene, customer, &item, json!({"action": "reject"})).await.expect(202);
    customer.change_settings(json!({"schedule": {"betweenRuns": "apply"}})).await;
    scene.settle().await;
    // Taking all of it back is looked at, and left alone.
    let undo = customer.path("/undo");
    let asked = scene.rest().post(&undo, &json!({"since": since})).await.expect(202).json();
    customer.wait_for_run_status(asked["id"].as_str().unwrap(), "planned").await;
}

/// Many change at once, a delta token dies, a subscription vanishes, consent is withdrawn.
async fn go_through_bad_days(scene: &Scene, customer: &Customer<'_>) {
    notify(scene, false);
    for person in &customer.people_in_scope()[..100] {
        customer.edit(person.id(), json!({"jobTitle": "One of a hundred", "city": "Utrecht"}));
    }
    customer.start_run("delta").await;
    scene.settle().await;
    scene.sim.expire_delta_tokens(scene.tenant).unwrap();
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;
    notify(scene, true);

    let there = scene.sim.subscriptions();
    assert!(scene.sim.remove_subscription(there[0].id));
    scene.age_subscription("users", SignedDuration::from_hours(15 * 24)).await;
    scene.sweep().await;

    scene.age_consent(&customer.connection, SignedDuration::from_hours(1)).await;
    scene.sim.revoke_consent(scene.tenant, DEFAULT_APP_ID).unwrap();
    scene.sim.revoke_tokens(scene.tenant).unwrap();
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;
    customer.wait_for_status("attention").await;
    let again = customer.with_new_link().await;
    again.consent_as(&SignIn::admin(scene.tenant)).await;
    customer.wait_for_status("enabled").await;
    scene.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_role_can_do_no_more_than_its_function_did_in_a_customers_life() {
    let further_roles = vec!["Group.Read.All"];
    let scene = Scene::start(SceneOptions { further_roles, ..SceneOptions::with_users(150) }).await;
    live(&scene).await;
    assert_eq!(scene.stack.denied_calls(), Vec::<String>::new(), "what a role must grant as well");
    let unused = scene.stack.permissions_unused();
    let is_meant = |functions: &[&str], start: &str, function: &str, grant: &Grant| {
        (functions.is_empty() || functions.contains(&function))
            && in_short(grant).starts_with(start)
    };
    let unexplained: Vec<String> = unused
        .iter()
        .filter(|(function, grant)| {
            let excuses = BY_LAMBDA.iter().chain(&UNUSED).chain(&BY_CHANCE);
            !excuses.into_iter().any(|(of, start, _)| is_meant(of, start, function, grant))
        })
        .map(|(function, grant)| format!("{function}: {}", in_short(grant)))
        .collect();
    assert_eq!(unexplained, Vec::<String>::new(), "granted, and neither used nor explained");
    // An explanation outlives its grant, or its truth, only by mistake.
    let granted = scene.stack.permissions_granted();
    let has = |grants: &[(String, Grant)], of: &[&str], start: &str| {
        grants.iter().any(|(function, grant)| is_meant(of, start, function, grant))
    };
    let mut outdated = Vec::new();
    for (of, start, reason) in BY_LAMBDA.iter().chain(&UNUSED).chain(&BY_CHANCE) {
        let each: Vec<&[&str]> = if of.is_empty() { vec![*of] } else { of.chunks(1).collect() };
        for one in each.into_iter().filter(|one| !has(&granted, one, start)) {
            outdated.push(format!("{one:?} may not {start} any more; it said: {reason}"));
        }
    }
    let never = BY_LAMBDA.iter().chain(&UNUSED);
    for (of, start, reason) in never.filter(|(of, start, _)| !has(&unused, of, start)) {
        outdated.push(format!("{of:?} was seen to {start}; it said: {reason}"));
    }
    assert_eq!(outdated, Vec::<String>::new());
}
