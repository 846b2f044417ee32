//! What people do between a plan that takes back and its applying: whoever they moved is left whole.

use contact_sync_domain::contact::ContactField;
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::settings::OnLeave;
use contact_sync_domain::team::Ended;
use serde_json::json;

use super::scene::{Scene, account_id, contact_id, start};
use super::teams::{self, NORTH, SOUTH, join_by_hand, members, put_group, team};
use super::undo_scene::{apply, items, plan, put};
use crate::port::TeamStore;

/// A person takes somebody out of a team again.
async fn leave_by_hand(scene: &Scene, number: u128, of: u128) {
    let (store, contact) = (&scene.worker.stores, contact_id(number));
    let before = store.membership(&account_id(), &contact, &team(of)).await.unwrap().unwrap();
    let ended = before.end(Ended::Person { subject: None, name: None });
    assert!(store.put_membership(&ended.next(start())).await.unwrap());
}

/// What is told of a contact.
async fn told_of(scene: &Scene, run: &Run, number: u128) -> Vec<SegmentItem> {
    let mut told = items(scene, &scene.run(&run.id)).await;
    told.retain(|item| item.contact_id == Some(contact_id(number)));
    told
}

fn is_left(told: &[SegmentItem]) -> bool {
    let reason = Some("the contact changed since the plan was made");
    !told.is_empty()
        && told.iter().all(|one| one.outcome == Outcome::Left && one.reason.as_deref() == reason)
}

/// The plan would delete whom a run made; before it is applied a colleague puts one of them into a
/// team, which no run ever touched.
#[tokio::test]
async fn whom_a_person_put_into_a_team_since_the_plan_does_not_go_with_it() {
    let mut scene = teams::scene(3, teams::mapped(&[]));
    let first = scene.full().await;
    let (planned, _) = plan(&mut scene, &[&first.id], &[]).await;
    join_by_hand(&scene, 2, NORTH).await;
    let gone = apply(&mut scene, &planned).await;
    assert_eq!((gone.counts.removed, gone.counts.skipped), (2, 3), "{gone:?}");
    assert!(scene.contact(&contact_id(2)).is_some());
    assert_eq!(members(&scene, NORTH, 3), [2], "and the team has him");
    assert!(is_left(&told_of(&scene, &gone, 2).await), "and that is told");
}

/// A run gave a title and moved between teams. Whose team a person changes after the plan keeps the
/// title, too, and the team as that person left it; also when nothing stands in it any more.
#[tokio::test]
async fn whose_team_a_person_changes_since_the_plan_is_left_whole() {
    let mut scene = teams::scene(6, teams::mapped(&[teams::row(1, NORTH, OnLeave::Remove)]));
    put_group(&scene, 1, [1, 2, 3], &[]);
    scene.full().await;
    for number in [1, 2, 4, 6] {
        put(&scene, number, &json!({"jobTitle": "Wrong"}));
    }
    put_group(&scene, 1, [3, 4, 5], &[]);
    let run = scene.full().await;
    let (planned, _) = plan(&mut scene, &[&run.id], &[]).await;
    join_by_hand(&scene, 4, NORTH).await;
    join_by_hand(&scene, 1, NORTH).await;
    leave_by_hand(&scene, 1, NORTH).await;
    // A team in which the run moved nobody is no matter of the run.
    join_by_hand(&scene, 6, SOUTH).await;
    let done = apply(&mut scene, &planned).await;
    let title = |number| scene.contact(&contact_id(number)).unwrap().fields;
    for number in [1, 4] {
        assert_eq!(title(number)[&ContactField::JobTitle], "Wrong", "{number}: left whole");
        assert!(is_left(&told_of(&scene, &done, number).await), "{number}");
    }
    for number in [2, 6] {
        assert_eq!(title(number).get(&ContactField::JobTitle), None, "{number}");
    }
    assert_eq!(members(&scene, NORTH, 6), [2, 3, 4], "whom the person took out stays out");
    assert_eq!(members(&scene, SOUTH, 6), [6]);
}

/// Two runs moved somebody, and both are taken back: who was moved by hand before the newer one is
/// taken back keeps what the older one wrote, too.
#[tokio::test]
async fn nothing_older_of_whom_a_person_moved_since_the_plan_is_taken_back_either() {
    let mut scene = teams::scene(4, teams::mapped(&[teams::row(1, NORTH, OnLeave::Remove)]));
    put_group(&scene, 1, [1, 2, 3], &[]);
    scene.full().await;
    for number in [1, 2] {
        put(&scene, number, &json!({"jobTitle": "Wrong"}));
    }
    let older = scene.full().await;
    put_group(&scene, 1, [3], &[]);
    let newer = scene.full().await;
    let (planned, _) = plan(&mut scene, &[&newer.id, &older.id], &[]).await;
    join_by_hand(&scene, 1, NORTH).await;
    leave_by_hand(&scene, 1, NORTH).await;
    let done = apply(&mut scene, &planned).await;
    let told = told_of(&scene, &done, 1).await;
    assert!(told.iter().any(|one| one.outcome == Outcome::Left), "{told:?}");
    let title = |number| scene.contact(&contact_id(number)).unwrap().fields;
    assert_eq!(members(&scene, NORTH, 4), [2, 3]);
    assert_eq!(title(1)[&ContactField::JobTitle], "Wrong");
    assert_eq!(title(2).get(&ContactField::JobTitle), None);
}
