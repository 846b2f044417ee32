use contact_sync_domain::connection::{Attention, Connection, ConnectionStatus};
use contact_sync_domain::id::RunId;
use contact_sync_domain::notice::{Notice, NoticeKind};
use contact_sync_domain::run::{Counts, RunStatus};
use contact_sync_domain::settings::Settings;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::*;
use crate::memory::{Counter, HeldClock, MailFate, MemoryMailer, MemoryStore};
use crate::port::{Clock, SettingsVersion};

mod digests;
mod put_off;
mod questions;

const NOON: &str = "2026-03-02T12:00:00Z";

/// One connection, its people, and what reaches them.
struct Scene {
    stores: MemoryStore,
    mailer: MemoryMailer,
    clock: HeldClock,
    chance: Counter,
    connection: Connection,
}

impl Scene {
    fn new() -> Self {
        let connection: Connection = serde_json::from_value(json!({
            "id": "con_00000000000000000000000000000002",
            "accountId": "acc_00000000000000000000000000000001",
            "status": "enabled",
            "tenant": {"id": "84bd8158-6d4d-4958-8b9f-9d6445542f95", "name": "Contoso\r\nBcc: x"},
            "version": 1, "createdAt": NOON, "updatedAt": NOON,
        }))
        .unwrap();
        let stores = MemoryStore::default();
        stores.world().connections.insert(connection.id.clone(), connection.clone());
        let scene = Self {
            stores,
            mailer: MemoryMailer::default(),
            clock: HeldClock::at(NOON.parse().unwrap()),
            chance: Counter::default(),
            connection,
        };
        scene.tells(&["ada@contoso.example", "bob@contoso.example", "ADA@contoso.example"]);
        scene
    }

    fn tells(&self, emails: &[&str]) {
        let mut settings = Settings::default();
        settings.notifications.users = vec!["u-1".to_owned()];
        settings.notifications.emails = emails.iter().map(|&email| email.to_owned()).collect();
        let version = SettingsVersion { version: 1, settings, ..SettingsVersion::never_saved() };
        self.stores.world().settings.insert(self.connection.id.clone(), vec![version]);
    }

    fn attention(&self, reason: Option<&str>) {
        let mut world = self.stores.world();
        let connection = world.connections.get_mut(&self.connection.id).unwrap();
        connection.status = match reason {
            Some(_) => ConnectionStatus::Attention,
            None => ConnectionStatus::Enabled,
        };
        connection.attention = reason.map(|reason| Attention {
            reason: reason.to_owned(),
            fix: "send a new consent link".to_owned(),
            before: ConnectionStatus::Enabled,
            since: self.clock.now(),
        });
    }

    /// A run ends; an event tells so.
    fn run(&self, number: u128, status: RunStatus, counts: Counts) -> Hint {
        let at = self.clock.now();
        let id = RunId::from_bits(number);
        let run = serde_json::from_value(json!({
            "id": id, "accountId": self.connection.account_id, "connectionId": self.connection.id,
            "kind": "full", "trigger": "schedule", "status": status, "counts": counts,
            "progress": {"done": 0}, "settingsVersion": 1, "queuedAt": at, "endedAt": at,
        }))
        .unwrap();
        self.stores.world().runs.insert(id.clone(), run);
        Hint::RunEnded(id)
    }

    async fn hear(&self, hint: &Hint) -> Vec<Notice> {
        let of = (&self.connection.account_id, &self.connection.id);
        raise(&self.stores, &self.clock, &self.chance, of, hint).await.unwrap()
    }

    async fn deliver(&self, notice: &Notice) -> Result<Delivery, NoticeError> {
        let of = (&notice.account_id, &notice.id);
        let portal = Some("https://portal.host.example");
        deliver(&self.stores, &self.mailer, &self.clock, portal, of).await
    }
}

fn reasons(notices: &[Notice]) -> Vec<&str> {
    notices.iter().map(|notice| notice.reason.as_str()).collect()
}

#[tokio::test]
async fn the_run_that_lost_the_consent_tells_nothing_beside_it_whichever_event_comes_first() {
    for crossing in [false, true] {
        let scene = Scene::new();
        scene.attention(Some("consent-lost"));
        let ended = scene.run(1, RunStatus::Failed, Counts::default());
        let mut hints = vec![Hint::Attention, ended.clone(), Hint::Attention, ended];
        if crossing {
            hints.reverse();
        }
        let mut told = Vec::new();
        for hint in &hints {
            told.extend(scene.hear(hint).await);
        }
        assert_eq!(reasons(&told), ["consent-lost"]);
        assert!(told[0].text.contains("Send a new consent link."), "{}", told[0].text);
        assert_eq!(told[0].title, "Contoso  Bcc: x: syncing stopped, the consent was withdrawn");
        scene.attention(None);
        assert_eq!(reasons(&scene.hear(&Hint::Authorized).await), ["recovered"]);
        assert_eq!(scene.hear(&Hint::Authorized).await, []);
    }
}

#[tokio::test]
async fn of_two_who_see_the_same_one_tells() {
    let scene = Scene::new();
    scene.attention(Some("consent-lost"));
    scene.stores.world().races = 1;
    assert_eq!(scene.hear(&Hint::Attention).await.len(), 1);
    assert_eq!(scene.stores.world().notices.len(), 1);
}

#[tokio::test]
async fn a_death_at_any_call_leaves_a_notice_that_the_repeated_event_raises() {
    for calls in 0..8 {
        let scene = Scene::new();
        scene.attention(Some("consent-lost"));
        scene.stores.world().calls_left = Some(calls);
        let of = (&scene.connection.account_id, &scene.connection.id);
        let hint = Hint::Attention;
        let _ = raise(&scene.stores, &scene.clock, &scene.chance, of, &hint).await;
        scene.stores.world().calls_left = None;
        scene.hear(&hint).await;
        assert_eq!(scene.stores.world().notices.len(), 1, "dead after {calls} calls");
    }
}

#[tokio::test]
async fn kinds_that_nobody_chose_are_not_told_and_a_connection_that_is_let_go_tells_nothing() {
    let scene = Scene::new();
    let changed = Counts { created: 3, ..Counts::default() };
    let hint = scene.run(1, RunStatus::Blocked, changed);
    scene.stores.world().settings.get_mut(&scene.connection.id).unwrap()[0]
        .settings
        .notifications
        .kinds = vec!["guard".to_owned()];
    let told = scene.hear(&hint).await;
    assert_eq!(reasons(&told), ["removals-held"]);
    assert_eq!((told[0].kind, told[0].users.len()), (NoticeKind::Guard, 1));
    scene.stores.world().connections.get_mut(&scene.connection.id).unwrap().status =
        ConnectionStatus::Disabled;
    scene.clock.advance(SignedDuration::from_hours(1));
    let hint = scene.run(2, RunStatus::Succeeded, Counts::default());
    assert_eq!(scene.hear(&hint).await, []);
}

async fn raised(scene: &Scene) -> Notice {
    scene.attention(Some("consent-lost"));
    scene.hear(&Hint::Attention).await.remove(0)
}

#[tokio::test]
async fn each_address_gets_one_mail_however_often_the_event_comes() {
    let scene = Scene::new();
    let notice = raised(&scene).await;
    assert_eq!(scene.deliver(&notice).await.unwrap(), Delivery { sent: 2, known: 0 });
    assert_eq!(scene.deliver(&notice).await.unwrap(), Delivery { sent: 0, known: 2 });
    let sent = scene.mailer.sent();
    let to: Vec<&str> = sent.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(to, ["ada@contoso.example", "bob@contoso.example"]);
    assert_eq!(sent[0].subject, notice.title);
    assert!(!sent[0].subject.contains(['\r', '\n']));
    assert!(sent[0].text.contains("https://portal.host.example"), "{}", sent[0].text);
}

#[tokio::test]
async fn an_address_that_is_refused_keeps_nobody_else_from_his_mail() {
    let scene = Scene::new();
    let notice = raised(&scene).await;
    scene.mailer.set_fates(&[MailFate::Refuses]);
    assert!(matches!(scene.deliver(&notice).await, Err(NoticeError::Mail(_))));
    assert_eq!(scene.mailer.sent().len(), 1);
    assert_eq!(scene.deliver(&notice).await.unwrap(), Delivery { sent: 1, known: 1 });
}

#[tokio::test]
async fn an_answer_that_gets_lost_repeats_that_one_mail_once_and_not_at_once() {
    let scene = Scene::new();
    scene.tells(&["ada@contoso.example"]);
    let notice = raised(&scene).await;
    scene.mailer.set_fates(&[MailFate::LosesAnswer]);
    assert!(scene.deliver(&notice).await.is_err());
    assert!(matches!(scene.deliver(&notice).await, Err(NoticeError::AtWork)));
    assert_eq!(scene.mailer.sent().len(), 1);
    let later: Timestamp = scene.clock.now() + SignedDuration::from_mins(3);
    scene.clock.move_to(later);
    assert_eq!(scene.deliver(&notice).await.unwrap().sent, 1);
    assert_eq!(scene.deliver(&notice).await.unwrap().sent, 0);
    assert_eq!(scene.mailer.sent().len(), 2);
}

#[tokio::test]
async fn a_plan_that_somebody_asked_for_is_told_once_while_it_waits() {
    let scene = Scene::new();
    let at = scene.clock.now();
    let planned = |number: u128, by: Option<&str>, status: &str| {
        let id = RunId::from_bits(number);
        let requested_by = by.map(|by| json!({"subject": by, "role": "operator"}));
        let mut run: serde_json::Value = json!({
            "id": id, "accountId": scene.connection.account_id,
            "connectionId": scene.connection.id, "kind": "preview", "trigger": "manual",
            "status": status, "counts": {"created": 12, "removed": 3}, "progress": {"done": 0},
            "settingsVersion": 1, "queuedAt": at,
            "plan": {
                "hash": "ab", "pages": 1, "basis": {"settingsVersion": 1},
                "summary": {"guard": {"count": 3, "holds": true}},
                "madeAt": at, "expiresAt": at + SignedDuration::from_hours(24),
            },
        });
        if let Some(by) = requested_by {
            run["requestedBy"] = by;
        }
        scene.stores.world().runs.insert(id.clone(), serde_json::from_value(run).unwrap());
        Hint::Planned(id)
    };
    let hint = planned(1, Some("ada"), "planned");
    let told = scene.hear(&hint).await;
    assert_eq!(reasons(&told), ["plan-waits"]);
    let text = &told[0].text;
    for part in ["12 contacts created", "3 removals", "2026-03-03 12:00 UTC", "Nothing of it"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(scene.hear(&hint).await, []);
    scene.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(scene.hear(&planned(2, None, "planned")).await, [], "nobody asked for it");
    assert_eq!(scene.hear(&planned(3, Some("ada"), "queued")).await, [], "it is applied");
    let runs = |kinds: &[&str]| {
        let mut world = scene.stores.world();
        let versions = world.settings.get_mut(&scene.connection.id).unwrap();
        versions[0].settings.notifications.kinds =
            kinds.iter().map(|&kind| kind.to_owned()).collect();
    };
    runs(&["failure", "changes"]);
    let fresh = planned(4, Some("ada"), "planned");
    assert_eq!(scene.hear(&fresh).await, [], "who does not decide is not asked");
}
