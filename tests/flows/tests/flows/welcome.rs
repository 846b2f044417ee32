//! The welcome mail: one for each person whose contact sync makes, and never a second.

use contact_sync_flows::{Customer, Scene, SceneOptions};
use entra_contact_sync_local::aws::MailTrouble;
use reqwest::Method;
use serde_json::{Value, json};

fn template() -> Value {
    json!({
        "subject": "Welcome to {{accountName}}, {{displayName}}",
        "text": "Hello {{displayName}}, your contact {{email}} is ready.",
        "html": "<p>Hello <b>{{displayName}}</b></p>",
    })
}

async fn save(scene: &Scene, customer: &Customer<'_>) {
    scene.rest().put(&customer.account_path("/welcome"), &template()).await.expect(200);
}

/// To whom welcomes went, in order of their addresses.
fn welcomed(scene: &Scene) -> Vec<String> {
    let mails = scene.stack.mails().into_iter();
    let mails = mails.filter(|mail| mail.subject.starts_with("Welcome to "));
    let mut to: Vec<String> = mails.flat_map(|mail| mail.to).collect();
    // Who only tries the template.
    to.retain(|address| address != "me@host.example");
    to.sort();
    to
}

/// The addresses of the contacts that stand.
async fn addresses(customer: &Customer<'_>) -> Vec<String> {
    let contacts = customer.contacts().await;
    let mut addresses: Vec<String> = contacts
        .iter()
        .filter_map(|contact| contact["fields"]["email"].as_str().map(str::to_owned))
        .collect();
    addresses.sort();
    addresses
}

/// HF-23: newly synced contacts are mailed, each once.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_welcomed_once_when_sync_makes_them_and_never_again() {
    let scene = Scene::with_users(50).await;
    let customer = scene.connected().await;
    // It takes a template, and is off until somebody turns it on.
    let refused = customer.try_settings(json!({"welcomeEmail": true})).await.expect(422);
    assert_eq!(refused.pointers(), ["/welcomeEmail"]);
    assert!(
        refused.json()["detail"].as_str().unwrap().contains("/welcome"),
        "{:?}",
        refused.json()
    );
    save(&scene, &customer).await;
    customer.change_settings(json!({"welcomeEmail": true})).await;

    // A plan says how many mails it would send, and sends none.
    let preview = scene.rest().post(&customer.path("/previews"), &json!({})).await.expect(202);
    let preview = preview.json()["id"].as_str().unwrap().to_owned();
    customer.wait_for_run_status(&preview, "planned").await;
    let plan = customer.run(&preview).await["plan"]["summary"].clone();
    scene.settle().await;
    assert_eq!(welcomed(&scene), Vec::<String>::new());

    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let everybody = addresses(&customer).await;
    assert!(everybody.len() > 30, "{everybody:?}");
    assert_eq!(welcomed(&scene), everybody, "{}", scene.story());
    assert_eq!(plan["welcomes"], json!(everybody.len()), "{plan}");
    let mail = &scene.stack.mails()[0];
    assert!(mail.text.contains(&mail.to[0]), "{mail:?}");
    assert!(mail.html.as_deref().is_some_and(|html| html.starts_with("<p>Hello <b>")), "{mail:?}");

    // Every event once more, a second run, an import.
    let events = scene.stack.published_events();
    let created: Vec<_> =
        events.iter().filter(|event| event.envelope["detail-type"] == "ContactCreated").collect();
    assert!(created.iter().all(|event| event.envelope["detail"]["welcome"] == true));
    for event in created.iter().take(5) {
        scene.invoke("notify", &event.envelope).await;
    }
    customer.sync_now().await;
    customer.import("email,displayName\nimported@contoso.example,Imported\n").await;
    scene.settle().await;
    assert_eq!(welcomed(&scene), everybody);

    // Taken back, the plan says who was welcomed; made again, nobody is welcomed again.
    let undo = scene.rest().post(&customer.path(&format!("/runs/{run}/undo")), &json!({})).await;
    let undo = undo.expect(202).json()["id"].as_str().unwrap().to_owned();
    customer.wait_for_run_status(&undo, "planned").await;
    let plan = customer.run(&undo).await["plan"].clone();
    assert_eq!(plan["summary"]["welcomed"], json!(everybody.len()), "{plan}");
    assert_eq!(plan["summary"]["welcomes"], json!(0), "{plan}");
    let removals = plan["summary"]["guard"]["count"].clone();
    let hash = customer.run(&undo).await["planHash"].clone();
    let apply = json!({"planHash": hash, "removals": removals});
    scene.rest().post(&customer.path(&format!("/runs/{undo}/apply")), &apply).await.expect(202);
    customer.wait_for_run(&undo).await;
    assert_eq!(addresses(&customer).await, ["imported@contoso.example"], "{}", scene.story());
    customer.act("resume").await;
    customer.sync_now().await;
    scene.settle().await;
    assert!(addresses(&customer).await.len() > 30, "{}", scene.story());
    assert_eq!(welcomed(&scene), everybody);
    assert_eq!(scene.stack.denied_calls(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_welcomed_by_default_and_a_newcomer_is_once_it_is_on() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    assert!(scene.stack.mails().is_empty());
    let invocations = scene.stack.published_events();
    assert!(invocations.iter().all(|event| event.envelope["detail"].get("welcome").is_none()));
    let marked =
        scene.items("ContactsTable").await.into_iter().filter(|item| item.get("h").is_some());
    assert_eq!(marked.count(), 0, "no contact costs more");

    save(&scene, &customer).await;
    customer.change_settings(json!({"welcomeEmail": true})).await;
    let newcomer = json!({
        "userPrincipalName": "new@contoso.example", "mail": "new@contoso.example",
        "displayName": "<script>New</script>\r\nBcc: x@host.example", "userType": "Member",
        "accountEnabled": true,
    });
    scene.sim.create_user(scene.tenant, newcomer).unwrap();
    customer.sync_now().await;
    scene.settle().await;
    assert_eq!(welcomed(&scene), ["new@contoso.example"], "{}", scene.story());
    let mail = &scene.stack.mails()[0];
    assert!(!mail.subject.contains(['\r', '\n']), "{mail:?}");
    let html = mail.html.as_deref().unwrap();
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"), "{html}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_tried_before_it_is_used_and_what_nobody_knows_of_is_sent_by_hand() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    let path = customer.account_path("/welcome");
    scene.rest().get(&path).await.expect(404);
    let wrong = json!({"subject": "Hi\r\nBcc: x@host.example", "text": "Hi {{firstName}}"});
    let refused = scene.rest().put(&path, &wrong).await.expect(422);
    assert_eq!(refused.pointers(), ["/subject", "/text"]);
    // The installation names no portal.
    let portal = json!({"subject": "Hi", "text": "{{portalUrl}}"});
    assert_eq!(scene.rest().put(&path, &portal).await.expect(422).pointers(), ["/text"]);
    save(&scene, &customer).await;
    let mail = scene.rest().post(&format!("{path}/preview"), &json!({})).await.expect(200).json();
    assert_eq!(mail["html"], "<p>Hello <b>Ada Lovelace</b></p>");
    let broken = json!({"to": "a@host.example\r\nBcc: b@host.example"});
    let refused = scene.rest().post(&format!("{path}/test"), &broken).await.expect(422);
    assert_eq!(refused.pointers(), ["/to"]);
    scene.rest().post(&format!("{path}/test"), &json!({"to": "me@host.example"})).await.expect(204);
    assert_eq!(scene.stack.mails()[0].to, ["me@host.example"]);
    let viewer = scene.rest_as(&customer.account, "viewer");
    viewer.send(Method::PUT, &path, &[], Some(&template())).await.expect(403);

    customer.change_settings(json!({"welcomeEmail": true})).await;
    scene.stack.set_mail_trouble(Some(MailTrouble::LosesAnswers));
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let sent = welcomed(&scene);
    assert_eq!(sent, addresses(&customer).await, "sent once each, though no answer came");
    scene.stack.set_mail_trouble(None);
    // They are young: somebody might still be at them.
    let list = customer.account_path("/welcomes?state=uncertain");
    scene.let_welcomes_grow_old().await;
    let uncertain = scene.rest().list(&list).await;
    assert_eq!(uncertain.len(), sent.len(), "{}", scene.story());
    let contact = uncertain[0]["contactId"].as_str().unwrap();
    let send = customer.account_path(&format!("/welcomes/{contact}/send"));
    let again = scene.rest().post(&send, &json!({})).await.expect(200).json();
    assert_eq!(again["state"], "sent");
    scene.rest().post(&send, &json!({})).await.expect(409);
    assert_eq!(welcomed(&scene).len(), sent.len() + 1);
    let sent = scene.rest().list(&customer.account_path("/welcomes?state=sent")).await;
    assert_eq!(sent.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_without_a_sender_says_how_to_get_one() {
    let parameters = vec![("MailFrom", String::new())];
    let scene = Scene::start(SceneOptions { parameters, ..SceneOptions::with_users(15) }).await;
    let customer = scene.connected().await;
    save(&scene, &customer).await;
    let refused = customer.try_settings(json!({"welcomeEmail": true})).await.expect(422);
    assert_eq!(refused.pointers(), ["/welcomeEmail"]);
    assert!(
        refused.json()["detail"].as_str().unwrap().contains("MailFrom"),
        "{:?}",
        refused.json()
    );
    let test = customer.account_path("/welcome/test");
    let refused = scene.rest().post(&test, &json!({"to": "me@host.example"})).await.expect(409);
    assert_eq!(refused.problem(), "requirement-unmet");
}
