//! Where people agree to links: nobody is proposed for a contact that another wants.

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::review::{ReviewItem, ReviewList};
use contact_sync_domain::run::{RunKind, RunStatus};
use contact_sync_domain::settings::{BetweenRuns, LinkMode};

use super::replay::settle;
use super::scene::{Scene, connection_id, local_id, user};
use super::takeovers::{asked, by_staff_number, contested, employee, hint, owner};

/// What is proposed to people about somebody, without anything being contested.
fn proposed(scene: &Scene, number: u128) -> Option<ReviewItem> {
    let world = scene.worker.stores.world();
    let place = (connection_id(), ReviewList::Matched, ObjectId::from_u128(number));
    world.reviews.get(&place).cloned()
}

#[tokio::test]
async fn where_people_agree_to_links_nobody_is_proposed_for_what_another_wants() {
    for page_size in [1, 5, 12] {
        let mut scene = contested();
        scene.set_settings(|settings| {
            by_staff_number(settings);
            settings.policies.link = LinkMode::Review;
        });
        scene.pages_of(page_size);
        for round in 0..2 {
            let run = scene.full().await;
            assert_eq!(run.status, RunStatus::Succeeded, "{page_size}: {:?}", run.reason);
            assert_eq!(run.counts.awaiting_review, 3, "{page_size}, {round}");
            for number in [3, 9] {
                let conflict = asked(&scene, number).expect("he is told of the other");
                assert_eq!((conflict.candidates, conflict.suggested), (vec![local_id(1)], None));
                assert_eq!(proposed(&scene, number), None, "accepting all links nobody");
            }
            let alone = proposed(&scene, 5).expect("nobody else wants it");
            assert_eq!((alone.contact_id, asked(&scene, 5)), (Some(local_id(2)), None));
            assert_eq!([1, 2].map(|local| owner(&scene, &local_id(local))), [None, None]);
        }
    }
}

#[tokio::test]
async fn somebody_new_makes_a_question_of_what_was_proposed_before() {
    for between in [BetweenRuns::Apply, BetweenRuns::List] {
        let mut scene = Scene::of((1..=12).map(|number| match number {
            3 => employee(3, "E-1"),
            _ => user(number),
        }));
        scene.set_settings(|settings| {
            by_staff_number(settings);
            settings.policies.link = LinkMode::Review;
            settings.schedule.between_runs = between;
        });
        scene.put_local(1, "one@by.hand", Some("E-1"));
        scene.full().await;
        assert!(proposed(&scene, 3).is_some() && asked(&scene, 3).is_none());
        scene.worker.directory.inner.entra().put_user(employee(13, "E-1"));
        hint(&scene);
        settle(&mut scene, RunKind::Delta).await;
        for number in [3, 13] {
            assert_eq!(proposed(&scene, number), None, "{between:?}: {number}");
            assert_eq!(asked(&scene, number).unwrap().candidates, [local_id(1)], "{number}");
        }
        assert!(scene.worker.stores.world().pending.is_empty());
    }
}
