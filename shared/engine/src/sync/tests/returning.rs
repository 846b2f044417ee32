//! Whoever leaves and returns gets the contact that had existed before him, with what people wrote on
//! it.

use contact_sync_domain::contact::{Contact, ContactField, ContactSource};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::review::ReviewList;
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::{ChangeMode, LinkMode, RemovalAction, Settings};
use jiff::SignedDuration;

use super::replay::{CALLS, settle};
use super::scene::{Scene, account_id, contact_id, local_id, tenant_id, user};
use crate::port::{ContactStore, ErasureStore, StoredContact};

const PERSON: u128 = 3;

fn settings(action: RemovalAction, link: LinkMode) -> impl Fn(&mut Settings) {
    move |settings| {
        settings.policies.removal.soft_deleted = action;
        settings.policies.removal.hard_deleted = action;
        settings.policies.link = link;
    }
}

/// Eight people; 3's contact had been made by hand, and has a city.
async fn adopted(action: RemovalAction) -> (Scene, Contact) {
    let mut scene = Scene::of((1..=8).map(user));
    scene.set_settings(settings(action, LinkMode::Auto));
    scene.put_local(1, "user3@contoso.example", None);
    {
        let mut world = scene.worker.stores.world();
        let Some(StoredContact::Present(contact)) = world.contacts.get_mut(&local_id(1)) else {
            panic!("it was made by hand")
        };
        contact.fields.insert(ContactField::City, "Rome".to_owned());
    }
    scene.pass(SignedDuration::from_hours(1));
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 7));
    let before = scene.contact(&local_id(1)).unwrap();
    assert_eq!(before.link.as_ref().unwrap().object_id, ObjectId::from_u128(PERSON));
    (scene, before)
}

async fn sync(scene: &mut Scene, kind: RunKind) {
    scene.pass(SignedDuration::from_mins(1));
    match kind {
        RunKind::Full => drop(scene.full().await),
        _ => scene.look().await,
    }
}

async fn leave(scene: &mut Scene, kind: RunKind) {
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(PERSON));
    sync(scene, kind).await;
}

fn come_back(scene: &Scene) {
    scene.worker.directory.inner.entra().put_user(user(PERSON));
}

fn check(scene: &Scene, before: &Contact, case: &str) {
    let now = scene.contact(&local_id(1)).unwrap_or_else(|| panic!("{case}: it is gone"));
    assert_eq!(now.fields, before.fields, "{case}");
    assert_eq!((now.source, now.created_at), (ContactSource::Local, before.created_at), "{case}");
    assert_eq!(now.managed_fields, before.managed_fields, "{case}");
    assert_eq!(now.link, before.link, "{case}");
    assert_eq!(scene.contact(&contact_id(PERSON)), None, "{case}: one contact each");
    let world = scene.worker.stores.world();
    let note = (account_id(), tenant_id(), ObjectId::from_u128(PERSON));
    assert_eq!(world.adoptions.get(&note), Some(&local_id(1)), "{case}");
}

#[tokio::test]
async fn a_contact_that_had_existed_before_comes_back_as_it_was_by_any_run() {
    use RunKind::{Delta, Full};
    for (left, back) in [(Delta, Delta), (Delta, Full), (Full, Delta), (Full, Full)] {
        let case = format!("left by {left:?}, back by {back:?}");
        let (mut scene, before) = adopted(RemovalAction::Delete).await;
        leave(&mut scene, left).await;
        assert_eq!(scene.contact(&local_id(1)), None, "{case}: it is deleted");
        // Whoever was made by sync comes back beside him.
        come_back(&scene);
        sync(&mut scene, back).await;
        check(&scene, &before, &case);
        sync(&mut scene, Full).await;
        check(&scene, &before, &case);
    }
}

/// What was his before a run cut the tie is no stranger's record, whatever the settings say of those.
#[tokio::test]
async fn a_contact_that_a_run_let_go_is_linked_again_without_asking() {
    for link in [LinkMode::Auto, LinkMode::Review, LinkMode::Off, LinkMode::Fail] {
        for back in [RunKind::Delta, RunKind::Full] {
            let case = format!("{link:?} {back:?}");
            let (mut scene, before) = adopted(RemovalAction::Unlink).await;
            leave(&mut scene, RunKind::Delta).await;
            assert_eq!(scene.contact(&local_id(1)).unwrap().link, None, "{case}");
            scene.set_settings(settings(RemovalAction::Unlink, link));
            come_back(&scene);
            sync(&mut scene, back).await;
            check(&scene, &before, &case);
            assert!(scene.worker.stores.world().reviews.is_empty(), "{case}");
        }
    }
}

#[tokio::test]
async fn whoever_protected_what_a_run_let_go_is_asked() {
    let (mut scene, _) = adopted(RemovalAction::Unlink).await;
    leave(&mut scene, RunKind::Delta).await;
    {
        let mut world = scene.worker.stores.world();
        let Some(StoredContact::Present(contact)) = world.contacts.get_mut(&local_id(1)) else {
            panic!("it stands")
        };
        contact.protected = true;
    }
    come_back(&scene);
    sync(&mut scene, RunKind::Full).await;
    assert_eq!(scene.contact(&local_id(1)).unwrap().link, None);
    assert_eq!(scene.worker.stores.world().reviews.len(), 1);
}

#[tokio::test]
async fn a_full_run_that_dies_anywhere_brings_the_same_contact_back() {
    for calls in (0..CALLS).step_by(3) {
        let (mut scene, before) = adopted(RemovalAction::Delete).await;
        leave(&mut scene, RunKind::Full).await;
        come_back(&scene);
        scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        let lived = scene.drive().await.is_ok();
        scene.revive();
        if lived {
            assert!(calls > 20, "{calls} calls");
            return;
        }
        settle(&mut scene, RunKind::Full).await;
        check(&scene, &before, &format!("died after {calls} calls"));
    }
    panic!("it needs more calls than this");
}

#[tokio::test]
async fn whoever_was_forgotten_after_leaving_does_not_return_with_the_contact() {
    for back in [RunKind::Delta, RunKind::Full] {
        let (mut scene, _) = adopted(RemovalAction::Delete).await;
        leave(&mut scene, RunKind::Delta).await;
        scene.worker.stores.bury_for_good(&account_id(), &local_id(1)).await.unwrap();
        come_back(&scene);
        sync(&mut scene, back).await;
        assert_eq!(scene.contact(&local_id(1)), None, "{back:?}");
        assert_eq!(scene.contact(&contact_id(PERSON)), None, "{back:?}: nor by another id");
    }
}

/// A directory full of people whose contacts sync made costs no request more.
#[tokio::test]
async fn notes_are_looked_at_only_where_a_run_let_go_of_what_had_existed_before() {
    let (mut scene, _) = adopted(RemovalAction::Delete).await;
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(5));
    sync(&mut scene, RunKind::Full).await;
    assert_eq!(scene.contact(&contact_id(5)), None);
    assert!(!scene.state().work.let_go, "5's id tells whose it was");
    let stores = &scene.worker.stores;
    let five = [ObjectId::from_u128(5)];
    assert_eq!(stores.adopted(&account_id(), &tenant_id(), &five).await.unwrap(), [None]);
    leave(&mut scene, RunKind::Full).await;
    assert!(scene.state().work.let_go);
}

/// Who cuts a tie by hand and edits the contact then does not find the edits gone because the person
/// returned.
#[tokio::test]
async fn what_people_wrote_on_a_contact_that_they_untied_outlives_the_return() {
    for (link, update) in [
        (LinkMode::Review, ChangeMode::Review),
        (LinkMode::Off, ChangeMode::Auto),
        (LinkMode::Auto, ChangeMode::Review),
        (LinkMode::Auto, ChangeMode::Off),
    ] {
        for back in [RunKind::Delta, RunKind::Full] {
            let case = format!("link {link:?}, update {update:?}, back by {back:?}");
            let mut scene = Scene::of((1..=8).map(user));
            scene.set_settings(settings(RemovalAction::Review, LinkMode::Auto));
            scene.full().await;
            leave(&mut scene, RunKind::Delta).await;
            let edited = untie(&scene);
            scene.set_settings(|all| {
                settings(RemovalAction::Review, link)(all);
                all.policies.update = update;
            });
            come_back(&scene);
            sync(&mut scene, back).await;
            sync(&mut scene, RunKind::Full).await;
            let now = scene.contact(&contact_id(PERSON)).unwrap();
            assert_eq!(now.fields, edited.fields, "{case}");
            let is_tied = now.link.is_some();
            assert_eq!(is_tied, link == LinkMode::Auto, "{case}");
            assert_eq!(now.is_untied_by_hand(), !is_tied, "{case}");
            let asked: Vec<_> = {
                let world = scene.worker.stores.world();
                world.reviews.values().map(|item| item.list).collect()
            };
            let asks = match (link, update) {
                (LinkMode::Review, _) => vec![ReviewList::Matched],
                (LinkMode::Auto, ChangeMode::Review) => vec![ReviewList::Changes],
                _ => Vec::new(),
            };
            assert_eq!(asked, asks, "{case}");
        }
    }
}

/// Somebody cuts the tie in the list of removals, and edits the contact, which is free by then.
fn untie(scene: &Scene) -> Contact {
    let mut world = scene.worker.stores.world();
    world.reviews.clear();
    let Some(StoredContact::Present(contact)) = world.contacts.get_mut(&contact_id(PERSON)) else {
        panic!("it stands")
    };
    contact.version += 1;
    contact.link = None;
    contact.managed_fields.clear();
    contact.sync.as_mut().unwrap().untied_by_hand = true;
    contact.fields.insert(ContactField::DisplayName, "Known otherwise".to_owned());
    contact.fields.insert(ContactField::JobTitle, "By hand".to_owned());
    Contact::clone(contact)
}
