//! The dead man's alarm: where nothing happens nothing fails, so what should have come and did not
//! is looked for once in an hour, told once, and told again when it comes.

use contact_sync_flows::{Customer, Scene};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// A customer that syncs, whose turn in the sweep it is, and whose people want to hear of trouble.
async fn listened_to(scene: &Scene) -> Customer<'_> {
    let customer = scene.connected_with_its_turn_soon().await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    let notifications =
        json!({"users": ["u-1"], "emails": ["ada@host.example"], "kinds": ["failure"]});
    customer.change_settings(json!({"notifications": notifications})).await;
    scene.settle().await;
    scene.turn_of(&customer.connection).await;
    customer
}

/// The reasons of what a user is told, newest first.
async fn told(scene: &Scene, customer: &Customer<'_>) -> Vec<String> {
    let notices = scene.rest().list(&customer.account_path("/notifications?user=u-1")).await;
    notices.iter().map(|notice| notice["reason"].as_str().unwrap().to_owned()).collect()
}

/// The subjects of the mails to the chosen address, oldest first.
fn mailed(scene: &Scene) -> Vec<String> {
    let mails = scene.stack.mails().into_iter().filter(|mail| mail.to == ["ada@host.example"]);
    mails.map(|mail| mail.subject).collect()
}

/// What the bus told of a connection's silence, oldest first.
fn published(scene: &Scene, customer: &Customer<'_>) -> Vec<Value> {
    let events = scene.stack.published_events().into_iter().map(|event| event.envelope);
    let own = events.filter(|event| {
        event["detail-type"] == "ConnectionSilent"
            && event["detail"]["connectionId"] == customer.connection.as_str()
    });
    own.map(|event| event["detail"]["what"].clone()).collect()
}

/// The reasons of the notices of trouble that the bus told of a connection, oldest first.
fn raised(scene: &Scene, customer: &Customer<'_>) -> Vec<Value> {
    let events = scene.stack.published_events().into_iter().map(|event| event.envelope);
    let own = events.filter(|event| {
        event["detail-type"] == "NoticeRaised"
            && event["detail"]["connectionId"] == customer.connection.as_str()
            && event["detail"]["kind"] == "failure"
    });
    own.map(|event| event["detail"]["reason"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_fires_no_more_is_told_once_and_so_is_that_runs_come_again() {
    let scene = Scene::with_users(12).await;
    let customer = listened_to(&scene).await;
    // A sweep that finds nothing missing says so to nobody.
    scene.sweep().await;
    assert_eq!(customer.show().await["silence"], json!(null));
    scene.age_last_run(&customer.connection, SignedDuration::from_hours(60)).await;
    for _ in 0..3 {
        scene.sweep().await;
    }
    let silence = customer.show().await["silence"].clone();
    assert_eq!(silence["what"], "run", "{}", scene.story());
    assert!(silence["since"].is_string(), "{silence}");
    assert_eq!(told(&scene, &customer).await, ["no-run"], "{}", scene.story());
    let subject = "Contoso: no full sync came when it should have";
    assert_eq!(mailed(&scene), [subject], "one mail, however many sweeps");
    let text = &scene.stack.mails()[0].text;
    assert!(text.contains("nothing was removed") && text.contains("start a sync"), "{text}");
    assert_eq!(published(&scene, &customer), [json!("run")]);

    // A run alone is not told as recovery; the next look at what is missing is.
    customer.sync_now().await;
    for _ in 0..2 {
        scene.sweep().await;
    }
    assert_eq!(customer.show().await["silence"], json!(null), "{}", scene.story());
    assert_eq!(told(&scene, &customer).await, ["recovered", "no-run"]);
    assert_eq!(mailed(&scene), [subject, "Contoso: syncing works again"]);
    assert_eq!(published(&scene, &customer), [json!("run"), json!(null)]);
    assert_eq!(raised(&scene, &customer), ["no-run", "recovered"], "every notice is on the bus");
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_and_notifications_that_do_not_come_are_told() {
    let scene = Scene::with_users(15).await;
    let customer = listened_to(&scene).await;
    scene.age_last_look(&customer.connection, SignedDuration::from_hours(4)).await;
    // The sweep has somebody look at once: the next one hears it.
    scene.sweep().await;
    assert_eq!(customer.show().await["silence"]["what"], "look", "{}", scene.story());
    assert_eq!(told(&scene, &customer).await, ["no-look"]);
    scene.sweep().await;
    assert_eq!(customer.show().await["silence"], json!(null), "{}", scene.story());
    assert_eq!(told(&scene, &customer).await, ["recovered", "no-look"]);

    // Graph tells nothing any more, and three looks in a row find what it should have told.
    scene.stop_notifications();
    let person = customer.people_in_scope()[0].id().to_owned();
    for title in ["One", "Two", "Three"] {
        customer.edit(&person, json!({"jobTitle": title}));
        scene.let_an_hour_pass_unseen(&customer.connection).await;
        scene.sweep().await;
        assert_eq!(customer.linked_contact(&person).await["fields"]["jobTitle"], title);
    }
    scene.sweep().await;
    assert_eq!(customer.show().await["silence"]["what"], "notification", "{}", scene.story());
    assert_eq!(told(&scene, &customer).await, ["no-notification", "recovered", "no-look"]);
    assert_eq!(mailed(&scene).len(), 3);
    let heard = [json!("look"), json!(null), json!("notification")];
    assert_eq!(published(&scene, &customer), heard);
}
