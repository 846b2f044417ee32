//! Plans: what a full run would do, shown without doing any of it.

use contact_sync_domain::actor::Actor;
use contact_sync_domain::contact::{ContactField, LinkState};
use contact_sync_domain::guard::GuardLimits;
use contact_sync_domain::id::{ObjectId, RunId};
use contact_sync_domain::plan::{Approved, Plan};
use contact_sync_domain::report::Happened;
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::Outcome;
use contact_sync_domain::settings::{AllOr, GroupScope, RemovalAction, Settings};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::by_group::{group, put_group};
use super::replay::CALLS;
use super::scene::{Scene, account_id, connection_id, contact_id, start, user, user_with};
use crate::port::{Clock, SettingsStore, StoreError, StoredContact, SyncStateStore};
use crate::segments::load_segment;
use crate::sync::Driven;

/// Everything that no plan may change.
pub(super) fn kept(scene: &Scene) -> String {
    let world = scene.worker.stores.world();
    let main = world.pending.keys().filter(|(_, lane, _, _)| lane.is_main()).count();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {main}",
        world.contacts,
        world.claims,
        world.adoptions,
        world.memberships,
        world.reviews,
        world.connections,
        world.states
    )
}

pub(super) async fn preview(scene: &mut Scene) -> Result<Driven, StoreError> {
    scene.drive_as(RunKind::Preview, None).await
}

/// A preview from its asking to its end, during which nothing else changes.
pub(super) async fn planned(scene: &mut Scene) -> (Run, Plan) {
    let before = kept(scene);
    let id = scene.queue(RunKind::Preview, Trigger::Manual).await;
    preview(scene).await.unwrap();
    assert_eq!(kept(scene), before, "a plan changes nothing");
    shown(scene, &id)
}

pub(super) fn shown(scene: &Scene, id: &RunId) -> (Run, Plan) {
    let run = scene.run(id);
    assert_eq!(run.status, RunStatus::Planned, "{run:?}");
    let plan = Plan::clone(run.plan.as_deref().unwrap());
    (run, plan)
}

/// Who was to be made, changed or let go, as the pages of a run tell.
async fn intended(scene: &Scene, run: &Run) -> Vec<(ObjectId, Outcome)> {
    let mut told = Vec::new();
    let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
    for page in 0..run.pages {
        let segment = load_segment(stores, blobs, &connection_id(), &run.id, page).await.unwrap();
        let items = segment.into_iter().flat_map(|segment| segment.items);
        told.extend(items.map(|item| (item.object_id, item.outcome)));
    }
    told
}

/// Twelve people with contacts, of whom some changed, left or came since.
pub(super) async fn moved() -> Scene {
    let mut scene = Scene::of((1..=12).map(user));
    scene.set_settings(|settings| {
        settings.policies.removal.soft_deleted = RemovalAction::Delete;
        settings.policies.removal.hard_deleted = RemovalAction::Delete;
        settings.policies.guard = GuardLimits { max_count: 2, ..GuardLimits::default() };
    });
    scene.full().await;
    let mut entra = scene.worker.directory.inner.entra();
    entra.put_user(user_with(1, &json!({"givenName": "Ada"})));
    // The two change their addresses with one another.
    entra.put_user(user_with(2, &json!({"mail": "user3@contoso.example"})));
    entra.put_user(user_with(3, &json!({"mail": "user2@contoso.example"})));
    for gone in 4..=8 {
        entra.remove_user(&ObjectId::from_u128(gone));
    }
    entra.put_user(user(13));
    drop(entra);
    scene
}

#[tokio::test]
async fn the_first_look_shows_what_the_first_run_then_does_and_writes_nothing() {
    let mut scene = Scene::of((1..=12).map(user));
    let (run, plan) = planned(&mut scene).await;
    assert!(scene.worker.stores.world().contacts.is_empty());
    assert_eq!(plan.summary.by_kind.get(&Happened::Created), Some(&12));
    assert_eq!(plan.summary.by_field.get("email"), Some(&12));
    assert_eq!((run.counts.created, run.counts.seen), (12, 12));
    let done = scene.full().await;
    assert_eq!(done.counts, run.counts, "the run does what the plan said");
    let (_, after) = planned(&mut scene).await;
    assert_eq!(after.summary.by_kind.get(&Happened::Unchanged), Some(&12));
    assert_eq!(after.summary.by_kind.len(), 1, "{:?}", after.summary);
    assert_ne!(after.hash, plan.hash);
}

#[tokio::test]
async fn a_plan_names_changes_swaps_newcomers_and_what_the_guard_would_hold() {
    let mut scene = moved().await;
    let (run, plan) = planned(&mut scene).await;
    let told = intended(&scene, &run).await;
    let of = |outcome| told.iter().filter(|(_, found)| *found == outcome).count();
    assert_eq!((of(Outcome::Create), of(Outcome::Delete)), (1, 5), "{told:?}");
    let guard = &plan.summary.guard;
    assert_eq!((guard.count, guard.allowed, guard.left, guard.holds), (5, 2, 2, true));
    assert_eq!(plan.summary.removals.values().sum::<u64>(), 5);
    assert_eq!(plan.summary.by_kind.get(&Happened::Removed), Some(&5));
    assert_eq!(plan.summary.by_kind.get(&Happened::Updated), Some(&3));
    let email =
        |scene: &Scene, user| scene.contact(&contact_id(user)).unwrap().email().map(str::to_owned);
    assert_eq!(email(&scene, 2).as_deref(), Some("user2@contoso.example"), "not yet");
    // The same state is planned alike.
    let (_, again) = planned(&mut scene).await;
    assert_eq!((again.hash, again.summary), (plan.hash, plan.summary));
}

#[tokio::test]
async fn a_plan_whose_slice_dies_anywhere_comes_to_the_same() {
    let mut undisturbed = moved().await;
    let (_, expected) = planned(&mut undisturbed).await;
    for calls in (0..CALLS).step_by(7) {
        let mut scene = moved().await;
        let before = kept(&scene);
        let id = scene.queue(RunKind::Preview, Trigger::Manual).await;
        scene.die_after(calls);
        if preview(&mut scene).await.is_ok() {
            assert!(calls > 20, "{calls} calls");
            return;
        }
        scene.revive();
        for _ in 0..5 {
            if scene.run(&id).status == RunStatus::Planned {
                break;
            }
            preview(&mut scene).await.unwrap();
        }
        let (_, plan) = shown(&scene, &id);
        assert_eq!(
            (plan.hash, plan.summary),
            (expected.hash.clone(), expected.summary.clone()),
            "died after {calls} calls"
        );
        assert_eq!(kept(&scene), before, "died after {calls} calls");
    }
}

/// A preview under the settings with some changes, up to its plan.
async fn drafted(scene: &mut Scene, change: impl FnOnce(&mut Settings)) -> (Run, Plan) {
    let id = scene.queue(RunKind::Preview, Trigger::Manual).await;
    let (account, connection) = (account_id(), connection_id());
    let mut draft = scene.worker.stores.settings(&account, &connection).await.unwrap();
    change(&mut draft.settings);
    scene.worker.stores.put_draft(&connection, &id, &draft, Timestamp::MAX).await.unwrap();
    let before = kept(scene);
    preview(scene).await.unwrap();
    assert_eq!(kept(scene), before, "a plan changes nothing");
    shown(scene, &id)
}

#[tokio::test]
async fn a_draft_is_planned_in_the_place_of_the_saved_settings_and_changes_none_of_what_is_known() {
    let mut scene = Scene::of((1..=12).map(user));
    put_group(&scene, 1, 1..=12, &[]);
    put_group(&scene, 2, 1..=3, &[]);
    let meant = |number| AllOr::Any(GroupScope { any: vec![group(number)], include_nested: true });
    scene.set_settings(|settings| settings.scope.groups = meant(1));
    assert_eq!(scene.full().await.counts.created, 12);
    let blobs = |scene: &Scene| {
        let mut all = scene.worker.blobs.all().clone();
        all.retain(|key, _| key.starts_with("state/"));
        all
    };
    let known = blobs(&scene);
    assert!(!known.is_empty());
    let (run, plan) = drafted(&mut scene, |settings| settings.scope.groups = meant(2)).await;
    assert!(plan.basis.draft);
    assert_eq!(plan.summary.leaving.values().sum::<u64>(), 9, "{:?}", plan.summary);
    assert_eq!(blobs(&scene), known, "the groups that the connection knows stay as they are");
    // A plan of the settings as they are, in the very next slice, knows nothing of the draft.
    let (_, saved) = planned(&mut scene).await;
    assert!(!saved.basis.draft && saved.summary.leaving.is_empty(), "{:?}", saved.summary);

    // Applied with the draft saved, the leavers are marked, and the next look goes by the new group.
    scene.set_settings(|settings| settings.scope.groups = meant(2));
    let done = apply(&mut scene, &run, None).await;
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    let out = (1..=12).filter(|number| {
        let link = scene.contact(&contact_id(*number)).unwrap().link.unwrap();
        link.state == LinkState::OutOfScope
    });
    assert_eq!(out.count(), 9);
    let next = scene.full().await;
    assert_eq!((next.counts.updated, next.counts.removed), (0, 0), "{next:?}");
}

#[tokio::test]
async fn what_syncs_goes_on_while_somebody_plans() {
    let mut scene = Scene::of((1..=12).map(user));
    scene.full().await;
    let id = scene.queue(RunKind::Preview, Trigger::Manual).await;
    scene.worker.directory.inner.entra().put_user(user_with(1, &json!({"givenName": "Ada"})));
    scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
    scene.drive_as(RunKind::Delta, None).await.unwrap();
    assert_eq!(scene.run(&id).status, RunStatus::Queued, "what syncs leaves plans alone");
    preview(&mut scene).await.unwrap();
    let (_, plan) = shown(&scene, &id);
    assert_eq!(plan.summary.by_kind.get(&Happened::Unchanged), Some(&12));
}

/// Approves a plan, with this number of removals, and has it applied.
pub(super) async fn apply(scene: &mut Scene, run: &Run, removals: Option<u64>) -> Run {
    approve(scene, run, removals).await;
    scene.drive().await.unwrap();
    scene.run(&run.id)
}

pub(super) async fn approve(scene: &Scene, run: &Run, removals: Option<u64>) {
    let at = scene.worker.clock.now();
    let approved = Approved { by: Actor::default(), at, removals, items: None };
    let plan = Plan { approved: Some(approved), ..Plan::clone(run.plan.as_deref().unwrap()) };
    let queued =
        Run { status: RunStatus::Queued, plan: Some(Box::new(plan)), ..scene.run(&run.id) };
    assert!(scene.worker.stores.enqueue_planned(&queued).await.unwrap());
}

/// What the contacts hold, whoever wrote it and when.
fn values(scene: &Scene) -> Vec<String> {
    let world = scene.worker.stores.world();
    let told = world.contacts.values().filter_map(|stored| match stored {
        StoredContact::Present(contact) => Some(format!(
            "{} {:?} {:?} {:?} {:?}",
            contact.id, contact.status, contact.fields, contact.custom, contact.link
        )),
        StoredContact::Tombstone { .. } => None,
    });
    told.collect()
}

#[tokio::test]
async fn what_is_applied_is_what_a_full_run_would_have_done() {
    let people = || {
        let boss = user_with(1, &json!({"givenName": "Ada"}));
        (2..=12).map(user).chain([boss])
    };
    let mut by_run = Scene::of(people());
    by_run.full().await;
    let mut by_plan = Scene::of(people());
    let (run, _) = planned(&mut by_plan).await;
    let done = apply(&mut by_plan, &run, None).await;
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    assert_eq!((done.counts.created, done.told_pages().is_empty()), (12, false));
    assert_eq!(values(&by_plan), values(&by_run));
    // Nothing is left to do, and what was to be looked at still is.
    assert!(by_plan.state().work.last_checked_at.is_none(), "a plan looks at nobody else");
    let next = by_plan.full().await;
    assert_eq!((next.counts.unchanged, next.counts.updated), (12, 0));
}

#[tokio::test]
async fn who_moved_since_is_left_and_named_and_all_others_are_as_planned() {
    let mut scene = Scene::of((1..=12).map(user));
    scene.full().await;
    for number in 1..=4 {
        let changed = user_with(number, &json!({"givenName": "Ada"}));
        scene.worker.directory.inner.entra().put_user(changed);
    }
    scene.worker.directory.inner.entra().put_user(user(13));
    scene.worker.directory.inner.entra().put_user(user(14));
    let (run, plan) = planned(&mut scene).await;
    assert_eq!(plan.summary.by_kind.get(&Happened::Updated), Some(&4));
    // One is renamed once more, one is edited by hand, one never comes.
    let again = user_with(1, &json!({"givenName": "Eve"}));
    scene.worker.directory.inner.entra().put_user(again);
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(13));
    {
        let mut world = scene.worker.stores.world();
        let edited = world.contacts.get_mut(&contact_id(2)).unwrap();
        let StoredContact::Present(contact) = edited else { panic!("it stands") };
        contact.version += 1;
    }
    let done = apply(&mut scene, &run, None).await;
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    assert_eq!((done.counts.updated, done.counts.created), (2, 1), "{done:?}");
    let name = |number| {
        let contact = scene.contact(&contact_id(number)).unwrap();
        contact.fields.get(&ContactField::FirstName).cloned().unwrap()
    };
    assert_eq!((name(1), name(2)), ("User".to_owned(), "User".to_owned()), "left as they were");
    assert_eq!((name(3), name(4)), ("Ada".to_owned(), "Ada".to_owned()));
    assert!(scene.contact(&contact_id(13)).is_none(), "nobody gets a contact who is gone");
    assert!(scene.contact(&contact_id(14)).is_some());
}

#[tokio::test]
async fn removals_beyond_the_guard_go_only_when_their_number_was_said() {
    for (said, left) in [(None, 12), (Some(4), 12), (Some(5), 7)] {
        let mut scene = moved().await;
        let (run, _) = planned(&mut scene).await;
        let done = apply(&mut scene, &run, said).await;
        let status = if left == 12 { RunStatus::Blocked } else { RunStatus::Succeeded };
        assert_eq!(done.status, status, "{said:?}: {done:?}");
        let stand = (1..=12).filter(|number| scene.contact(&contact_id(*number)).is_some());
        assert_eq!(stand.count(), left, "{said:?}");
        assert!(scene.contact(&contact_id(13)).is_some(), "{said:?}: the others are applied");
    }
}

#[tokio::test]
async fn days_of_grace_begin_when_a_plan_is_applied_and_who_is_due_stands_in_the_next() {
    let mut scene = Scene::of((1..=8).map(user));
    scene.set_settings(|settings| {
        settings.policies.removal.hard_deleted = RemovalAction::Delete;
        settings.policies.removal.grace_days = 3;
    });
    scene.full().await;
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(2));
    let (run, plan) = planned(&mut scene).await;
    assert_eq!(plan.summary.guard.count, 0, "nobody is taken away at once");
    // It is approved some hours later.
    scene.pass(SignedDuration::from_hours(5));
    let done = apply(&mut scene, &run, None).await;
    assert_eq!((done.status, done.counts.removed), (RunStatus::Succeeded, 1), "{done:?}");
    let link = scene.contact(&contact_id(2)).unwrap().link.unwrap();
    let ends = start() + SignedDuration::from_hours(5 + 72);
    assert_eq!((link.planned, link.acts_at), (Some(RemovalAction::Delete), Some(ends)));
    assert_eq!(scene.state().work.next_due, Some(ends), "the sweep knows when to look");
    scene.pass(SignedDuration::from_hours(72));
    let (run, plan) = planned(&mut scene).await;
    assert_eq!(plan.summary.guard.count, 1, "his time has come");
    let done = apply(&mut scene, &run, None).await;
    assert_eq!(done.counts.removed, 1, "{done:?}");
    assert!(scene.contact(&contact_id(2)).is_none());
    let next = scene.full().await;
    assert_eq!((next.status, next.counts.removed), (RunStatus::Succeeded, 0));
    assert_eq!(scene.state().work.next_due, None);
}

#[tokio::test]
async fn a_plan_whose_applying_dies_anywhere_is_applied_once() {
    let mut undisturbed = moved().await;
    let (run, _) = planned(&mut undisturbed).await;
    let done = apply(&mut undisturbed, &run, Some(5)).await;
    let expected = (values(&undisturbed), done.counts, done.status);
    for calls in (0..CALLS).step_by(3) {
        let mut scene = moved().await;
        let (run, _) = planned(&mut scene).await;
        approve(&scene, &run, Some(5)).await;
        scene.die_after(calls);
        if scene.drive().await.is_ok() {
            assert!(calls > 20, "{calls} calls");
            return;
        }
        scene.revive();
        for _ in 0..5 {
            if scene.run(&run.id).status.is_terminal() {
                break;
            }
            scene.drive().await.unwrap();
        }
        let done = scene.run(&run.id);
        let found = (values(&scene), done.counts, done.status);
        assert_eq!(found, expected, "died after {calls} calls");
    }
}

#[tokio::test]
async fn a_plan_that_nobody_approves_ends_and_says_so() {
    let mut scene = moved().await;
    let (run, plan) = planned(&mut scene).await;
    let (other, _) = planned(&mut scene).await;
    let until = plan.expires_at.duration_since(scene.worker.clock.now());
    scene.pass(until);
    preview(&mut scene).await.unwrap();
    assert_eq!(scene.run(&run.id).status, RunStatus::Planned, "a moment is left to other clocks");
    scene.pass(SignedDuration::from_mins(5));
    preview(&mut scene).await.unwrap();
    for id in [&run.id, &other.id] {
        let ended = scene.run(id);
        assert_eq!(ended.status, RunStatus::Cancelled);
        assert!(ended.reason.unwrap().contains("nobody approved"));
        assert!(ended.ended_at.is_some());
    }
}
