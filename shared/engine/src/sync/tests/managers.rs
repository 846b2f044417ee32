//! Managers whose contact is made later than their people's.

use contact_sync_domain::contact::ContactField;
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::settings::AllOr;
use serde_json::json;

use super::scene::{Scene, contact_id, user_with};

fn person(number: u128, department: &str, manager: Option<u128>) -> DirectoryUser {
    let mut user = user_with(number, &json!({"department": department}));
    user.tell_manager(manager.map(ObjectId::from_u128).as_ref());
    user
}

/// Only Sales is meant, and everybody's manager is mapped.
fn scene(people: impl IntoIterator<Item = DirectoryUser>) -> Scene {
    let scene = Scene::of(people);
    scene.set_settings(|settings| {
        settings.scope.departments = AllOr::Any(vec!["Sales".to_owned()]);
        let row = json!({"target": "manager", "source": "[manager]", "whenEmpty": "clear"});
        settings.mapping.push(serde_json::from_value(row).unwrap());
    });
    scene
}

fn manager_of(scene: &Scene, number: u128) -> Option<String> {
    scene.contact(&contact_id(number)).unwrap().fields.get(&ContactField::Manager).cloned()
}

fn contact_of(number: u128) -> String {
    contact_id(number).to_string()
}

#[tokio::test]
async fn a_manager_who_gets_his_contact_in_a_later_look_is_his_peoples_manager_with_that_look() {
    let mut scene =
        scene([person(1, "Sales", Some(9)), person(2, "Sales", Some(1)), person(9, "Board", None)]);
    scene.full().await;
    assert_eq!(manager_of(&scene, 1), None, "the manager is outside the scope");
    assert_eq!(manager_of(&scene, 2), Some(contact_of(1)));

    scene.worker.directory.inner.entra().put_user(person(9, "Sales", None));
    scene.look().await;
    assert_eq!(manager_of(&scene, 1), Some(contact_of(9)));
    let changed = scene.contact(&contact_id(1)).unwrap().version;
    scene.look().await;
    assert_eq!(scene.contact(&contact_id(1)).unwrap().version, changed, "once and for all");
}

#[tokio::test]
async fn whoever_came_with_a_look_waits_for_his_manager_beyond_it() {
    let mut scene = scene([person(9, "Board", None), person(8, "Board", None)]);
    scene.full().await;
    scene.worker.directory.inner.entra().put_user(person(1, "Sales", Some(9)));
    scene.worker.directory.inner.entra().put_user(person(2, "Sales", Some(9)));
    scene.look().await;
    // Meanwhile one of the two has got another manager.
    scene.worker.directory.inner.entra().put_user(person(2, "Sales", Some(8)));
    scene.look().await;
    scene.worker.directory.inner.entra().put_user(person(9, "Sales", None));
    scene.look().await;
    assert_eq!((manager_of(&scene, 1), manager_of(&scene, 2)), (Some(contact_of(9)), None));
    scene.worker.directory.inner.entra().put_user(person(8, "Sales", None));
    scene.look().await;
    assert_eq!(
        (manager_of(&scene, 1), manager_of(&scene, 2)),
        (Some(contact_of(9)), Some(contact_of(8)))
    );
}
