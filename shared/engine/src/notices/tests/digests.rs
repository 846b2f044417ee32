use contact_sync_domain::account::Account;
use contact_sync_domain::retention::Retention;
use contact_sync_domain::review::ReviewItem;

use super::*;

/// A scene whose account lives by the clocks of Berlin: one hour ahead at its noon.
pub(super) fn scene() -> Scene {
    let scene = Scene::new();
    let account = Account {
        id: scene.connection.account_id.clone(),
        external_id: "acme".to_owned(),
        name: "Acme".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        allowed_origins: Vec::new(),
        custom_fields: Vec::new(),
        retention: Retention::default(),
        version: 1,
        created_at: scene.clock.now(),
    };
    scene.stores.world().accounts.insert(account.id.clone(), account);
    scene
}

impl Scene {
    pub(super) fn changes_digest(&self, digest: &str) {
        let mut world = self.stores.world();
        let versions = world.settings.get_mut(&self.connection.id).unwrap();
        digest.clone_into(&mut versions[0].settings.notifications.digest);
    }

    fn move_to(&self, moment: &str) {
        self.clock.move_to(moment.parse().unwrap());
    }

    pub(super) async fn try_digests(&self) -> Digested {
        let deadline = self.clock.now() + SignedDuration::from_mins(1);
        tell_digests(&self.stores, &self.clock, &self.chance, deadline).await
    }

    /// The digests told now.
    pub(super) async fn digests(&self) -> Vec<Notice> {
        let before: Vec<_> = self.stores.world().notices.keys().cloned().collect();
        let digested = self.try_digests().await;
        assert!(digested.failures.is_empty() && digested.failure.is_none(), "{digested:?}");
        let world = self.stores.world();
        let new = world.notices.values().filter(|notice| !before.contains(&notice.id));
        new.cloned().collect()
    }
}

pub(super) fn created(created: u64) -> Counts {
    Counts { created, ..Counts::default() }
}

#[tokio::test]
async fn what_happened_is_summed_up_once_at_eight() {
    let scene = scene();
    for number in 1..=3 {
        let hint = scene.run(number, RunStatus::Succeeded, created(2));
        scene.hear(&hint).await;
        scene.hear(&hint).await;
        scene.clock.advance(SignedDuration::from_mins(10));
    }
    let mut failed = scene.run(4, RunStatus::Failed, Counts::default());
    scene.stores.world().runs.get_mut(&RunId::from_bits(4)).unwrap().reason =
        Some("Entra asked us to wait".to_owned());
    scene.hear(&failed).await;
    let expected = |scene: &Scene, kind: NoticeKind| {
        scene.stores.world().digests.values().filter(|due| due.kind == kind).count()
    };
    assert_eq!(expected(&scene, NoticeKind::Digest), 1);
    // What came after the first is told within the hour, too.
    scene.move_to("2026-03-02T13:00:00Z");
    let told = scene.digests().await;
    assert_eq!(reasons(&told), ["contacts-changed"]);
    assert!(told[0].text.contains("4 contacts created"), "{}", told[0].text);
    scene.move_to("2026-03-03T06:59:59Z");
    assert_eq!(scene.digests().await, []);
    scene.move_to("2026-03-03T07:00:00Z");
    let told = scene.digests().await;
    assert_eq!((reasons(&told), told[0].kind), (vec!["digest"], NoticeKind::Digest));
    assert_eq!(told[0].users, ["u-1"]);
    assert_eq!(told[0].title, "Contoso  Bcc: x: what happened since 2026-03-02 12:59");
    for part in ["4 syncs ended.", "6 contacts created.", "Entra asked us to wait."] {
        assert!(told[0].text.contains(part), "{part}: {}", told[0].text);
    }
    assert!(scene.stores.world().digests.is_empty(), "nothing stands, nothing more is expected");
    assert_eq!(scene.digests().await, []);

    // What came in since then, the next day; an event that comes late brings nothing back.
    scene.move_to("2026-03-03T20:00:00Z");
    scene.hear(&failed).await;
    failed = scene.run(5, RunStatus::Succeeded, created(1));
    scene.hear(&failed).await;
    scene.move_to("2026-03-04T07:14:00Z");
    let told = scene.digests().await;
    assert!(told[0].text.contains("1 sync ended."), "{}", told[0].text);
    assert!(told[0].title.ends_with("since 2026-03-03 08:00"), "{}", told[0].title);
}

#[tokio::test]
async fn a_day_on_which_nothing_happened_brings_no_mail() {
    let scene = scene();
    let hint = scene.run(1, RunStatus::Succeeded, Counts { unchanged: 9, ..Counts::default() });
    scene.hear(&hint).await;
    assert!(scene.stores.world().digests.is_empty());
    for wanted in ["off", "weekly"] {
        scene.changes_digest(wanted);
        let hint = scene.run(2, RunStatus::Succeeded, created(1));
        scene.hear(&hint).await;
        scene.move_to("2026-03-03T07:00:00Z");
        assert_eq!(scene.digests().await, [], "{wanted}");
    }
    scene.move_to("2026-03-09T07:00:00Z");
    assert_eq!(scene.digests().await.len(), 1, "on Monday");
}

#[tokio::test]
async fn what_waits_for_people_is_told_again_each_day_until_they_acted() {
    let scene = scene();
    let item: ReviewItem = serde_json::from_value(json!({
        "accountId": scene.connection.account_id, "connectionId": scene.connection.id,
        "list": "changes", "version": 1, "run": "run", "since": NOON,
        "user": {"objectId": "84bd8158-6d4d-4958-8b9f-9d6445542f90"},
    }))
    .unwrap();
    let place = (scene.connection.id.clone(), item.list, item.user.object_id.clone());
    scene.stores.world().reviews.insert(place.clone(), item);
    let waits = Counts { awaiting_review: 1, ..Counts::default() };
    let hint = scene.run(1, RunStatus::Succeeded, waits);
    scene.hear(&hint).await;
    for day in ["2026-03-03T07:00:00Z", "2026-03-04T07:00:00Z"] {
        scene.move_to(day);
        let told = scene.digests().await;
        assert!(told[0].text.contains("1 decision waits for somebody."), "{}", told[0].text);
    }
    scene.stores.world().reviews.remove(&place);
    scene.move_to("2026-03-05T07:00:00Z");
    assert_eq!(scene.digests().await, []);
    assert!(scene.stores.world().digests.is_empty());
}

#[tokio::test]
async fn a_lost_consent_is_told_each_day_until_it_is_given_or_the_connection_let_go() {
    let scene = scene();
    scene.attention(Some("consent-lost"));
    scene.hear(&Hint::Attention).await;
    for day in ["2026-03-03T07:00:00Z", "2026-03-04T07:00:00Z"] {
        scene.move_to(day);
        let told = scene.digests().await;
        assert!(told[0].text.contains("Send a new consent link."), "{}", told[0].text);
    }
    scene.stores.world().connections.get_mut(&scene.connection.id).unwrap().status =
        ConnectionStatus::Disabled;
    scene.move_to("2026-03-05T07:00:00Z");
    assert_eq!(scene.digests().await, []);
    assert!(scene.stores.world().digests.is_empty());
}

#[tokio::test]
async fn whoever_dies_at_a_digest_leaves_it_to_the_next_who_tells_it_once() {
    for calls in 0..12 {
        let scene = scene();
        let hint = scene.run(1, RunStatus::Succeeded, created(2));
        scene.hear(&hint).await;
        scene.stores.world().notices.clear();
        scene.move_to("2026-03-03T07:00:00Z");
        // The shards before it are asked, too.
        scene.stores.world().calls_left = Some(calls + 2);
        let _ = scene.try_digests().await;
        scene.stores.world().calls_left = None;
        scene.stores.world().races = 1;
        let _ = scene.try_digests().await;
        let _ = scene.try_digests().await;
        assert_eq!(scene.stores.world().notices.len(), 1, "dead after {calls} calls");
        assert!(scene.stores.world().digests.is_empty());
    }
}

#[tokio::test]
async fn a_zone_or_a_frequency_that_changed_moves_a_digest_that_was_expected() {
    let scene = scene();
    let hint = scene.run(1, RunStatus::Succeeded, created(2));
    scene.hear(&hint).await;
    let account = scene.connection.account_id.clone();
    scene.stores.world().accounts.get_mut(&account).unwrap().time_zone = "UTC".to_owned();
    scene.move_to("2026-03-03T07:00:00Z");
    assert_eq!(scene.digests().await, []);
    scene.move_to("2026-03-03T08:00:00Z");
    let told = scene.digests().await;
    assert!(told[0].text.contains("2 contacts created"), "{}", told[0].text);
}
