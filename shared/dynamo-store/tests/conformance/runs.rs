//! Runs, segments, and what waits for the end of a run.

use contact_sync_domain::actor::Actor;
use contact_sync_domain::id::{ObjectId, RunId};
use contact_sync_domain::plan::{Approved, Basis, Plan, Summary};
use contact_sync_domain::retention::Retention;
use contact_sync_domain::run::{Run, RunStatus};
use contact_sync_domain::segment::{Deviation, Outcome};
use contact_sync_engine::memory::MemoryStore;
use contact_sync_engine::port::{
    PendingItem, PendingKind, PendingStore, RunStore, SegmentRef, SegmentStore,
};
use jiff::Timestamp;
use serde_json::json;

use crate::samples::{account_id, at, connection_id, run};
use crate::tables::Tables;

fn ended(number: u128) -> Run {
    Run { status: RunStatus::Succeeded, ended_at: Some(at(9)), ..run(1, 1, number) }
}

const USUAL: Retention = Retention { history_days: 30, report_days: 90, deed_days: 365 };

#[tokio::test]
async fn a_run_that_ended_is_not_changed_any_more() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let running = Run { status: RunStatus::Running, ..run(1, 1, 1) };
    for step in [&run(1, 1, 1), &running] {
        assert!(store.put_run(step).await.unwrap());
    }
    tables.lose_next_answer();
    assert!(store.put_run(&ended(1)).await.unwrap());
    assert!(!store.put_run(&running).await.unwrap());
    let found = store.run(&account_id(1), &connection_id(1), &running.id).await.unwrap();
    assert_eq!(found, Some(ended(1)));
    let foreign = store.run(&account_id(2), &connection_id(1), &running.id).await.unwrap();
    assert_eq!(foreign, None);
}

#[tokio::test]
async fn a_report_is_marked_ready_once_and_only_of_a_run_that_ended() {
    let tables = Tables::start().await;
    let store = &tables.store;
    assert!(!store.mark_report_ready(&run(1, 1, 1)).await.unwrap());
    store.put_run(&run(1, 1, 1)).await.unwrap();
    assert!(!store.mark_report_ready(&run(1, 1, 1)).await.unwrap());
    store.put_run(&ended(1)).await.unwrap();
    assert!(store.mark_report_ready(&ended(1)).await.unwrap());
    assert!(!store.mark_report_ready(&ended(1)).await.unwrap());
    let found = store.run(&account_id(1), &connection_id(1), &ended(1).id).await.unwrap();
    assert_eq!(found, Some(Run { report_ready: true, ..ended(1) }));
}

async fn approves(store: &impl RunStore) {
    let who = |name: &str| Approved {
        by: Actor { subject: Some(name.to_owned()), ..Actor::default() },
        at: at(10),
        removals: Some(7),
        items: None,
    };
    let plain = ended(1);
    let held = Plan {
        hash: "aa".repeat(32),
        pages: 0,
        basis: Basis { settings_version: 1, draft: false },
        summary: Summary::default(),
        made_at: at(9),
        expires_at: at(99),
        approved: None,
    };
    let blocked =
        Run { status: RunStatus::Blocked, plan: Some(Box::new(held.clone())), ..ended(2) };
    let ada = Some(who("ada"));
    assert!(!store.mark_approved(&blocked, ada.as_ref()).await.unwrap(), "there is none");
    let running = Run { status: RunStatus::Running, ended_at: None, ..blocked.clone() };
    store.put_run(&running).await.unwrap();
    assert!(!store.mark_approved(&running, ada.as_ref()).await.unwrap(), "it works");
    for run in [&plain, &blocked] {
        store.put_run(run).await.unwrap();
    }
    store.mark_report_ready(&blocked).await.unwrap();
    assert!(!store.mark_approved(&plain, ada.as_ref()).await.unwrap(), "it held nothing back");
    assert!(store.mark_approved(&blocked, ada.as_ref()).await.unwrap());
    let bob = Some(who("bob"));
    assert!(!store.mark_approved(&blocked, bob.as_ref()).await.unwrap(), "the first word stands");
    let found = store.run(&account_id(1), &connection_id(1), &blocked.id).await.unwrap();
    let plan = Plan { approved: ada.clone(), ..held.clone() };
    let noted = Run { report_ready: true, plan: Some(Box::new(plan)), ..blocked.clone() };
    assert_eq!(found, Some(noted.clone()), "nothing else of it changed");

    // One after the other is summed, and nobody's word gets lost.
    let more = Approved { items: Some(vec![ObjectId::from_u128(1)]), ..who("bob") };
    assert!(store.mark_approved(&noted, Some(&more)).await.unwrap());
    assert!(!store.mark_approved(&noted, bob.as_ref()).await.unwrap(), "it was read before");
    assert!(!store.mark_approved(&noted, None).await.unwrap(), "what stands is not Ada's");
    let plan = Plan { approved: Some(more), ..held };
    let summed = Run { plan: Some(Box::new(plan)), ..noted };
    assert!(store.mark_approved(&summed, None).await.unwrap());
    let found = store.run(&account_id(1), &connection_id(1), &blocked.id).await.unwrap();
    assert_eq!(found, Some(Run { report_ready: true, ..blocked }), "as if nobody had");
}

#[tokio::test]
async fn who_approved_what_a_run_held_back_is_noted_once() {
    approves(&Tables::start().await.store).await;
    approves(&MemoryStore::default()).await;
}

#[tokio::test]
async fn runs_come_newest_first_page_by_page() {
    let tables = Tables::start().await;
    let store = &tables.store;
    for number in 1..=7 {
        store.put_run(&run(1, 1, number)).await.unwrap();
    }
    store.put_run(&run(1, 2, 8)).await.unwrap();
    let (account, connection) = (account_id(1), connection_id(1));
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = store.runs(&account, &connection, cursor.as_deref(), 3).await.unwrap().unwrap();
        assert!(page.runs.len() <= 3);
        found.extend(page.runs.into_iter().map(|run| run.id));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
        let elsewhere = store.runs(&account, &connection_id(2), cursor.as_deref(), 3).await;
        assert_eq!(elsewhere.unwrap(), None, "a cursor of another list");
    }
    assert_eq!(found, (1..=7).rev().map(RunId::from_bits).collect::<Vec<_>>());
    let foreign = store.runs(&account_id(2), &connection, None, 3).await.unwrap().unwrap();
    assert_eq!(foreign.runs, []);
}

#[tokio::test]
async fn the_list_can_begin_before_a_moment() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let at = |millis: i64| Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap();
    let made = |millis: i64, chance: u128| {
        RunId::from_bits((u128::try_from(at(millis).as_millisecond()).unwrap() << 80) | chance)
    };
    for (millis, chance) in [(0, 1), (5, 2), (5, u128::from(u64::MAX)), (6, 0), (9, 1)] {
        let id = made(millis, chance);
        store.put_run(&Run { id, queued_at: at(millis), ..run(1, 1, 1) }).await.unwrap();
    }
    let (account, connection) = (account_id(1), connection_id(1));
    for (moment, expected) in [(0, 0), (5, 1), (6, 3), (7, 4), (20, 5)] {
        let cursor = store.runs_before(&account, &connection, at(moment));
        let page = store.runs(&account, &connection, Some(&cursor), 9).await.unwrap().unwrap();
        assert_eq!(page.runs.len(), expected, "before {moment} ms");
        assert!(page.runs.iter().all(|run| run.queued_at < at(moment)));
    }
    let cursor = store.runs_before(&account, &connection, at(0));
    let elsewhere = store.runs(&account, &connection_id(2), Some(&cursor), 9).await.unwrap();
    assert_eq!(elsewhere, None, "the cursor is this list's own");
}

#[tokio::test]
async fn the_first_segment_of_a_page_stands() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let (connection, run) = (connection_id(1), RunId::from_bits(1));
    let first = SegmentRef::Inline(vec![0, 1, 2]);
    let second = SegmentRef::Blob("segments/x".into());
    assert_eq!(store.segment(&connection, &run, 0).await.unwrap(), None);
    tables.lose_next_answer();
    assert_eq!(
        store.put_segment(&connection, (&run, USUAL), 0, first.clone()).await.unwrap(),
        first
    );
    assert_eq!(
        store.put_segment(&connection, (&run, USUAL), 0, second.clone()).await.unwrap(),
        first
    );
    assert_eq!(
        store.put_segment(&connection, (&run, USUAL), 1, second.clone()).await.unwrap(),
        second
    );
    assert_eq!(store.segment(&connection, &run, 0).await.unwrap(), Some(first));
    assert_eq!(store.segment(&connection, &run, 1).await.unwrap(), Some(second));
    assert_eq!(store.segment(&connection, &RunId::from_bits(2), 0).await.unwrap(), None);
}

#[tokio::test]
async fn the_last_record_of_what_deviated_stands() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let (connection, run) = (connection_id(1), RunId::from_bits(1));
    assert_eq!(store.deviations(&connection, &run, 0).await.unwrap(), []);
    let deviation = |user: u128| Deviation {
        object_id: ObjectId::from_u128(user),
        outcome: Outcome::Failed,
        reason: Some("the address is another contact's".repeat(20)),
        remedy: None,
        item: None,
    };
    let many: Vec<Deviation> = (0..1_000).map(deviation).collect();
    store.put_deviations(&connection, (&run, USUAL), 0, &many).await.unwrap();
    assert_eq!(store.deviations(&connection, &run, 0).await.unwrap(), many);
    store.put_deviations(&connection, (&run, USUAL), 0, &many[..1]).await.unwrap();
    assert_eq!(store.deviations(&connection, &run, 0).await.unwrap(), many[..1]);
}

#[tokio::test]
async fn what_waits_is_kept_by_key_and_kind() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let connection = connection_id(1);
    let item = |number: usize, body: f64| PendingItem {
        key: format!("user-{number:03}"),
        expires_at: None,
        body: json!({"at": body, "none": null}),
    };
    let items: Vec<PendingItem> = (0..60).map(|number| item(number, 1.0)).collect();
    store.put_pending(&connection, PendingKind::Removal, &items).await.unwrap();
    let replaced = [item(0, 2.5), item(0, 3.0)];
    store.put_pending(&connection, PendingKind::Removal, &replaced).await.unwrap();
    store.put_pending(&connection, PendingKind::Collision, &items[..1]).await.unwrap();
    let found = store.pending(&connection, PendingKind::Removal).await.unwrap();
    assert_eq!(found.len(), 60);
    assert_eq!((&found[0], &found[1..]), (&item(0, 3.0), &items[1..]));
    let keys: Vec<String> = found[..59].iter().map(|item| item.key.clone()).collect();
    store.delete_pending(&connection, PendingKind::Removal, &keys).await.unwrap();
    let left = store.pending(&connection, PendingKind::Removal).await.unwrap();
    assert_eq!(left, items[59..]);
    let others = store.pending(&connection, PendingKind::Collision).await.unwrap();
    assert_eq!(others, items[..1]);
    assert_eq!(store.pending(&connection_id(2), PendingKind::Removal).await.unwrap(), []);
}

/// Somebody's newer word, said while a run did what was approved before, would be lost.
async fn forgets_as_read(store: &impl PendingStore) {
    let (connection, kind) = (connection_id(1), PendingKind::Approved);
    let item = |key: &str, by: &str| PendingItem {
        key: key.to_owned(),
        expires_at: None,
        body: json!({"by": by, "at": 1.5, "plan": null}),
    };
    let read = [item("a", "ada"), item("b", "ada"), item("gone", "ada")];
    store.put_pending(&connection, kind, &read[..2]).await.unwrap();
    store.put_pending(&connection, kind, &[item("b", "bob"), item("c", "cy")]).await.unwrap();
    store.forget_pending(&connection, kind, &read).await.unwrap();
    let left = store.pending(&connection, kind).await.unwrap();
    assert_eq!(left, [item("b", "bob"), item("c", "cy")]);
    store.forget_pending(&connection, kind, &left).await.unwrap();
    assert_eq!(store.pending(&connection, kind).await.unwrap(), []);
}

#[tokio::test]
async fn what_replaced_something_that_waited_outlives_its_end() {
    forgets_as_read(&Tables::start().await.store).await;
    forgets_as_read(&MemoryStore::default()).await;
}

#[tokio::test]
async fn who_failed_is_told_a_page_at_a_time() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let (connection, kind) = (connection_id(1), PendingKind::Escrow);
    let item = |number: usize| PendingItem {
        key: format!("user-{number:03}"),
        expires_at: None,
        body: json!({"attempts": number}),
    };
    let items: Vec<PendingItem> = (0..5).map(item).collect();
    store.put_pending(&connection, kind, &items).await.unwrap();
    store.put_pending(&connection, PendingKind::Removal, &items).await.unwrap();
    let page = store.pending_page(&connection, kind, None, 3).await.unwrap().unwrap();
    assert_eq!(page.items, items[..3]);
    let cursor = page.cursor.unwrap();
    let page = store.pending_page(&connection, kind, Some(&cursor), 3).await.unwrap().unwrap();
    assert_eq!((page.items, page.cursor), (items[3..].to_vec(), None));
    let others = store.pending_page(&connection_id(2), kind, Some(&cursor), 3).await.unwrap();
    assert!(others.is_none(), "a cursor is of one list");
}
