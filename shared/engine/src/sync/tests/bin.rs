//! People who leave by one way and then by another: through the recycle bin, or out of the scope and
//! then out of the directory.

use contact_sync_domain::contact::{Contact, ContactField, ContactStatus, LinkState};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::review::{Departure, ReviewList};
use contact_sync_domain::run::{Run, RunStatus};
use contact_sync_domain::settings::{ChangeMode, RemovalAction};
use jiff::SignedDuration;
use serde_json::json;

use super::happenings::with;
use super::scene::{Scene, connection_id, contact_id, start, user, user_with};
use crate::memory::World;
use crate::port::StoredContact;

fn id(number: u128) -> ObjectId {
    ObjectId::from_u128(number)
}

/// So many people; what becomes of those who are deleted, at once and for good.
async fn synced(people: u128, soft: RemovalAction, hard: RemovalAction, grace: u32) -> Scene {
    let mut scene = Scene::of((1..=people).map(user));
    set(&scene, soft, hard, grace);
    scene.full().await;
    scene
}

fn set(scene: &Scene, soft: RemovalAction, hard: RemovalAction, grace: u32) {
    scene.set_settings(|settings| {
        let removal = &mut settings.policies.removal;
        (removal.soft_deleted, removal.hard_deleted) = (soft, hard);
        removal.grace_days = grace;
    });
}

fn delete(scene: &Scene, numbers: impl IntoIterator<Item = u128>) {
    let mut entra = scene.worker.directory.inner.entra();
    numbers.into_iter().for_each(|number| entra.delete_user(&id(number)));
}

fn purge(scene: &Scene, numbers: impl IntoIterator<Item = u128>) {
    let mut entra = scene.worker.directory.inner.entra();
    numbers.into_iter().for_each(|number| entra.remove_user(&id(number)));
}

fn contact(scene: &Scene, number: u128) -> Contact {
    scene.contact(&contact_id(number)).expect("a contact")
}

fn stands(scene: &Scene, number: u128) -> (LinkState, Option<GoneCause>) {
    let link = contact(scene, number).link.expect("a link");
    (link.state, link.cause)
}

fn asked(scene: &Scene, number: u128) -> Option<Departure> {
    let world = scene.worker.stores.world();
    let item = world.reviews.get(&(connection_id(), ReviewList::Removals, id(number)))?;
    item.departure.as_deref().cloned()
}

/// A run that reads everybody, of what happened before it: no delta tells of that.
async fn unfollowed(scene: &mut Scene) -> Run {
    {
        let mut world = scene.worker.stores.world();
        world.states.get_mut(&connection_id()).unwrap().work.users_delta = None;
    }
    scene.full().await
}

#[tokio::test]
async fn who_went_through_the_recycle_bin_goes_when_he_is_gone_for_good() {
    use RemovalAction as A;
    for soft in [A::Keep, A::StopUpdating, A::Review, A::Deactivate] {
        for follows in [true, false] {
            let mut scene = synced(9, soft, A::Delete, 0).await;
            delete(&scene, [2]);
            scene.look().await;
            let left = contact(&scene, 2);
            assert_eq!(left.status == ContactStatus::Inactive, soft == A::Deactivate, "{soft:?}");
            if soft != A::Keep {
                let bin = (LinkState::Removed, Some(GoneCause::SoftDeleted));
                assert_eq!(stands(&scene, 2), bin, "{soft:?}");
            }
            unfollowed(&mut scene).await;
            assert!(scene.contact(&contact_id(2)).is_some(), "in the bin still: {soft:?}");
            purge(&scene, [2]);
            if follows {
                scene.look().await;
            } else {
                unfollowed(&mut scene).await;
            }
            assert_eq!(scene.contact(&contact_id(2)), None, "{soft:?}, followed: {follows}");
            assert_eq!(asked(&scene, 2), None, "{soft:?}");
        }
    }
}

#[tokio::test]
async fn those_who_are_gone_for_good_at_once_are_held_back_and_asked_about_as_everybody() {
    use RemovalAction as A;
    let mut scene = synced(12, A::Review, A::Delete, 0).await;
    delete(&scene, 1..=8);
    scene.look().await;
    assert_eq!(asked(&scene, 3), Some(Departure::of(GoneCause::SoftDeleted)));
    purge(&scene, 1..=8);
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Blocked, "{run:?}");
    for number in 1..=8 {
        let now = asked(&scene, number).expect("the question is another");
        assert_eq!((now.cause, now.held), (GoneCause::HardDeleted, true), "{number}");
        assert_eq!(now.action, Some(A::Delete), "{number}");
    }
    let run = unfollowed(&mut scene).await;
    assert_eq!(run.status, RunStatus::Blocked, "they wait on: {run:?}");
}

#[tokio::test]
async fn days_of_grace_begin_when_he_is_gone_for_good() {
    use RemovalAction as A;
    let mut scene = synced(9, A::StopUpdating, A::Delete, 3).await;
    delete(&scene, [2]);
    scene.look().await;
    assert_eq!(contact(&scene, 2).link.unwrap().planned, None);
    scene.pass(SignedDuration::from_hours(30 * 24));
    purge(&scene, [2]);
    scene.look().await;
    let link = contact(&scene, 2).link.unwrap();
    let acts_at = start() + SignedDuration::from_hours(33 * 24);
    assert_eq!((link.planned, link.acts_at), (Some(A::Delete), Some(acts_at)));
    assert_eq!(link.cause, Some(GoneCause::HardDeleted));
    let told = asked(&scene, 2).expect("people are told");
    assert_eq!((told.cause, told.acts_at), (GoneCause::HardDeleted, Some(acts_at)));
    scene.pass(SignedDuration::from_hours(72));
    scene.look().await;
    assert_eq!(scene.contact(&contact_id(2)), None);
}

/// Sign-in was blocked, which stops the updates; when it is not any more he is in no group.
#[tokio::test]
async fn who_is_out_of_scope_for_one_reason_goes_by_another_that_asks_for_more() {
    let mut scene = synced(9, RemovalAction::Delete, RemovalAction::Delete, 0).await;
    scene.set_settings(|settings| {
        settings.policies.removal.out_of_scope = RemovalAction::Delete;
    });
    with(&scene, 2, &json!({"accountEnabled": false}));
    scene.full().await;
    assert_eq!(stands(&scene, 2), (LinkState::OutOfScope, Some(GoneCause::Disabled)));
    with(&scene, 2, &json!({"accountEnabled": true, "userType": "Guest"}));
    scene.look().await;
    assert_eq!(scene.contact(&contact_id(2)), None);
}

/// Nothing follows the delta of a connection that rests: it is the full run that finds who was
/// deleted meanwhile, and by a read by id alone.
#[tokio::test]
async fn who_is_deleted_unseen_while_out_of_scope_is_found_by_the_next_full_run() {
    use RemovalAction as A;
    for (purges, cause) in [(false, GoneCause::SoftDeleted), (true, GoneCause::HardDeleted)] {
        let mut scene = synced(9, A::StopUpdating, A::Deactivate, 0).await;
        with(&scene, 2, &json!({"accountEnabled": false}));
        with(&scene, 3, &json!({"accountEnabled": false}));
        scene.full().await;
        let out = (LinkState::OutOfScope, Some(GoneCause::Disabled));
        assert_eq!((stands(&scene, 2), stands(&scene, 3)), (out, out));
        delete(&scene, [2]);
        if purges {
            purge(&scene, [2]);
        }
        let run = unfollowed(&mut scene).await;
        assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
        assert_eq!(stands(&scene, 2), (LinkState::Removed, Some(cause)));
        assert_eq!(contact(&scene, 2).status == ContactStatus::Inactive, purges);
        assert_eq!(stands(&scene, 3), out, "he is there");
    }
}

/// I13: a listing that leaves people out takes nothing from anybody.
#[tokio::test]
async fn who_is_out_of_scope_and_left_out_of_a_listing_is_there_still() {
    use RemovalAction as A;
    let mut scene = synced(9, A::Delete, A::Delete, 0).await;
    with(&scene, 2, &json!({"accountEnabled": false}));
    scene.full().await;
    let before = contact(&scene, 2);
    *scene.worker.directory.unlisted.lock().unwrap() = vec![id(2)];
    let run = unfollowed(&mut scene).await;
    assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
    assert_eq!(contact(&scene, 2), before);
}

#[tokio::test]
async fn an_unchanged_full_run_asks_for_nobody_by_id_whom_it_saw() {
    use RemovalAction as A;
    let mut scene = synced(12, A::Deactivate, A::Deactivate, 0).await;
    scene.full().await;
    let cost = |scene: &Scene| scene.worker.directory.requests();
    let before = cost(&scene);
    scene.full().await;
    let everybody_in = cost(&scene) - before;
    for number in 1..=6 {
        with(&scene, number, &json!({"accountEnabled": false}));
    }
    delete(&scene, [7]);
    scene.full().await;
    let before = cost(&scene);
    scene.full().await;
    assert!(cost(&scene) - before <= everybody_in, "six out of scope, and one in the bin");
}

/// Updating waits for a person: who returns and leaves again is deactivated as anybody.
#[tokio::test]
async fn who_returned_where_updating_waits_leaves_again_as_everybody() {
    for mode in [ChangeMode::Off, ChangeMode::Review] {
        let mut scene = synced(9, RemovalAction::Delete, RemovalAction::Delete, 0).await;
        scene.set_settings(|settings| {
            let removal = &mut settings.policies.removal;
            (removal.soft_deleted, removal.hard_deleted) =
                (RemovalAction::StopUpdating, RemovalAction::Delete);
            settings.policies.update = mode;
        });
        delete(&scene, [2]);
        scene.look().await;
        let back = user_with(2, &json!({"jobTitle": "Captain"}));
        scene.worker.directory.inner.entra().put_user(back);
        scene.look().await;
        assert_eq!(stands(&scene, 2), (LinkState::Linked, None), "{mode:?}");
        let title = contact(&scene, 2).fields.get(&ContactField::JobTitle).cloned();
        assert_ne!(title.as_deref(), Some("Captain"), "{mode:?}");
        purge(&scene, [2]);
        scene.look().await;
        assert_eq!(scene.contact(&contact_id(2)), None, "{mode:?}");
    }
}

/// A person writes on a contact while the run that deletes it is at work.
fn moves_to_lima(world: &mut World) {
    let Some(StoredContact::Present(contact)) = world.contacts.get_mut(&contact_id(2)) else {
        return;
    };
    contact.fields.insert(ContactField::City, "Lima".to_owned());
    contact.version += 1;
}

#[tokio::test]
async fn who_returns_gets_what_was_written_until_his_contact_was_deleted() {
    let mut late = 0;
    for calls in 0..200 {
        let mut scene = synced(9, RemovalAction::Delete, RemovalAction::Delete, 0).await;
        purge(&scene, [2]);
        scene.worker.stores.world().meanwhile = Some((calls, moves_to_lima));
        scene.full().await;
        if scene.worker.stores.world().meanwhile.is_some() {
            assert!(late > 0, "no edit came between the judgement and the write");
            return;
        }
        let run = scene.runs().into_iter().max_by_key(|run| run.queued_at).unwrap();
        let is_late = {
            let world = scene.worker.stores.world();
            let mut noted = world.deviations.iter().filter(|((of, _), _)| *of == run.id);
            noted.any(|(_, these)| these.iter().any(|one| one.item.is_some()))
        };
        if !is_late {
            continue;
        }
        late += 1;
        assert_eq!(scene.contact(&contact_id(2)), None, "after {calls} calls");
        scene.worker.directory.inner.entra().put_user(user(2));
        scene.full().await;
        let city = contact(&scene, 2).fields.get(&ContactField::City).cloned();
        assert_eq!(city.as_deref(), Some("Lima"), "written after {calls} calls");
    }
}
