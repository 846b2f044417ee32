//! What was not told when it happened is told when it may be, though nothing else happens.

use super::digests::{created, scene};
use super::*;

/// A scene in which twelve o'clock's change was told and half past twelve's was put off.
async fn put_off() -> Scene {
    let scene = scene();
    scene.changes_digest("off");
    let hint = scene.run(1, RunStatus::Succeeded, created(1));
    assert_eq!(reasons(&scene.hear(&hint).await), ["contacts-changed"]);
    scene.clock.advance(SignedDuration::from_mins(30));
    let hint = scene.run(2, RunStatus::Succeeded, created(40));
    assert_eq!(scene.hear(&hint).await, []);
    assert_eq!(scene.hear(&hint).await, [], "the event comes again");
    scene
}

fn told_changes(scene: &Scene) -> Vec<String> {
    let world = scene.stores.world();
    let notices = world.notices.values().filter(|notice| notice.kind == NoticeKind::Changes);
    notices.map(|notice| notice.text.clone()).collect()
}

#[tokio::test]
async fn changes_of_the_hour_are_told_when_it_is_over() {
    let scene = put_off().await;
    assert_eq!(scene.stores.world().digests.len(), 1);
    scene.clock.advance(SignedDuration::from_mins(29));
    assert_eq!(scene.digests().await, []);
    scene.clock.advance(SignedDuration::from_mins(1));
    let told = scene.digests().await;
    assert_eq!((reasons(&told), told[0].run_id.as_ref()), (vec!["contacts-changed"], None));
    assert!(told[0].text.contains("40 contacts created"), "{}", told[0].text);
    assert_eq!(scene.digests().await, []);
    assert!(scene.stores.world().digests.is_empty());
}

#[tokio::test]
async fn a_run_that_tells_them_first_leaves_nothing_to_tell() {
    let scene = put_off().await;
    scene.clock.advance(SignedDuration::from_mins(31));
    let hint = scene.run(3, RunStatus::Succeeded, created(2));
    let told = scene.hear(&hint).await;
    assert!(told[0].text.contains("42 contacts created"), "{}", told[0].text);
    assert_eq!(scene.digests().await, []);
    assert!(scene.stores.world().digests.is_empty());
}

#[tokio::test]
async fn whoever_dies_leaves_them_to_the_next_who_tells_them_once() {
    for calls in 0..12 {
        let scene = scene();
        scene.changes_digest("off");
        let hint = scene.run(1, RunStatus::Succeeded, created(1));
        scene.hear(&hint).await;
        scene.clock.advance(SignedDuration::from_mins(30));
        let hint = scene.run(2, RunStatus::Succeeded, created(40));
        scene.stores.world().calls_left = Some(calls);
        let of = (&scene.connection.account_id, &scene.connection.id);
        let _ = raise(&scene.stores, &scene.clock, &scene.chance, of, &hint).await;
        scene.stores.world().calls_left = None;
        scene.hear(&hint).await;
        scene.clock.advance(SignedDuration::from_mins(30));
        // The shards before it are asked, too.
        scene.stores.world().calls_left = Some(calls + 2);
        let _ = scene.try_digests().await;
        scene.stores.world().calls_left = None;
        scene.stores.world().races = 1;
        let _ = scene.try_digests().await;
        let _ = scene.try_digests().await;
        assert_eq!(told_changes(&scene).len(), 2, "dead after {calls} calls");
        assert!(told_changes(&scene)[1].contains("40 contacts created"));
        assert!(scene.stores.world().digests.is_empty());
    }
}

#[tokio::test]
async fn they_are_told_to_nobody_who_chose_them_no_more_nor_of_a_connection_that_is_let_go() {
    let scene = put_off().await;
    scene.clock.advance(SignedDuration::from_hours(1));
    scene.stores.world().settings.get_mut(&scene.connection.id).unwrap()[0]
        .settings
        .notifications
        .kinds = vec!["failure".to_owned()];
    assert_eq!(scene.digests().await, []);
    assert!(scene.stores.world().digests.is_empty());
    let scene = put_off().await;
    scene.clock.advance(SignedDuration::from_hours(1));
    scene.stores.world().connections.get_mut(&scene.connection.id).unwrap().status =
        ConnectionStatus::Disabled;
    assert_eq!(scene.digests().await, []);
    assert!(scene.stores.world().digests.is_empty());
}
