//! Where keys beside the e-mail lead.

use contact_sync_domain::contact::{Contact, ContactField, Link, LinkState};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::matching::MatchKeys;
use contact_sync_domain::settings::Settings;
use serde_json::json;

use super::scene::{Scene, account_id, connection_id, local_id, tenant_id};
use crate::port::StoredContact;
use crate::sync::Lookup;

fn keys() -> MatchKeys {
    let settings: Settings = serde_json::from_value(json!({
        "mapping": [{"target": "email", "source": "[mail]", "required": true},
                    {"target": "employeeId", "source": "[employeeId]"}],
        "matching": ["email", "employeeId"],
    }))
    .unwrap();
    MatchKeys::compile(&settings, &[]).unwrap()
}

fn change(scene: &Scene, id: &ContactId, change: impl FnOnce(&mut Contact)) {
    let mut world = scene.worker.stores.world();
    let Some(StoredContact::Present(contact)) = world.contacts.get_mut(id) else { panic!() };
    change(contact);
}

/// The contacts to which a staff number leads.
async fn led_to(scene: &Scene, number: &str) -> Vec<ContactId> {
    let keys = keys();
    let lookup = Lookup::load(&scene.worker.stores, &account_id(), &keys).await.unwrap();
    let mut sample = match scene.worker.stores.world().contacts.values().next() {
        Some(StoredContact::Present(contact)) => *contact.clone(),
        _ => panic!("nobody is there"),
    };
    sample.fields.insert(ContactField::EmployeeId, number.to_owned());
    let mut found = lookup.find(&keys.digests_of_contact(&sample));
    found.sort_unstable();
    found
}

#[tokio::test]
async fn a_key_leads_to_whoever_nobody_in_the_directory_has() {
    let scene = Scene::of([]);
    for number in 1..=4 {
        scene.put_local(number, &format!("p{number}@x.example"), Some("0815"));
    }
    scene.put_local(5, "p5@x.example", Some("4711"));
    scene.put_local(6, "p6@x.example", None);
    let states = [(2, LinkState::Linked), (3, LinkState::OutOfScope), (4, LinkState::Removed)];
    for (number, state) in states {
        change(&scene, &local_id(number), |contact| {
            contact.link = Some(Link {
                connection_id: connection_id(),
                tenant_id: tenant_id(),
                object_id: ObjectId::from_u128(number),
                user_principal_name: None,
                state,
                acts_at: None,
                planned: None,
                cause: None,
            });
        });
    }
    assert_eq!(led_to(&scene, "0815").await, [local_id(1), local_id(4)]);
    assert_eq!(led_to(&scene, "4711").await, [local_id(5)]);
    assert_eq!(led_to(&scene, "nobody's").await, []);
}

#[tokio::test]
async fn a_value_that_everybody_has_leads_to_a_few_who_leave_it_undecided() {
    let scene = Scene::of([]);
    for number in 1..=40 {
        scene.put_local(number, &format!("p{number}@x.example"), Some("none"));
    }
    let found = led_to(&scene, "none").await.len();
    assert!((2..=8).contains(&found), "{found}");
}
