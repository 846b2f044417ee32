//! One tenant, two organisations: who takes whom.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::contact::{ContactStatus, LinkState};
use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId};
use contact_sync_domain::run::RunStatus;
use contact_sync_domain::settings::{AllOr, GroupScope, Overlap, RemovalAction, Scope, Settings};
use serde_json::json;

use super::scene::{Scene, account_id, connection_id, contact_id, tenant_id, user_with};
use crate::port::{Group, SettingsVersion, TenantClaim};

fn other_account() -> AccountId {
    AccountId::from_bits(2)
}

fn other_connection() -> ConnectionId {
    ConnectionId::from_bits(2)
}

/// People 1 to 4 are in Sales, 5 to 8 in Research; the other organisation means whom `theirs` says,
/// with priority 1.
pub(super) fn scene(theirs: Scope) -> Scene {
    let scene = Scene::of((1..=8).map(|number| {
        let department = if number <= 4 { "Sales" } else { "Research" };
        user_with(number, &json!({"department": department}))
    }));
    let mut world = scene.worker.stores.world();
    let account = Account {
        id: other_account(),
        external_id: "other".into(),
        ..world.accounts[&account_id()].clone()
    };
    let connection = Connection {
        id: other_connection(),
        account_id: other_account(),
        ..world.connections[&connection_id()].clone()
    };
    for claim in [(account_id(), connection_id()), (other_account(), other_connection())] {
        let claimed = TenantClaim {
            tenant_id: tenant_id(),
            account_id: claim.0.clone(),
            connection_id: claim.1,
        };
        world.granted_claims.insert((tenant_id(), claim.0), claimed);
    }
    world.accounts.insert(account.id.clone(), account);
    world.connections.insert(connection.id.clone(), connection);
    drop(world);
    set_theirs(&scene, theirs);
    scene
}

pub(super) fn set_theirs(scene: &Scene, scope: Scope) {
    let settings = Settings { scope, ..Settings::default() };
    let mut world = scene.worker.stores.world();
    let versions = world.settings.entry(other_connection()).or_default();
    let version = u64::try_from(versions.len()).unwrap() + 1;
    versions.push(SettingsVersion { version, settings, ..SettingsVersion::never_saved() });
}

pub(super) fn set_ours(scene: &Scene, overlap: Overlap, priority: u32) {
    scene.set_settings(|settings| {
        settings.routing.overlap = overlap;
        settings.routing.priority = priority;
    });
}

pub(super) fn of_department(department: &str) -> Scope {
    Scope { departments: AllOr::Any(vec![department.to_owned()]), ..Scope::default() }
}

fn linked(scene: &Scene) -> Vec<u128> {
    let is_linked = |number: &u128| {
        scene
            .contact(&contact_id(*number))
            .and_then(|contact| contact.link)
            .is_some_and(|link| link.state == LinkState::Linked)
    };
    (1..=8).filter(is_linked).collect()
}

#[tokio::test]
async fn each_way_of_sharing_leads_to_these_contacts() {
    for (overlap, priority, expected) in [
        (Overlap::Both, 2, vec![1, 2, 3, 4, 5, 6, 7, 8]),
        (Overlap::First, 0, vec![1, 2, 3, 4, 5, 6, 7, 8]),
        (Overlap::First, 2, vec![5, 6, 7, 8]),
        (Overlap::First, 1, vec![5, 6, 7, 8]),
        (Overlap::Conflict, 0, vec![5, 6, 7, 8]),
    ] {
        let mut scene = scene(of_department("Sales"));
        set_ours(&scene, overlap, priority);
        let run = scene.full().await;
        assert_eq!(run.status, RunStatus::Succeeded, "{overlap:?} {priority}: {run:?}");
        assert_eq!(linked(&scene), expected, "{overlap:?} {priority}");
        let skipped = 8 - u64::try_from(expected.len()).unwrap();
        assert_eq!(run.counts.skipped, skipped, "{overlap:?} {priority}");
    }
}

#[tokio::test]
async fn whoever_is_linked_stays_and_is_updated_when_somebody_else_means_them_too() {
    let mut scene = scene(of_department("Nobody"));
    set_ours(&scene, Overlap::Conflict, 1);
    scene.full().await;
    assert_eq!(linked(&scene).len(), 8);
    set_theirs(&scene, of_department("Sales"));
    let changed = user_with(1, &json!({"department": "Sales", "jobTitle": "Chief"}));
    scene.worker.directory.inner.entra().put_user(changed);
    let joined = user_with(9, &json!({"department": "Sales"}));
    scene.worker.directory.inner.entra().put_user(joined);
    let run = scene.full().await;
    assert_eq!((run.counts.updated, run.counts.skipped), (1, 1), "{run:?}");
    assert_eq!(linked(&scene).len(), 8, "nobody loses a contact by somebody else's settings");
    assert!(scene.contact(&contact_id(9)).is_none());
}

#[tokio::test]
async fn a_person_goes_to_whoever_comes_first_and_back_when_that_scope_shrinks() {
    let mut scene = scene(of_department("Nobody"));
    set_ours(&scene, Overlap::First, 2);
    scene.full().await;
    set_theirs(&scene, of_department("Sales"));
    scene.full().await;
    assert_eq!(linked(&scene), [5, 6, 7, 8]);
    let left = scene.contact(&contact_id(1)).unwrap();
    assert_eq!(left.link.unwrap().state, LinkState::OutOfScope, "the contact is kept");
    set_theirs(&scene, of_department("Nobody"));
    scene.full().await;
    assert_eq!(linked(&scene).len(), 8);
}

#[tokio::test]
async fn nothing_that_another_organisation_sets_up_takes_a_contact_or_its_link_away() {
    for policy in [
        RemovalAction::Keep,
        RemovalAction::StopUpdating,
        RemovalAction::Review,
        RemovalAction::Unlink,
        RemovalAction::Deactivate,
        RemovalAction::Delete,
    ] {
        let mut scene = scene(of_department("Nobody"));
        scene.set_settings(|settings| {
            settings.routing.overlap = Overlap::First;
            settings.routing.priority = 2;
            settings.policies.removal.out_of_scope = policy;
            settings.policies.guard.max_percent = 100.0;
        });
        scene.full().await;
        set_theirs(&scene, of_department("Sales"));
        let run = scene.full().await;
        assert_eq!(run.counts.awaiting_review, 0, "{policy:?}: nobody is asked either");
        for number in 1..=4 {
            let contact = scene.contact(&contact_id(number)).expect("the contact stands");
            assert!(contact.link.is_some(), "{policy:?}: the contact keeps its link");
            assert_eq!(contact.status, ContactStatus::Active, "{policy:?}");
        }
        assert!(scene.worker.stores.world().pending.is_empty(), "{policy:?}: nothing is staged");
    }
}

#[tokio::test]
async fn others_settings_that_this_directory_cannot_answer_stop_nobody() {
    let unknown = "[extension_0_bogus] eq 'x'".to_owned();
    let mut scene = scene(Scope { expression: Some(unknown), ..Scope::default() });
    scene.worker.directory.unknown.lock().unwrap().push("extension_0_bogus".to_owned());
    set_ours(&scene, Overlap::Conflict, 1);
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
    assert_eq!(linked(&scene).len(), 8);

    let group = ObjectId::from_u128(50_009);
    let any = vec![group];
    let gone = GroupScope { any, include_nested: true };
    set_theirs(&scene, Scope { groups: AllOr::Any(gone), ..Scope::default() });
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Succeeded, "a group that is gone: {run:?}");
    let status = scene.worker.stores.world().connections[&connection_id()].status;
    assert_eq!(status, ConnectionStatus::Enabled);
}

#[tokio::test]
async fn whoever_joins_or_leaves_anothers_group_changes_hands_with_the_next_look() {
    for theirs_rests in [false, true] {
        let group = ObjectId::from_u128(50_001);
        let put = |scene: &Scene, members: &[u128]| {
            let made = Group { id: group.clone(), display_name: None };
            let members = members.iter().copied().map(ObjectId::from_u128).collect();
            scene.worker.directory.inner.entra().put_group(made, members, Vec::new());
        };
        let theirs = GroupScope { any: vec![group.clone()], include_nested: true };
        let mut scene = scene(Scope { groups: AllOr::Any(theirs), ..Scope::default() });
        put(&scene, &[1, 2]);
        set_ours(&scene, Overlap::First, 2);
        scene.full().await;
        assert_eq!(linked(&scene), [3, 4, 5, 6, 7, 8]);
        if theirs_rests {
            let mut world = scene.worker.stores.world();
            world.connections.get_mut(&other_connection()).unwrap().status =
                ConnectionStatus::Paused;
        }
        put(&scene, &[2, 3]);
        scene.look().await;
        assert_eq!(linked(&scene), [1, 4, 5, 6, 7, 8], "paused: {theirs_rests}");
        let requests = scene.worker.directory.requests();
        scene.look().await;
        assert_eq!(scene.worker.directory.requests() - requests, 2, "two deltas, no members");
    }
}

#[tokio::test]
async fn others_settings_that_changed_are_found_at_the_next_look_and_only_once() {
    let mut scene = scene(of_department("Sales"));
    set_ours(&scene, Overlap::First, 2);
    scene.full().await;
    assert_eq!(linked(&scene), [5, 6, 7, 8]);
    set_theirs(&scene, of_department("Nobody"));
    scene.look().await;
    assert_eq!(linked(&scene).len(), 8);
    let runs = scene.runs().len();
    scene.look().await;
    assert_eq!(scene.runs().len(), runs, "nothing moved since: no run of either kind");

    {
        let mut world = scene.worker.stores.world();
        world.connections.get_mut(&other_connection()).unwrap().status = ConnectionStatus::Disabled;
    }
    scene.look().await;
    scene.look().await;
    assert_eq!(scene.runs().len(), runs + 1, "one full run, since somebody is gone");
}

#[tokio::test]
async fn only_connections_that_sync_have_a_claim_to_people() {
    for (status, expected) in [
        (ConnectionStatus::Ready, 8),
        (ConnectionStatus::Disabled, 8),
        (ConnectionStatus::Enabled, 4),
        (ConnectionStatus::Paused, 4),
        (ConnectionStatus::Attention, 4),
    ] {
        let mut scene = scene(of_department("Sales"));
        set_ours(&scene, Overlap::First, 2);
        {
            let mut world = scene.worker.stores.world();
            world.connections.get_mut(&other_connection()).unwrap().status = status;
        }
        scene.full().await;
        assert_eq!(linked(&scene).len(), expected, "{status:?}");
    }
}

#[tokio::test]
async fn the_others_groups_count_also_before_they_were_ever_read_for_them() {
    let group = ObjectId::from_u128(50_001);
    let any = vec![group.clone()];
    let theirs = GroupScope { any, include_nested: true };
    let mut scene = scene(Scope { groups: AllOr::Any(theirs), ..Scope::default() });
    let made = Group { id: group, display_name: None };
    let members = vec![ObjectId::from_u128(3), ObjectId::from_u128(6)];
    scene.worker.directory.inner.entra().put_group(made, members, Vec::new());
    set_ours(&scene, Overlap::First, 2);
    scene.full().await;
    assert_eq!(linked(&scene), [1, 2, 4, 5, 7, 8]);
}

#[tokio::test]
async fn an_attribute_that_only_the_other_scope_reads_is_read_before_anybody_is_taken() {
    let theirs = "[onPremisesSamAccountName] eq 'sales'".to_owned();
    let mut scene = scene(Scope { expression: Some(theirs), ..Scope::default() });
    for number in 1..=2 {
        let told = json!({"department": "Sales", "onPremisesSamAccountName": "sales"});
        scene.worker.directory.inner.entra().put_user(user_with(number, &told));
    }
    for number in 3..=8 {
        let told = json!({"onPremisesSamAccountName": null});
        scene.worker.directory.inner.entra().put_user(user_with(number, &told));
    }
    set_ours(&scene, Overlap::First, 2);
    scene.full().await;
    assert_eq!(linked(&scene), [3, 4, 5, 6, 7, 8]);
}
