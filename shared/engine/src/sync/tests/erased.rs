//! People who were forgotten, and what the directory goes on saying of them.

use contact_sync_domain::event::RequestTrigger;
use contact_sync_domain::id::{ContactId, ObjectId, RunId};
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::settings::ChangeMode;
use serde_json::json;

use super::chance::Chance;
use super::replay::CALLS;
use super::scene::{Scene, account_id, contact_id, tenant_id, user, user_with};
use crate::memory::World;
use crate::port::{ContactStore, ErasureStore, StoredContact};
use crate::segments::load_segment;

/// What forgetting user 3 does to what stands for the present.
fn forget_user_3(world: &mut World) {
    let version = match world.contacts.get(&contact_id(3)) {
        Some(StoredContact::Present(contact)) => contact.version + 1,
        Some(StoredContact::Tombstone { .. }) | None => 1,
    };
    let forgotten = StoredContact::Tombstone {
        version,
        source_version: u64::MAX,
        connection_id: None,
        expires_at: jiff::Timestamp::MAX,
        by: None,
        erased: true,
    };
    world.contacts.insert(contact_id(3), forgotten);
    world.claims.retain(|_, owner| *owner != contact_id(3));
}

/// What the pages of a run say of user 3.
async fn told_of_3(scene: &Scene, run: &RunId) -> Vec<SegmentItem> {
    let pages = scene.run(run).pages;
    let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
    let connection = super::scene::connection_id();
    let mut told = Vec::new();
    for page in 0..pages {
        let segment = load_segment(stores, blobs, &connection, run, page).await.unwrap();
        let items = segment.into_iter().flat_map(|segment| segment.items);
        told.extend(items.filter(|item| item.object_id.as_u128() == 3));
    }
    told
}

#[tokio::test]
async fn whoever_was_forgotten_gets_no_contact_by_any_run_and_no_page_tells_of_him() {
    let mut scene = Scene::of((1..=8).map(user));
    scene.full().await;
    let buried = scene.worker.stores.bury_for_good(&account_id(), &contact_id(3)).await.unwrap();
    assert!(buried.is_some());
    scene.worker.stores.world().claims.retain(|_, owner| *owner != contact_id(3));
    for seed in 0..20 {
        let mut chance = Chance::of(seed);
        let title = format!("Title {}", chance.below(1_000));
        let changed = user_with(3, &json!({"jobTitle": title, "city": title}));
        scene.worker.directory.inner.entra().put_user(changed);
        if chance.once_in(4) {
            scene.set_settings(|settings| settings.policies.create = ChangeMode::Review);
        }
        if chance.once_in(2) {
            scene.drive_as(RunKind::Delta, Some(RequestTrigger::Manual)).await.unwrap();
        } else {
            let id = scene.queue(RunKind::Full, Trigger::Manual).await;
            scene.drive().await.unwrap();
            let run = scene.run(&id);
            assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 0), "{seed}");
            let told = told_of_3(&scene, &id).await;
            assert_eq!(told.len(), 1, "{seed}: the proof counts everybody");
            assert_eq!(told[0].outcome, Outcome::Skipped);
            assert_eq!(told[0].reason.as_deref(), Some("erased at a person's request"));
            assert!(told[0].fields.is_empty() && told[0].email.is_none(), "{:?}", told[0]);
        }
        assert_eq!(scene.contact(&contact_id(3)), None, "{seed}");
        let world = scene.worker.stores.world();
        assert!(world.claims.values().all(|owner| *owner != contact_id(3)), "{seed}");
        assert!(world.reviews.is_empty(), "{seed}: nobody is asked about him");
    }
}

#[tokio::test]
async fn who_is_forgotten_while_a_run_goes_on_stays_forgotten_wherever_it_was() {
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=8).map(user));
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.worker.stores.world().meanwhile = Some((calls, forget_user_3));
        scene.drive().await.unwrap();
        if scene.worker.stores.world().meanwhile.is_some() {
            assert!(calls > 20, "{calls} calls");
            return;
        }
        assert_eq!(scene.contact(&contact_id(3)), None, "forgotten after {calls} calls");
        let run = scene.run(&id);
        assert_eq!((run.status, run.counts.seen), (RunStatus::Succeeded, 8), "{calls}");
        let again = scene.full().await;
        assert_eq!((again.status, again.counts.created), (RunStatus::Succeeded, 0), "{calls}");
        assert_eq!(scene.contact(&contact_id(3)), None, "{calls}");
    }
}

/// What was user 3's own is another person's contact by now, and user 3 was forgotten.
async fn given_away() -> Scene {
    let mut scene = Scene::of((1..=8).map(user));
    scene.full().await;
    {
        let mut world = scene.worker.stores.world();
        let Some(StoredContact::Present(own)) = world.contacts.get_mut(&contact_id(3)) else {
            panic!("no contact")
        };
        own.link.as_mut().unwrap().object_id = ObjectId::from_u128(9);
        let place = (account_id(), tenant_id(), ObjectId::from_u128(9));
        world.adoptions.insert(place, contact_id(3));
    }
    let person = user_with(9, &json!({"mail": "person3@contoso.example"}));
    scene.worker.directory.inner.entra().put_user(person);
    let (account, tenant, user) = (account_id(), tenant_id(), ObjectId::from_u128(3));
    let bar = ContactId::barring(&account, &tenant, &user);
    scene.worker.stores.bury_for_good(&account, &bar).await.unwrap();
    scene.worker.stores.put_adoption(&account, &tenant, &user, &bar).await.unwrap();
    scene
}

#[tokio::test]
async fn nothing_is_made_of_or_asked_about_whose_own_contact_is_anothers_by_now() {
    for is_gone in [false, true] {
        let mut scene = given_away().await;
        if is_gone {
            let mut world = scene.worker.stores.world();
            world.contacts.remove(&contact_id(3));
            world.claims.retain(|_, owner| *owner != contact_id(3));
            world.adoptions.retain(|(.., user), _| user.as_u128() != 9);
            drop(world);
            scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(9));
        }
        for (title, by_look) in [("One", true), ("Two", true), ("Three", false), ("Four", false)] {
            let address = format!("{title}@contoso.example");
            let changed = user_with(3, &json!({"jobTitle": title, "mail": address}));
            scene.worker.directory.inner.entra().put_user(changed);
            if by_look {
                scene.look().await;
            } else {
                let run = scene.full().await;
                assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 0), "{title}");
                let told = told_of_3(&scene, &run.id).await;
                assert_eq!(told.len(), 1);
                let reason = told[0].reason.as_deref();
                assert_eq!(reason, Some("erased at a person's request"), "{title}");
                assert_eq!(told[0].email, None);
            }
            let world = scene.worker.stores.world();
            let standing = world.contacts.get(&contact_id(3));
            assert_eq!(standing.is_none(), is_gone, "{title}: the other's stays");
            assert!(world.reviews.is_empty(), "{title}: nobody is asked about him");
            let told = format!("{:?}", world.contacts);
            assert!(!told.contains(title), "{title} is in a contact");
        }
    }
}
