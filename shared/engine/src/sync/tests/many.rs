//! Many people who wait for each other's addresses.

use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::Phase;
use jiff::SignedDuration;
use serde_json::json;

use super::scene::{Scene, connection_id, contact_id, user, user_with};
use crate::segments::load_segment;

/// How many wait.
const MANY: u128 = 450;

fn with_mail(number: u128, mail: u128) -> DirectoryUser {
    user_with(number, &json!({"mail": format!("user{mail}@contoso.example")}))
}

#[tokio::test]
async fn many_who_wait_are_dealt_with_some_at_a_time_and_none_twice() {
    let mut scene = Scene::of((1..=2 * MANY).map(user));
    scene.pages_of(100);
    scene.full().await;
    // The second half moves on, the first takes its addresses; it is listed before.
    for number in 1..=MANY {
        let mut entra = scene.worker.directory.inner.entra();
        entra.put_user(with_mail(number, number + MANY));
        entra.put_user(with_mail(number + MANY, number + 2 * MANY));
    }
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    // A slice has time for some of it only.
    scene.worker.clock.set_tick(SignedDuration::from_millis(60));
    for _ in 0..60 {
        scene.drive().await.unwrap();
        if scene.run(&id).status.is_terminal() {
            break;
        }
    }
    let run = scene.run(&id);
    assert_eq!((run.status, run.counts.failed), (RunStatus::Succeeded, 0), "{:?}", run.reason);
    let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
    let mut judged = Vec::new();
    for page in 0..run.pages {
        let segment = load_segment(stores, blobs, &connection_id(), &id, page).await.unwrap();
        let segment = segment.unwrap();
        if segment.phase == Phase::Judgement {
            judged.push(segment.items.len());
        }
    }
    assert_eq!(judged, [200, 200, 50]);
    let first = scene.contact(&contact_id(1)).unwrap();
    assert_eq!(first.email(), Some(format!("user{}@contoso.example", 1 + MANY).as_str()));
}
