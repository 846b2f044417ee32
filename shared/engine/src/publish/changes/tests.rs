mod erasures;
mod photos;
mod plans;
mod teams;
mod welcomes;

use contact_sync_domain::connection::{Attention, Tenant};
use contact_sync_domain::contact::{ContactSource, ContactStatus, Link, LinkState, SyncMark};
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, RunId, TenantId};
use contact_sync_domain::run::{Counts, RunKind, RunStatus};
use contact_sync_domain::sync_state::{Handover, Lease};
use serde_json::{Value, json};

use super::*;

/// What happened, the item before and after, and the detail-types that tell of it.
type Cases<Item, const N: usize> =
    [(&'static str, Option<Box<Item>>, Box<Item>, &'static [&'static str]); N];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn contact(version: u64) -> Contact {
    Contact {
        id: ContactId::from_bits(3),
        account_id: AccountId::from_bits(1),
        version,
        status: ContactStatus::Active,
        source: ContactSource::Entra,
        fields: std::collections::BTreeMap::new(),
        custom: std::collections::BTreeMap::new(),
        written: Vec::new(),
        managed_fields: Vec::new(),
        protected: false,
        link: Some(Link {
            connection_id: ConnectionId::from_bits(2),
            tenant_id: TenantId::from_u128(4),
            object_id: ObjectId::from_u128(5),
            user_principal_name: None,
            state: LinkState::Linked,
            acts_at: None,
            planned: None,
            cause: None,
        }),
        sync: Some(SyncMark {
            welcome: false,
            untied_by_hand: false,
            replaced: std::collections::BTreeMap::new(),
            source_version: 9,
            settings_version: 1,
            fingerprint: Some("ab".into()),
            run: "run".into(),
            page: 0,
        }),
        created_at: at(10),
        updated_at: at(20),
    }
}

fn present(version: u64) -> StoredContact {
    StoredContact::Present(Box::new(contact(version)))
}

fn unlinked(version: u64) -> StoredContact {
    StoredContact::Present(Box::new(Contact { link: None, ..contact(version) }))
}

fn tombstone(version: u64) -> StoredContact {
    StoredContact::Tombstone {
        version,
        source_version: 1,
        connection_id: None,
        expires_at: Timestamp::MAX,
        by: None,
        erased: false,
    }
}

fn run(status: RunStatus, report_ready: bool) -> Box<Run> {
    Box::new(Run {
        status,
        counts: Counts { seen: 3, ..Counts::default() },
        pages: 1,
        report_ready,
        ..Run::queued(
            RunId::from_bits(7),
            (AccountId::from_bits(1), ConnectionId::from_bits(2)),
            (RunKind::Full, Trigger::Manual),
            0,
            at(0),
        )
    })
}

fn connection(
    status: ConnectionStatus,
    authorized: Option<i64>,
    reason: Option<&str>,
) -> Box<Connection> {
    Box::new(Connection {
        id: ConnectionId::from_bits(2),
        account_id: AccountId::from_bits(1),
        status,
        attention: reason.map(|reason| Attention {
            reason: reason.into(),
            fix: "Ask an Entra admin to consent again.".into(),
            before: ConnectionStatus::Enabled,
            since: at(5),
        }),
        wanted_tenant: None,
        tenant: authorized.map(|_| Tenant {
            id: TenantId::from_u128(4),
            name: None,
            verified_domains: Vec::new(),
            user_count: None,
            group_count: None,
        }),
        permissions: Vec::new(),
        authorized_at: authorized.map(at),
        last_sync_at: None,
        paused_for: None,
        silence: None,
        enabled_once: false,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    })
}

fn state(
    queue: &[(u128, Trigger)],
    lease_until: Option<i64>,
    handover: Option<u64>,
) -> Box<SyncState> {
    let mut state = SyncState::new(AccountId::from_bits(1), ConnectionId::from_bits(2));
    state.queue = queue
        .iter()
        .map(|(id, trigger)| QueuedRun {
            run_id: RunId::from_bits(*id),
            kind: RunKind::Full,
            trigger: *trigger,
        })
        .collect();
    state.lease = lease_until.map(|end| Lease { holder: "somebody".into(), expires_at: at(end) });
    state.handover = handover.map(|checkpoint| Handover {
        run_id: RunId::from_bits(7),
        kind: RunKind::Delta,
        checkpoint,
    });
    Box::new(state)
}

/// The detail-types of a change at second 100.
fn told_of(item: ChangedItem) -> Vec<&'static str> {
    let change = StreamChange { at: at(100), item };
    events_of(&change).iter().map(Event::detail_type).collect()
}

fn only_detail(item: ChangedItem) -> Value {
    let events = events_of(&StreamChange { at: at(100), item });
    assert_eq!(events.len(), 1);
    serde_json::to_value(&events[0]).unwrap()
}

#[test]
fn each_change_of_a_contact_is_told_once_and_nothing_else_is() {
    type Stored = Option<StoredContact>;
    let cases: Vec<(&str, Stored, Stored, &[&str])> = vec![
        ("made", None, Some(present(1)), &["ContactCreated"]),
        ("came back", Some(tombstone(4)), Some(present(5)), &["ContactCreated"]),
        ("changed", Some(present(1)), Some(present(2)), &["ContactUpdated"]),
        ("linked", Some(unlinked(1)), Some(present(2)), &["ContactUpdated"]),
        ("let go", Some(present(1)), Some(unlinked(2)), &["ContactUnlinked"]),
        ("a person's edit", Some(unlinked(1)), Some(unlinked(2)), &["ContactUpdated"]),
        ("same version", Some(present(2)), Some(present(2)), &[]),
        ("removed", Some(present(2)), Some(tombstone(3)), &["ContactRemoved"]),
        ("barred", None, Some(tombstone(0)), &[]),
        ("barred anew", Some(tombstone(0)), Some(tombstone(0)), &[]),
        ("tombstone's time was up", Some(tombstone(3)), None, &[]),
        ("account erased", Some(present(3)), None, &[]),
    ];
    for (case, old, new, expected) in cases {
        assert_eq!(told_of(ChangedItem::Contact { old, new }), expected, "{case}");
    }
}

#[test]
fn a_contact_event_carries_the_whole_contact_without_syncs_own_marks() {
    let detail = only_detail(ChangedItem::Contact { old: None, new: Some(present(6)) });
    let id = ContactId::from_bits(3);
    assert_eq!(detail["eventId"], format!("{id}:6"));
    assert_eq!(detail["sequence"], 6);
    assert_eq!(detail["schemaVersion"], 1);
    assert_eq!(detail["connectionId"], ConnectionId::from_bits(2).as_str());
    assert_eq!(detail["contact"]["version"], 6);
    assert_eq!(detail["contact"].get("sync"), None);
    assert_eq!(detail["occurredAt"], "1970-01-01T00:00:20Z");
}

#[test]
fn who_let_a_contact_go_is_told_although_the_link_is_gone() {
    let detail =
        only_detail(ChangedItem::Contact { old: Some(present(1)), new: Some(unlinked(2)) });
    assert_eq!(detail["connectionId"], ConnectionId::from_bits(2).as_str());
    assert_eq!(detail["contact"].get("link"), None);
    assert_eq!(detail["sequence"], 2);
}

#[test]
fn a_removed_contact_is_told_with_the_tombstones_number_and_without_the_person() {
    let detail =
        only_detail(ChangedItem::Contact { old: Some(present(2)), new: Some(tombstone(3)) });
    let id = ContactId::from_bits(3);
    assert_eq!(detail["eventId"], format!("{id}:3"));
    assert_eq!(detail["contact"], Value::Null);
    assert_eq!(detail["occurredAt"], "1970-01-01T00:01:40Z");
}

#[test]
fn a_run_is_told_when_it_ends_and_when_its_report_is_there() {
    use RunStatus::{Cancelled, Partial, Queued, Running, Succeeded};
    let cases: Cases<Run, 7> = [
        ("queued", None, run(Queued, false), &[]),
        ("progress", Some(run(Running, false)), run(Running, false), &[]),
        ("ended", Some(run(Running, false)), run(Succeeded, false), &["SyncRunFinished"]),
        ("recorded at its end", None, run(Partial, false), &["SyncRunFinished"]),
        ("cancelled", Some(run(Queued, false)), run(Cancelled, false), &["SyncRunFinished"]),
        ("reported", Some(run(Partial, false)), run(Partial, true), &["ReportReady"]),
        ("touched later", Some(run(Partial, true)), run(Partial, true), &[]),
    ];
    for (case, old, new, expected) in cases {
        assert_eq!(told_of(ChangedItem::Run { old, new: Some(new) }), expected, "{case}");
    }
    let deleted = ChangedItem::Run { old: Some(run(Running, false)), new: None };
    assert_eq!(told_of(deleted), Vec::<&str>::new());
}

#[test]
fn a_connection_is_told_when_consent_is_proven_and_when_somebody_must_act() {
    use ConnectionStatus::{Attention, Authorized, Enabled, Invited, Ready};
    let cases: Cases<Connection, 7> = [
        ("made", None, connection(Invited, None, None), &[]),
        (
            "authorized",
            Some(connection(Invited, None, None)),
            connection(Authorized, Some(1), None),
            &["ConnectionAuthorized"],
        ),
        (
            "consent given again while it runs",
            Some(connection(Enabled, Some(1), None)),
            connection(Enabled, Some(2), None),
            &["ConnectionAuthorized"],
        ),
        (
            "became ready",
            Some(connection(Authorized, Some(1), None)),
            connection(Ready, Some(1), None),
            &[],
        ),
        (
            "consent lost",
            Some(connection(Enabled, Some(1), None)),
            connection(Attention, Some(1), Some("consent-lost")),
            &["ConnectionAttention"],
        ),
        (
            "still lost",
            Some(connection(Attention, Some(1), Some("consent-lost"))),
            connection(Attention, Some(1), Some("consent-lost")),
            &[],
        ),
        (
            "another reason",
            Some(connection(Attention, Some(1), Some("consent-lost"))),
            connection(Attention, Some(1), Some("group-missing")),
            &["ConnectionAttention"],
        ),
    ];
    for (case, old, new, expected) in cases {
        assert_eq!(told_of(ChangedItem::Connection { old, new: Some(new) }), expected, "{case}");
    }
}

#[test]
fn a_run_that_waits_is_asked_for_only_while_nobody_works() {
    let manual = [(1, Trigger::Manual)];
    let cases: [(&str, Box<SyncState>, Box<SyncState>, usize); 8] = [
        (
            "its schedule came due",
            state(&[], None, None),
            state(&[(1, Trigger::Schedule)], None, None),
            0,
        ),
        ("queued while free", state(&[], None, None), state(&manual, None, None), 1),
        ("queued after the lease", state(&[], Some(99), None), state(&manual, Some(99), None), 1),
        (
            "queued in the second in which the lease ended",
            state(&[], Some(101), None),
            state(&manual, Some(101), None),
            1,
        ),
        ("queued at work", state(&[], Some(200), None), state(&manual, Some(200), None), 0),
        ("a hint beside it", state(&manual, None, None), state(&manual, None, None), 0),
        (
            "one more",
            state(&manual, None, None),
            state(&[(1, Trigger::Manual), (2, Trigger::Settings)], None, None),
            1,
        ),
        ("taken off", state(&manual, None, None), state(&[], None, None), 0),
    ];
    for (case, old, new, expected) in cases {
        let told = told_of(ChangedItem::SyncState { old: Some(old), new: Some(new) });
        assert_eq!(told.len(), expected, "{case}");
    }
}

#[test]
fn a_request_names_the_run_and_its_cause() {
    let detail = only_detail(ChangedItem::SyncState {
        old: Some(state(&[], None, None)),
        new: Some(state(&[(1, Trigger::Enable)], None, None)),
    });
    assert_eq!(
        detail,
        json!({
            "schemaVersion": 1,
            "accountId": AccountId::from_bits(1),
            "connectionId": ConnectionId::from_bits(2),
            "kind": "full",
            "trigger": "enable",
            "runId": RunId::from_bits(1),
        })
    );
}

#[test]
fn a_handover_names_its_checkpoint_and_is_told_once() {
    let detail = only_detail(ChangedItem::SyncState {
        old: Some(state(&[], Some(200), None)),
        new: Some(state(&[(1, Trigger::Manual)], None, Some(12))),
    });
    assert_eq!(detail["trigger"], "continuation");
    assert_eq!(detail["checkpoint"], 12);
    assert_eq!(detail["kind"], "delta");
    assert_eq!(detail["runId"], RunId::from_bits(7).as_str());
    let hinted = ChangedItem::SyncState {
        old: Some(state(&[], None, Some(12))),
        new: Some(state(&[], None, Some(12))),
    };
    assert_eq!(told_of(hinted), Vec::<&str>::new());
}

#[test]
fn a_question_is_told_when_it_is_asked_or_changes_and_never_of_the_ignored() {
    use contact_sync_domain::review::ReviewUser;
    let item = |list, version| {
        Box::new(ReviewItem {
            account_id: AccountId::from_bits(1),
            connection_id: ConnectionId::from_bits(1),
            list,
            version,
            user: ReviewUser {
                object_id: ObjectId::from_u128(1),
                display_name: None,
                user_principal_name: None,
            },
            contact_id: None,
            candidates: vec![],
            versions: std::collections::BTreeMap::new(),
            changes: vec![],
            status: None,
            matched: None,
            suggested: None,
            departure: None,
            reason: None,
            remedy: None,
            run: "run".to_owned(),
            since: Timestamp::UNIX_EPOCH,
        })
    };
    let (asked, again) = (item(ReviewList::Matched, 7), item(ReviewList::Matched, 8));
    let told = &["ReviewWaiting"][..];
    for (case, old, new, expected) in [
        ("asked", None, Some(asked.clone()), told),
        ("stored again", Some(asked.clone()), Some(asked.clone()), &[]),
        ("asked otherwise", Some(asked.clone()), Some(again), told),
        ("decided", Some(asked), None, &[]),
        ("ignored", None, Some(item(ReviewList::Ignored, 9)), &[]),
    ] {
        assert_eq!(told_of(ChangedItem::Review { old, new }), expected, "{case}");
    }
}
