//! Profile photos: a lane of their own, which is off until somebody asks for it and holds up nothing.

use contact_sync_flows::{Customer, Scene};
use entra_sim::{
    BodyKind, DEFAULT_APP_ID, DEFAULT_APP_SECRET, DirectoryCommand, Effect, Fault,
};
use reqwest::StatusCode;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

/// What the directory is asked for a photo.
const PHOTO: &str = "/v1.0/users/*/photo/$value";

fn set_photo(scene: &Scene, user: &str, present: bool) {
    let command = DirectoryCommand::SetPhoto { user: user.to_owned(), present };
    scene.sim.apply(scene.tenant, command).unwrap();
}

fn asked(scene: &Scene) -> usize {
    let all = scene.sim.requests(100_000);
    all.iter().filter(|request| request.url.contains("/photo")).count()
}

/// A token of the app's own, as the product has one.
async fn token(scene: &Scene) -> String {
    let url = format!("{}/{}/oauth2/v2.0/token", scene.sim.base_url(), scene.tenant);
    let (app, graph) = (DEFAULT_APP_ID, scene.sim.base_url());
    let form = format!(
        "grant_type=client_credentials&client_id={app}&client_secret={DEFAULT_APP_SECRET}\
         &scope={graph}/.default"
    );
    let form_type = "application/x-www-form-urlencoded";
    let request = scene.http().post(url).header("content-type", form_type).body(form);
    let answer = request.send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn denied() -> Effect {
    Effect::Respond {
        status: 403,
        body: BodyKind::Json,
        code: Some("Authorization_RequestDenied".to_owned()),
        message: None,
        retry_after: None,
    }
}

/// The bytes that the simulated directory has of somebody.
async fn in_directory(scene: &Scene, user: &str) -> Option<Vec<u8>> {
    let token = token(scene).await;
    let url = format!("{}/v1.0/users/{user}/photo/$value", scene.sim.base_url());
    let answer = scene.http().get(url).bearer_auth(token).send().await.unwrap();
    match answer.status() {
        StatusCode::OK => Some(answer.bytes().await.unwrap().to_vec()),
        _ => None,
    }
}

fn photo_path(customer: &Customer<'_>, contact: &Value) -> String {
    customer.account_path(&format!("/contacts/{}/photo", contact["id"].as_str().unwrap()))
}

/// What the product serves of somebody, with its media type.
async fn served(scene: &Scene, path: &str) -> (Vec<u8>, String) {
    let redirect = scene.rest().get(path).await.expect(307);
    let address = redirect.header("location").to_owned();
    let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let answer = http.get(address).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let headers = answer.headers().clone();
    let saved = headers["content-disposition"].to_str().unwrap();
    assert!(saved.starts_with("attachment; filename=\"ctc_"), "{saved}");
    let kind = headers["content-type"].to_str().unwrap().to_owned();
    (answer.bytes().await.unwrap().to_vec(), kind)
}

async fn with_photos(scene: &Scene) -> Customer<'_> {
    let customer = scene.connected().await;
    customer.change_settings(json!({"features": {"photo": true}})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    customer
}

async fn shown(scene: &Scene, customer: &Customer<'_>, contact: &Value) -> Value {
    let path = customer.account_path(&format!("/contacts/{}", contact["id"].as_str().unwrap()));
    scene.rest().get(&path).await.expect(200).json()["photo"].clone()
}

fn keys(scene: &Scene) -> Vec<String> {
    let mut keys = scene.stored_files();
    keys.retain(|key| key.starts_with("photos/"));
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn nobodys_photo_is_asked_for_unless_somebody_wants_photos() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    customer.sync_now().await;
    scene.settle().await;
    assert_eq!(asked(&scene), 0);
    assert!(scene.items("ContactsTable").await.iter().all(|item| item["kind"]["S"] != "photo"));
    let contact = customer.contacts().await[0].clone();
    let refused = scene.rest().get(&photo_path(&customer, &contact)).await.expect(404);
    assert_eq!(refused.problem(), "no-photo");
    assert!(refused.json()["detail"].as_str().unwrap().contains("features.photo"));
    assert!(customer.show().await.get("photos").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn everybodys_photo_is_served_as_it_is_and_follows_the_directory() {
    let scene = Scene::with_users(30).await;
    let customer = with_photos(&scene).await;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for (user, contact) in customer.contacts_by_user().await {
        match in_directory(&scene, &user).await {
            Some(bytes) => {
                let photo = shown(&scene, &customer, &contact).await;
                assert_eq!(photo["state"], "present", "{photo}\n{}", scene.story());
                assert_eq!(photo["size"], json!(bytes.len()));
                let kind = "image/jpeg".to_owned();
                assert_eq!(served(&scene, &photo_path(&customer, &contact)).await, (bytes, kind));
                with.push((user, contact));
            }
            None => without.push((user, contact)),
        }
    }
    assert!(with.len() > 3 && without.len() > 3, "{} {}", with.len(), without.len());
    assert_eq!(keys(&scene).len(), with.len());
    let (nobody, contact) = &without[0];
    let refused = scene.rest().get(&photo_path(&customer, contact)).await.expect(404);
    assert_eq!(refused.problem(), "no-photo");
    assert_eq!(shown(&scene, &customer, contact).await["state"], "none");
    let told = || {
        let events = scene.stack.published_events();
        let all = events.iter().map(|event| &event.envelope);
        let of = all.filter(|event| event["detail-type"] == "ContactPhotoChanged");
        of.map(|event| event["detail"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(told().len(), with.len());
    assert_eq!(customer.show().await["photos"]["state"], "current");

    // Whoever was looked at is not looked at again at once.
    let before = asked(&scene);
    customer.sync_now().await;
    scene.settle().await;
    assert_eq!(asked(&scene), before);

    set_photo(&scene, &with[0].0, true);
    set_photo(&scene, &with[1].0, false);
    set_photo(&scene, nobody, true);
    scene.let_photos_grow_old().await;
    customer.sync_now().await;
    scene.settle().await;
    for (user, contact) in [&with[0], &without[0]] {
        let bytes = in_directory(&scene, user).await.unwrap();
        assert_eq!(served(&scene, &photo_path(&customer, contact)).await.0, bytes);
    }
    scene.rest().get(&photo_path(&customer, &with[1].1)).await.expect(404);
    assert_eq!(keys(&scene).len(), with.len(), "one came and one went");
    assert_eq!(told().len(), with.len() + 3);
    let last = told().into_iter().rfind(|one| one["contactId"] == with[1].1["id"]).unwrap();
    assert_eq!((&last["state"], &last["photo"]), (&json!("none"), &Value::Null));
}

/// One column is dimmed; contacts go on, and the column comes back by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_dims_photos_and_nothing_else() {
    let scene = Scene::with_users(20).await;
    scene.sim.add_fault(Fault::once(PHOTO, denied()).times(1_000));
    let customer = with_photos(&scene).await;
    let person = customer.contacts_by_user().await.into_keys().next().unwrap();
    customer.edit(&person, json!({"jobTitle": "Still in sync"}));
    scene.settle().await;
    let contact = customer.linked_contact(&person).await;
    assert_eq!(contact["fields"]["jobTitle"], "Still in sync");
    let connection = customer.show().await;
    assert_eq!(connection["status"], "enabled");
    let photos = &connection["photos"];
    assert_eq!(photos["state"], "unavailable", "{photos}");
    assert_eq!(photos["trouble"]["reason"], "needs ProfilePhoto.Read.All or User.Read.All");
    assert!(asked(&scene) < 12, "whoever may not look does not ask for everybody");
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
    scene.sim.clear_faults();
    // A process keeps a token that was refused for some minutes; another one has its own.
    scene.stack.function("enrichment").unwrap().warm().await.unwrap();
    customer.sync_now().await;
    scene.settle().await;
    assert_eq!(customer.show().await["photos"]["state"], "current", "{}", scene.story());
    assert!(!keys(&scene).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_go_with_those_who_are_removed_or_forgotten() {
    let scene = Scene::with_users(30).await;
    let customer = with_photos(&scene).await;
    let mut pictured = Vec::new();
    for (user, contact) in customer.contacts_by_user().await {
        if shown(&scene, &customer, &contact).await["state"] == "present" {
            pictured.push((user, contact));
        }
    }
    let before = keys(&scene).len();
    let contact = |number: usize| pictured[number].1["id"].as_str().unwrap().to_owned();
    let removed = customer.account_path(&format!("/contacts/{}", contact(0)));
    scene.rest().delete(&removed).await.expect(204);
    scene.settle().await;
    assert_eq!(keys(&scene).len(), before - 1, "{}", scene.story());

    let forgotten = customer.account_path(&format!("/contacts/{}", contact(1)));
    let exported = scene.rest().get(&format!("{forgotten}/export")).await.expect(200).json();
    assert_eq!(exported["photo"]["state"], "present");
    let confirm = json!({"confirm": contact(1)});
    scene.rest().post(&format!("{forgotten}/erase"), &confirm).await.expect(202);
    scene.settle().await;
    assert!(keys(&scene).iter().all(|key| !key.contains(&contact(1))));
    // Nobody gets one again who is forgotten, though the directory still has it.
    scene.let_photos_grow_old().await;
    customer.sync_now().await;
    scene.settle().await;
    assert_eq!(keys(&scene).len(), before - 2);
    let left = scene.items("ContactsTable").await;
    let left = left.iter().filter(|item| item["sk"]["S"].as_str().unwrap().starts_with("P#"));
    assert!(left.clone().all(|item| !item["sk"]["S"].as_str().unwrap().ends_with(&contact(1))));
    customer.act("disable").await.expect(202);
    customer.act("disconnect").await.expect(202);
    assert_eq!(keys(&scene).len(), before - 2, "contacts stay, and their photos");
    scene.rest().delete(&customer.account_path("")).await.expect(204);
    assert!(keys(&scene).is_empty());
}

/// A large directory is more than one slice: each asks for the next.
#[tokio::test(flavor = "multi_thread")]
async fn more_people_than_one_slice_takes_are_all_looked_at_once() {
    let scene = Scene::with_users(700).await;
    let customer = with_photos(&scene).await;
    let contacts = customer.contacts().await.len();
    assert!(contacts > 500, "{contacts}");
    assert_eq!(asked(&scene), contacts, "{}", scene.story());
    assert_eq!(customer.show().await["photos"]["state"], "current");
    let slices = scene.stack.published_events();
    let slices = slices.iter().filter(|one| one.envelope["detail-type"] == "PhotosRequested");
    assert!(slices.count() >= 1);
}
