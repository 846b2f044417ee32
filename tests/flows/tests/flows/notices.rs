//! Telling people: once for each change of a connection's state, in the product and by mail.

use std::time::Duration;

use contact_sync_flows::{Customer, Scene, SceneOptions};
use entra_sim::{DEFAULT_APP_ID, Effect, Fault, SignIn};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::graph_faults::LISTING;

/// What a user is told, newest first.
async fn told(scene: &Scene, customer: &Customer<'_>, query: &str) -> Vec<Value> {
    scene.rest().list(&customer.account_path(&format!("/notifications?{query}"))).await
}

fn reasons(notices: &[Value]) -> Vec<&str> {
    notices.iter().map(|notice| notice["reason"].as_str().unwrap()).collect()
}

/// The subjects of the mails to an address, oldest first.
fn mailed(scene: &Scene, to: &str) -> Vec<String> {
    let mails = scene.stack.mails().into_iter().filter(|mail| mail.to == [to]);
    mails.map(|mail| mail.subject).collect()
}

async fn tell(customer: &Customer<'_>, kinds: &[&str]) {
    let notifications = json!({
        "users": ["u-1", "u-2"], "emails": ["ada@host.example", "bob@host.example"], "kinds": kinds,
    });
    customer.change_settings(json!({"notifications": notifications})).await;
}

/// LY-17 chosen users and addresses; LY-18 in the product for each of the users.
#[tokio::test(flavor = "multi_thread")]
async fn lost_consent_is_told_once_and_so_is_that_it_was_given_again() {
    let portal = vec![("PortalUrl", "https://portal.host.example/sync".to_owned())];
    let scene =
        Scene::start(SceneOptions { parameters: portal, ..SceneOptions::with_users(15) }).await;
    let customer = scene.synced().await;
    tell(&customer, &["failure"]).await;
    scene.age_consent(&customer.connection, SignedDuration::from_hours(1)).await;
    scene.sim.revoke_consent(scene.tenant, DEFAULT_APP_ID).unwrap();
    scene.sim.revoke_tokens(scene.tenant).unwrap();
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;
    customer.wait_for_status("attention").await;
    scene.settle().await;
    assert_eq!(reasons(&told(&scene, &customer, "user=u-1").await), ["consent-lost"]);
    let subject = "Contoso: syncing stopped, the consent was withdrawn";
    assert_eq!(mailed(&scene, "ada@host.example"), [subject]);
    assert_eq!(mailed(&scene, "bob@host.example"), [subject]);
    let text = &scene.stack.mails()[0].text;
    for part in ["Nobody", "new consent link", "https://portal.host.example/sync"] {
        assert!(text.to_lowercase().contains(&part.to_lowercase()), "{part}: {text}");
    }

    // Somebody tries in vain: that is no news.
    customer.act("resume").await.expect(202);
    customer.wait_for_status("attention").await;
    scene.settle().await;
    assert_eq!(told(&scene, &customer, "user=u-1").await.len(), 1, "{}", scene.story());
    assert_eq!(scene.stack.mails().len(), 2);

    let again = customer.with_new_link().await;
    again.consent_as(&SignIn::admin(scene.tenant)).await;
    customer.wait_for_status("enabled").await;
    scene.settle().await;
    let notices = told(&scene, &customer, "user=u-1").await;
    assert_eq!(reasons(&notices), ["recovered", "consent-lost"], "{}", scene.story());
    assert_eq!(mailed(&scene, "ada@host.example").len(), 2);
    let raised = scene.stack.published_events();
    let raised = raised.iter().filter(|event| event.envelope["detail-type"] == "NoticeRaised");
    assert!(raised.count() >= 2, "every notice is on the bus");

    let path = customer.account_path("/notifications");
    let read = format!("{path}/{}/read", notices[1]["id"].as_str().unwrap());
    for _ in 0..2 {
        scene.rest().post(&read, &json!({"user": "u-1"})).await.expect(204);
    }
    scene.rest().post(&read, &json!({"user": "stranger"})).await.expect(404);
    // Who only looks says so of themselves alone.
    let viewer = |sub: &str| {
        let claims = json!({"sub": sub, "account": customer.account, "role": "viewer"});
        scene.rest().bearing(scene.stack.token_with_claims(&claims))
    };
    let refused = viewer("u-1").post(&read, &json!({"user": "u-2"})).await.expect(403);
    assert_eq!(refused.problem(), "role-too-small");
    assert_eq!(told(&scene, &customer, "user=u-2&unread=true").await.len(), 2);
    viewer("u-1").post(&read, &json!({"user": "u-1"})).await.expect(204);
    assert_eq!(scene.rest().post(&read, &json!({})).await.expect(422).pointers(), ["/user"]);
    let unread = told(&scene, &customer, "user=u-1&unread=true").await;
    assert_eq!(reasons(&unread), ["recovered"]);
    assert_eq!(told(&scene, &customer, "user=u-2&unread=true").await.len(), 2);
    assert_eq!(told(&scene, &customer, "unread=false&user=u-1").await.len(), 2);
    assert_eq!(scene.stack.denied_calls(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn held_removals_waiting_decisions_and_changes_are_told_when_they_begin_and_end() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    tell(&customer, &["guard", "review", "changes"]).await;
    let one = json!({"maxCount": 1, "maxPercent": 100, "windowHours": 24});
    let policies = json!({"removal": {"softDeleted": "delete"}, "guard": one});
    customer.change_settings(json!({"policies": policies})).await;
    let people = customer.people_in_scope();
    for person in &people[..3] {
        scene.sim.delete_user(scene.tenant, person.id()).unwrap();
    }
    scene.settle().await;
    customer.sync_now().await;
    scene.settle().await;
    let held = told(&scene, &customer, "user=u-1").await;
    assert_eq!(reasons(&held), ["removals-held"], "{}", scene.story());
    assert!(held[0]["text"].as_str().unwrap().contains("Nobody was removed"), "{held:?}");

    // Whom sync would make now, a person decides; the removals are let go.
    let newcomer = json!({
        "userPrincipalName": "new@contoso.example", "mail": "new@contoso.example",
        "displayName": "New", "userType": "Member", "accountEnabled": true,
    });
    scene.sim.create_user(scene.tenant, newcomer).unwrap();
    let policies = json!({"guard": {"maxCount": 10}, "create": "review"});
    customer.change_settings(json!({"policies": policies})).await;
    customer.sync_now().await;
    scene.settle().await;
    let mut now: Vec<String> = told(&scene, &customer, "user=u-1").await[..3]
        .iter()
        .map(|notice| notice["reason"].as_str().unwrap().to_owned())
        .collect();
    now.sort();
    // The first sync of this scene, within the hour, was told already.
    assert_eq!(now, ["decisions-waiting", "removals-held", "removals-released"]);
    customer.sync_now().await;
    scene.settle().await;
    assert_eq!(told(&scene, &customer, "user=u-1").await.len(), 3, "nothing is told again");
    assert_eq!(mailed(&scene, "ada@host.example").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_without_a_sender_tells_in_the_product_and_refuses_addresses() {
    let parameters = vec![("MailFrom", String::new())];
    let scene = Scene::start(SceneOptions { parameters, ..SceneOptions::with_users(15) }).await;
    let customer = scene.connected().await;
    let refused =
        customer.try_settings(json!({"notifications": {"emails": ["a@host.example"]}})).await;
    assert_eq!(refused.expect(422).pointers(), ["/notifications/emails"]);
    let broken = json!({"notifications": {"emails": ["a@host.example\r\nBcc: b@host.example"]}});
    let pointers = customer.try_settings(broken).await.expect(422).pointers();
    assert_eq!(pointers, ["/notifications/emails/0"]);
    let notifications = json!({"users": ["u-1"], "kinds": ["changes"]});
    customer.change_settings(json!({"notifications": notifications})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let notices = told(&scene, &customer, "user=u-1").await;
    assert_eq!(reasons(&notices), ["contacts-changed"], "{}", scene.story());
    assert_eq!(notices[0]["runId"], json!(run));
    assert!(scene.stack.mails().is_empty());
    let foreign = scene.rest_as("acc_00000000000000000000000000000009", "viewer");
    let path = customer.account_path("/notifications");
    foreign.send(Method::GET, &path, &[], None).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_sums_up_the_day_in_one_notice_and_one_mail_and_comes_again_only_with_news() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    // Two of these people share an address: one fails in every run and waits for a decision, which is
    // news each day to whoever asked for it.
    tell(&customer, &["changes", "guard"]).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    // A quarter of an hour before its time the schedule tells nothing.
    scene.pass_time(Duration::from_mins(15));
    scene.settle().await;
    assert_eq!(reasons(&told(&scene, &customer, "user=u-1").await), ["contacts-changed"]);

    scene.let_a_day_pass_for_the_digest(&customer.connection).await;
    scene.pass_time(Duration::from_mins(15));
    scene.settle().await;
    let notices = told(&scene, &customer, "user=u-1").await;
    assert_eq!(reasons(&notices), ["digest", "contacts-changed"], "{}", scene.story());
    let digest = &notices[0];
    assert_eq!((&digest["kind"], &digest["runId"]), (&json!("digest"), &json!(null)));
    let text = digest["text"].as_str().unwrap();
    for part in ["sync ended.", "contacts created."] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let title = digest["title"].as_str().unwrap();
    assert!(title.starts_with("Contoso: what happened since "), "{title}");
    assert!(mailed(&scene, "ada@host.example").contains(&title.to_owned()));
    let mails = scene.stack.mails().len();

    // Nothing happens: a full run that changes nothing, and the same quarter of an hour again.
    customer.sync_now().await;
    scene.settle().await;
    scene.invoke("notify", &json!({"task": "digest"})).await;
    scene.pass_time(Duration::from_hours(24));
    scene.settle().await;
    assert_eq!(told(&scene, &customer, "user=u-1").await.len(), 2, "{}", scene.story());
    assert_eq!(scene.stack.mails().len(), mails);
    let kinds =
        scene.items("StateTable").await.into_iter().filter(|item| item["kind"]["S"] == "digest");
    assert_eq!(kinds.count(), 0, "nothing is expected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_waits_for_approval_is_told_to_whoever_decides() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    tell(&customer, &["review"]).await;
    let preview = scene.rest().post(&customer.path("/previews"), &json!({})).await.expect(202);
    let preview = preview.json()["id"].as_str().unwrap().to_owned();
    customer.wait_for_run_status(&preview, "planned").await;
    scene.settle().await;
    let notices = told(&scene, &customer, "user=u-1").await;
    assert_eq!(reasons(&notices), ["plan-waits"], "{}", scene.story());
    assert_eq!((&notices[0]["kind"], &notices[0]["runId"]), (&json!("plan"), &json!(preview)));
    assert_eq!(mailed(&scene, "ada@host.example"), ["Contoso: a plan waits for approval"]);
    let events = scene.stack.published_events();
    let made = events.iter().find(|event| event.envelope["detail-type"] == "SyncRunPlanned");
    scene.invoke("notify", &made.unwrap().envelope).await;
    scene.settle().await;
    assert_eq!(told(&scene, &customer, "user=u-1").await.len(), 1);
    assert_eq!(scene.stack.denied_calls(), Vec::<String>::new());
}

/// K1, K3, LY-17: a sync that stops at two in the morning, and records that fail, are told to whoever
/// was chosen the first time it happens, and not every night again; nobody else hears of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_and_failed_records_are_told_to_the_chosen_ones_once_and_when_they_are_mended()
{
    let mut options = SceneOptions::with_users(12);
    options.settings.graph.max_page_size = 4;
    let scene = Scene::start(options).await;
    let customer = scene.synced().await;
    tell(&customer, &["failure"]).await;
    scene.stop_notifications();
    let mut failed = Vec::new();
    for _ in 0..2 {
        let origin = "https://graph.evil.example".to_owned();
        scene.sim.add_fault(Fault::once(LISTING, Effect::ForeignLink { origin }).at_request(2));
        let run = customer.sync_now().await;
        assert_eq!(run["status"], "failed", "{run}");
        failed.push(run["id"].clone());
        scene.sim.clear_faults();
    }
    for user in ["u-1", "u-2"] {
        let notices = told(&scene, &customer, &format!("user={user}")).await;
        assert_eq!(reasons(&notices), ["run-failed"], "{}", scene.story());
        assert_eq!((&notices[0]["kind"], &notices[0]["runId"]), (&json!("failure"), &failed[0]));
        assert!(notices[0]["text"].as_str().unwrap().contains("nobody was removed"), "{notices:?}");
    }
    assert!(told(&scene, &customer, "user=u-9").await.is_empty(), "who was not chosen");
    assert_eq!(mailed(&scene, "bob@host.example").len(), 1);
    assert_eq!(customer.sync_now().await["status"], "succeeded");
    let notices = told(&scene, &customer, "user=u-1").await;
    assert_eq!(reasons(&notices), ["recovered", "run-failed"], "{}", scene.story());

    let people = customer.people_in_scope();
    let own = people[1].address().to_owned();
    customer.edit(people[1].id(), json!({"mail": people[0].address()}));
    let mut partial = Vec::new();
    for _ in 0..2 {
        let run = customer.sync_now().await;
        assert_eq!((&run["status"], &run["counts"]["failed"]), (&json!("partial"), &json!(1)));
        partial.push(run["id"].clone());
    }
    let notices = told(&scene, &customer, "user=u-1").await;
    assert_eq!(reasons(&notices), ["records-failed", "recovered", "run-failed"]);
    assert_eq!(notices[0]["runId"], partial[0], "{notices:?}");
    assert!(
        notices[0]["text"].as_str().unwrap().contains("report names who failed"),
        "{notices:?}"
    );
    customer.edit(people[1].id(), json!({"mail": own}));
    assert_eq!(customer.sync_now().await["status"], "succeeded");
    let notices = told(&scene, &customer, "user=u-2").await;
    assert_eq!(reasons(&notices), ["recovered", "records-failed", "recovered", "run-failed"]);
    let mails = mailed(&scene, "ada@host.example");
    assert_eq!(mails.len(), 4, "what is told is mailed: {mails:?}");
    assert_eq!(scene.stack.denied_calls(), Vec::<String>::new());
}
