//! Slices that die anywhere in stages that lean on what other stages left: members read by id,
//! managers, teams, shared tenants; and people who decide while a run goes on.

use contact_sync_domain::contact::{Contact, LinkState};
use contact_sync_domain::id::{ObjectId, TeamId};
use contact_sync_domain::query_plan::Reading;
use contact_sync_domain::review::ReviewList;
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::{AllOr, GroupScope, Overlap, Settings, TeamMapping};
use contact_sync_domain::team::Team;
use serde_json::json;

use super::replay::{CALLS, seen, settle};
use super::scene::{
    Scene, account_id, connection_id, contact_id, local_id, map, start, tenant_id, user, user_with,
};
use super::sharing;
use super::takeovers::{by_staff_number, questions};
use crate::memory::World;
use crate::port::{Group, StoredContact};

fn group(number: u128) -> ObjectId {
    ObjectId::from_u128(50_000 + number)
}

fn put_group(scene: &Scene, number: u128, members: impl IntoIterator<Item = u128>) {
    let made = Group { id: group(number), display_name: None };
    let members = members.into_iter().map(ObjectId::from_u128).collect();
    scene.worker.directory.inner.entra().put_group(made, members, Vec::new());
}

/// What people see once everything has ended: of the last run of its kind, of contacts, teams and
/// questions.
fn told(scene: &Scene, kind: RunKind) -> String {
    let run = scene.runs().into_iter().rfind(|run| run.kind == kind).unwrap();
    let memberships: Vec<String> = scene
        .worker
        .stores
        .world()
        .memberships
        .values()
        .map(|one| format!("{} {} {:?}", one.contact_id, one.team_id, one.held_by()))
        .collect();
    // Slices that take over from dead ones bar whom they leave out.
    let seen = seen(scene, &run).replace(", \"gone at 0\"", "");
    format!("{seen} {memberships:?} {:?}", questions(scene))
}

/// Drives a run of `kind` whose slice dies at every `step`th call of the store, and expects what it
/// comes to without a death.
async fn dies_anywhere(kind: RunKind, step: usize, arrange: impl AsyncFn() -> Scene) {
    let mut expected = None;
    for calls in (0..CALLS * step).step_by(step) {
        let mut scene = arrange().await;
        if kind == RunKind::Full {
            scene.queue(kind, Trigger::Manual).await;
        } else {
            scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
        }
        if expected.is_none() {
            settle(&mut scene, kind).await;
            expected = Some(told(&scene, kind));
            continue;
        }
        scene.die_after(calls);
        let lived = scene.drive_as(kind, None).await.is_ok();
        if !lived {
            scene.revive();
            settle(&mut scene, kind).await;
        }
        let found = told(&scene, kind);
        let expected = expected.iter().flat_map(|one| one.split("ctc_")).collect::<Vec<_>>();
        for (found, expected) in found.split("ctc_").zip(&expected) {
            assert_eq!(found, *expected, "died after {calls} calls");
        }
        assert_eq!(found.split("ctc_").count(), expected.len(), "died after {calls} calls");
        if lived {
            assert!(calls > 20 * step, "{calls} calls");
            return;
        }
    }
    panic!("it needs more calls than this");
}

#[tokio::test]
async fn a_listing_of_members_is_taken_up_on_any_page() {
    // Two pages of members, of whom the second is short.
    dies_anywhere(RunKind::Full, 97, async || {
        let scene = Scene::of((1..=4_200).map(user));
        scene.set_settings(|settings| {
            let any = vec![group(1)];
            settings.scope.groups = AllOr::Any(GroupScope { any, include_nested: true });
        });
        put_group(&scene, 1, 1..=1_010);
        scene
    })
    .await;
}

#[tokio::test]
async fn members_are_read_by_id_where_that_test_says_so() {
    let mut scene = Scene::of((1..=4_200).map(user));
    scene.set_settings(|settings| {
        let any = vec![group(1)];
        settings.scope.groups = AllOr::Any(GroupScope { any, include_nested: true });
    });
    put_group(&scene, 1, 1..=1_010);
    let run = scene.full().await;
    assert_eq!((run.reading, run.pages), (Some(Reading::Members), 2));
}

fn with_managers(settings: &mut Settings) {
    by_staff_number(settings);
    map(settings, "manager");
}

/// Everybody's manager comes on a later page; one of them takes over a contact that was there.
fn managed() -> Scene {
    let scene = Scene::of((1..=11).map(|number| {
        let mut one = match number {
            8 => user_with(8, &json!({"employeeId": "E-8"})),
            _ => user(number),
        };
        one.tell_manager((number < 11).then(|| ObjectId::from_u128(number + 1)).as_ref());
        one
    }));
    scene.set_settings(with_managers);
    scene.put_local(8, "eight@by.hand", Some("E-8"));
    scene
}

#[tokio::test]
async fn managers_are_found_wherever_the_looking_for_them_was_broken_off() {
    let mut scene = managed();
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.created, run.counts.updated), (RunStatus::Succeeded, 10, 1));
    let manager = |number: u128| {
        let contact = scene.contact(&contact_id(number)).unwrap();
        contact.fields.get(&contact_sync_domain::contact::ContactField::Manager).cloned()
    };
    assert_eq!(manager(7), Some(local_id(8).to_string()));
    assert_eq!(manager(3), Some(contact_id(4).to_string()));
    let taken = scene.contact(&local_id(8)).unwrap();
    assert!(taken.fields.values().any(|value| *value == contact_id(9).to_string()), "{taken:?}");
    dies_anywhere(RunKind::Full, 1, async || managed()).await;
}

fn put_team(scene: &Scene) {
    let made = Team {
        id: TeamId::from_bits(1),
        account_id: account_id(),
        name: "North".into(),
        version: 1,
        created_at: start(),
        updated_at: start(),
    };
    scene.worker.stores.world().teams.insert(made.id.clone(), made);
}

/// Two groups lead into one team; some left since, one was taken over, one is new.
async fn regrouped() -> Scene {
    let mut scene = Scene::of((1..=8).map(user));
    put_team(&scene);
    scene.set_settings(|settings| {
        by_staff_number(settings);
        settings.teams =
            [1, 2].map(|number| TeamMapping::new(group(number), &TeamId::from_bits(1))).to_vec();
    });
    put_group(&scene, 1, [1, 2, 3, 4]);
    put_group(&scene, 2, [4, 5]);
    scene.full().await;
    scene.put_local(9, "nine@by.hand", Some("E-9"));
    put_group(&scene, 1, [2, 3, 6, 9, 10]);
    put_group(&scene, 2, [1, 5]);
    let mut entra = scene.worker.directory.inner.entra();
    entra.put_user(user_with(9, &json!({"employeeId": "E-9"})));
    entra.put_user(user(10));
    drop(entra);
    scene
}

#[tokio::test]
async fn teams_come_out_the_same_wherever_comparing_them_was_broken_off() {
    let mut scene = regrouped().await;
    scene.full().await;
    let members: Vec<_> = {
        let world = scene.worker.stores.world();
        let held = world.memberships.values().filter(|one| one.held_by().is_some());
        held.map(|one| one.contact_id.clone()).collect()
    };
    let mut expected = [1, 2, 3, 5, 6, 10].map(contact_id).to_vec();
    expected.push(local_id(9));
    expected.sort();
    assert_eq!(members, expected);
    dies_anywhere(RunKind::Full, 1, regrouped).await;
}

#[tokio::test]
async fn teams_follow_groups_wherever_a_look_was_broken_off() {
    dies_anywhere(RunKind::Delta, 1, regrouped).await;
}

#[tokio::test]
async fn a_shared_tenant_is_split_the_same_wherever_a_run_was_broken_off() {
    for overlap in [Overlap::First, Overlap::Conflict] {
        dies_anywhere(RunKind::Full, 1, async || {
            let mut scene = sharing::scene(sharing::of_department("Nobody"));
            sharing::set_ours(&scene, overlap, 2);
            scene.full().await;
            sharing::set_theirs(&scene, sharing::of_department("Sales"));
            let mut entra = scene.worker.directory.inner.entra();
            let chief = json!({"department": "Sales", "jobTitle": "Chief"});
            entra.put_user(user_with(1, &chief));
            entra.put_user(user_with(9, &json!({"department": "Sales"})));
            entra.put_user(user_with(10, &json!({"department": "Research"})));
            drop(entra);
            scene
        })
        .await;
    }
}

/// Somebody decides that the contact is 9's, as the lists of decisions write it.
fn is_nines(world: &mut World) {
    let user = ObjectId::from_u128(9);
    let place = (connection_id(), ReviewList::Conflicts, user.clone());
    if world.reviews.remove(&place).is_none() {
        return;
    }
    let Some(StoredContact::Present(contact)) = world.contacts.get_mut(&local_id(1)) else {
        panic!("it stands");
    };
    contact.version += 1;
    contact.link = Some(contact_sync_domain::contact::Link {
        connection_id: connection_id(),
        tenant_id: tenant_id(),
        object_id: user.clone(),
        user_principal_name: None,
        state: LinkState::Linked,
        acts_at: None,
        planned: None,
        cause: None,
    });
    world.adoptions.insert((account_id(), tenant_id(), user), local_id(1));
}

#[tokio::test]
async fn what_people_decide_between_two_pages_of_a_run_stands() {
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=12).map(|number| match number {
            3 | 9 => user_with(number, &json!({"employeeId": "E-1"})),
            _ => user(number),
        }));
        scene.set_settings(by_staff_number);
        scene.put_local(1, "one@by.hand", Some("E-1"));
        scene.full().await;
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.worker.stores.world().meanwhile = Some((calls, is_nines));
        settle(&mut scene, RunKind::Full).await;
        if scene.worker.stores.world().meanwhile.take().is_some() {
            assert!(calls > 20, "it was decided {calls} times");
            return;
        }
        let run = scene.run(&id);
        assert!(
            matches!(run.status, RunStatus::Succeeded | RunStatus::Partial),
            "{calls}: {run:?}"
        );
        let owner = |contact: Contact| contact.link.map(|link| link.object_id.as_u128());
        assert_eq!(scene.contact(&local_id(1)).and_then(owner), Some(9), "{calls}");
        let run = scene.full().await;
        assert_eq!(run.status, RunStatus::Succeeded, "{calls}: {run:?}");
        assert_eq!(scene.contact(&local_id(1)).and_then(owner), Some(9), "{calls}");
        assert!(scene.contact(&contact_id(3)).is_some(), "{calls}: the other one gets his own");
        assert!(scene.contact(&contact_id(9)).is_none(), "{calls}: one contact each");
        assert_eq!(questions(&scene), Vec::<String>::new(), "{calls}");
    }
    panic!("it needs more calls than this");
}
