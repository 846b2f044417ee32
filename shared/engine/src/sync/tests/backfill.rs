//! A field that is mapped later is filled for everybody in the background, and the place from which
//! changes are told is kept meanwhile.

use contact_sync_domain::contact::ContactField;
use contact_sync_domain::event::RequestTrigger;
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::sync_state::Stage;
use jiff::SignedDuration;
use serde_json::json;

use super::scene::{Scene, connection_id, contact_id, map, user_with};
use crate::port::DirectoryError;

const PEOPLE: u128 = 20;
/// An attribute that is not read anyway.
const BADGE: &str = "extension_0123456789abcdef0123456789abcdef_badge";

fn field(scene: &Scene, number: u128, field: ContactField) -> Option<String> {
    scene.contact(&contact_id(number)).unwrap().fields.get(&field).cloned()
}

fn is_listing(scene: &Scene) -> bool {
    let point = scene.state().work.checkpoint;
    point.is_some_and(|point| matches!(point.stage, Stage::List { link: Some(_) }))
}

#[tokio::test]
async fn a_field_mapped_later_is_filled_for_everybody_while_changes_are_followed() {
    let throttled = || DirectoryError::Throttled { retry_after: None };
    // At once, and where the settings wait for whatever comes next: a look.
    for by_look in [false, true] {
        let person = |number| user_with(number, &json!({BADGE: "Bern"}));
        let mut scene = Scene::of((1..=PEOPLE).map(person));
        scene.full().await;
        let known = scene.state().work.users_delta.unwrap();
        scene.set_settings(|settings| {
            map(settings, "city");
            settings.mapping.last_mut().unwrap().source = format!("[{BADGE}]");
        });
        // The listing gets no further than two pages.
        if by_look {
            scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
            let begun = scene.drive_as(RunKind::Delta, None).await.unwrap();
            assert_eq!(begun, crate::sync::Driven::HandedOver);
            scene.worker.directory.fail_page(2, throttled());
            let goes_on = Some(RequestTrigger::Continuation);
            scene.drive_as(RunKind::Full, goes_on).await.unwrap();
        } else {
            scene.queue(RunKind::Full, Trigger::Settings).await;
            scene.worker.directory.fail_page(2, throttled());
            scene.drive().await.unwrap();
        }
        assert!(is_listing(&scene), "by a look: {by_look}: {:?}", scene.runs());
        assert_eq!(field(&scene, 1, ContactField::City).as_deref(), Some("Bern"));
        assert_eq!(field(&scene, PEOPLE, ContactField::City), None, "it goes on in the background");
        let kept = scene.state().work.users_delta;
        assert_eq!(kept.as_ref(), Some(&known), "by a look: {by_look}");

        // What changes meanwhile is there before the listing comes to it, or again.
        for (number, attributes) in
            [(1, json!({BADGE: "Chur"})), (PEOPLE, json!({BADGE: "Bern", "jobTitle": "Captain"}))]
        {
            scene.worker.directory.inner.entra().put_user(user_with(number, &attributes));
        }
        scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
        scene.pass(SignedDuration::from_mins(30));
        scene.worker.directory.fail_page(1, throttled());
        scene.drive_as(RunKind::Full, Some(RequestTrigger::Sweep)).await.unwrap();
        assert!(is_listing(&scene), "by a look: {by_look}");
        assert_eq!(field(&scene, 1, ContactField::City).as_deref(), Some("Chur"));
        let title = field(&scene, PEOPLE, ContactField::JobTitle);
        assert_eq!(title.as_deref(), Some("Captain"), "by a look: {by_look}");

        scene.pass(SignedDuration::from_mins(30));
        scene.drive_as(RunKind::Full, Some(RequestTrigger::Sweep)).await.unwrap();
        let run = scene.runs().into_iter().rfind(|run| run.kind == RunKind::Full).unwrap();
        assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
        for number in 2..=PEOPLE {
            let city = field(&scene, number, ContactField::City);
            assert_eq!(city.as_deref(), Some("Bern"), "{number}, by a look: {by_look}");
        }
        let fresh = scene.state().work.users_delta.unwrap();
        assert_ne!(
            fresh.select_hash, known.select_hash,
            "it tracks the new attribute from here on"
        );
        // From here on the new field follows by looks.
        let moved = user_with(3, &json!({BADGE: "Thun"}));
        scene.worker.directory.inner.entra().put_user(moved);
        scene.look().await;
        assert_eq!(field(&scene, 3, ContactField::City).as_deref(), Some("Thun"));
        let fulls = scene.runs().into_iter().filter(|run| run.kind == RunKind::Full).count();
        assert_eq!(fulls, 2, "nothing reads the directory once more");
    }
}
