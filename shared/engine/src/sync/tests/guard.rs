//! What the removal guard counts besides removals: contacts that become inactive.

use contact_sync_domain::contact::ContactStatus;
use contact_sync_domain::guard::GuardLimits;
use contact_sync_domain::run::{RunKind, RunStatus};
use contact_sync_domain::settings::{DisabledAccounts, Settings};
use serde_json::json;

use super::scene::{Scene, connection_id, contact_id, user, user_with};

fn settings(guard: u64) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.scope.disabled_accounts = DisabledAccounts::IncludeAsInactive;
        settings.policies.guard = GuardLimits { max_count: guard, ..GuardLimits::default() };
    }
}

fn inactive(scene: &Scene) -> usize {
    (1..=12)
        .filter_map(|number| scene.contact(&contact_id(number)))
        .filter(|contact| contact.status == ContactStatus::Inactive)
        .count()
}

fn block(scene: &Scene, numbers: impl IntoIterator<Item = u128>) {
    for number in numbers {
        let blocked = json!({"accountEnabled": false, "jobTitle": "Left"});
        scene.worker.directory.inner.entra().put_user(user_with(number, &blocked));
    }
}

#[tokio::test]
async fn contacts_that_become_inactive_are_held_back_beyond_the_guard_and_keep_their_changes() {
    for by_hint in [false, true] {
        let mut scene = Scene::of((1..=12).map(user));
        scene.set_settings(settings(5));
        scene.full().await;
        block(&scene, 1..=8);
        let run = if by_hint {
            scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
            scene.drive_as(RunKind::Delta, None).await.unwrap();
            scene.runs().into_iter().find(|run| run.kind == RunKind::Delta).unwrap()
        } else {
            scene.full().await
        };
        assert_eq!(run.status, RunStatus::Blocked, "{by_hint}: {run:?}");
        assert_eq!((run.counts.awaiting_review, run.counts.updated), (8, 0), "{by_hint}");
        assert_eq!(inactive(&scene), 0, "an outage of one attribute silences nobody");
        // Three of them are back; what the guard allows goes through with the other changes.
        for number in 1..=3 {
            scene.worker.directory.inner.entra().put_user(user(number));
        }
        let run = scene.full().await;
        assert_eq!(run.status, RunStatus::Succeeded, "{by_hint}: {run:?}");
        assert_eq!((run.counts.updated, run.counts.awaiting_review), (5, 0), "{by_hint}");
        assert_eq!(inactive(&scene), 5);
        let titles = (1..=12)
            .filter_map(|number| scene.contact(&contact_id(number)))
            .filter(|contact| contact.fields.values().any(|value| value == "Left"));
        assert_eq!(titles.count(), 5);
        let run = scene.full().await;
        assert_eq!((run.status, run.counts.unchanged), (RunStatus::Succeeded, 12));
    }
}
