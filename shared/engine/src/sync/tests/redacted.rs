//! What runs left of people who were forgotten, and what runs at work still store of them.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::erasure::{
    ErasedPerson, ErasedUser, ErasureReceipt, ErasureState, Erasures, OtherContacts, Redaction,
    RedactionPlace,
};
use contact_sync_domain::event::{ContactEvent, ContactEventKind, SCHEMA_VERSION};
use contact_sync_domain::id::{ContactId, ErasureId, ObjectId};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::OnLeave;
use contact_sync_domain::team::Membership;
use contact_sync_domain::welcome::{Welcome, WelcomeState};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::replay::CALLS;
use super::scene::{
    Scene, account_id, connection_id, contact_id, start, tenant_id, user, user_with,
};
use super::teams;
use crate::memory::{MemoryStore, World};
use crate::port::{
    BoxError, Clock, ContactStore, ErasureStore, SegmentStore, StoreError, StoredContact,
    TeamStore, WelcomeStore,
};
use crate::redacting::{Redacted, redact};
use crate::report::{Sheet, compile_report};
use crate::segments::load_segment;

const MARK: &str = "canary";

/// Eight people, of whom the third has marks.
fn scene() -> Scene {
    let canary = json!({"mail": "canary@contoso.example", "jobTitle": "Canary"});
    Scene::of((1..=8).map(|number| if number == 3 { user_with(3, &canary) } else { user(number) }))
}

fn receipt_id() -> ErasureId {
    ErasureId::from_bits(contact_id(3).to_bits())
}

fn receipt() -> ErasureReceipt {
    let user = ErasedUser {
        connection_id: connection_id(),
        tenant_id: tenant_id(),
        object_id: ObjectId::from_u128(3),
    };
    ErasureReceipt {
        id: receipt_id(),
        account_id: account_id(),
        contact_id: contact_id(3),
        version: 1,
        requested_at: start(),
        requested_by: None,
        state: ErasureState::Redacting,
        found: Erasures::default(),
        history_until: Timestamp::MAX,
        backups_until: Timestamp::MAX,
        person: Some(ErasedPerson {
            user: Some(user),
            email_key: Some("canary@contoso.example".into()),
        }),
        redaction: Some(Redaction::begun()),
        written_at: None,
        barred: vec![],
        others: OtherContacts::default(),
        lifted_at: None,
    }
}

/// What forgetting user 3 does to what stands for the present.
fn forget_user_3(world: &mut World) {
    let version = match world.contacts.get(&contact_id(3)) {
        Some(StoredContact::Present(contact)) => contact.version + 1,
        Some(StoredContact::Tombstone { .. }) | None => 1,
    };
    let forgotten = StoredContact::Tombstone {
        version,
        source_version: u64::MAX,
        connection_id: None,
        expires_at: Timestamp::MAX,
        by: None,
        erased: true,
    };
    world.contacts.insert(contact_id(3), forgotten);
    world.claims.retain(|_, owner| *owner != contact_id(3));
}

/// Whatever runs and what they left say of user 3.
async fn left_of_3(scene: &Scene) -> Vec<String> {
    let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
    let mut left = Vec::new();
    for run in scene.runs() {
        let mut told = vec![serde_json::to_string(&run).unwrap()];
        // Pages that the run did not count, too.
        for page in 0..run.pages + 3 {
            let segment = load_segment(stores, blobs, &connection_id(), &run.id, page).await;
            told.push(format!("{:?}", segment.unwrap()));
            let deviations = stores.deviations(&connection_id(), &run.id, page).await.unwrap();
            told.push(serde_json::to_string(&deviations).unwrap());
        }
        let user = ObjectId::from_u128(3);
        let names = |told: &String| {
            let told = told.to_lowercase();
            told.contains(MARK) || told.contains(user.as_str())
        };
        left.extend(told.into_iter().filter(names));
    }
    assert_eq!(left, Vec::<String>::new());
    let world = scene.worker.stores.world();
    left.extend(world.reviews.values().map(|item| format!("{item:?}").to_lowercase()));
    left.extend(world.pending.iter().map(|item| format!("{item:?}").to_lowercase()));
    left.retain(|told| told.contains(MARK));
    let claimed = world.claims.iter().filter(|(_, owner)| **owner == contact_id(3));
    left.extend(claimed.map(|(key, _)| format!("{key:?}")));
    drop(world);
    for (key, bytes) in scene.worker.blobs.all().iter().filter(|(key, _)| key.contains("report")) {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        if text.contains(MARK) {
            left.push(format!("{key}: {text}"));
        }
    }
    left
}

/// One invocation that may take so long.
async fn slice(scene: &Scene, seconds: i64) -> Result<Redacted, StoreError> {
    let until = scene.worker.clock.now() + SignedDuration::from_secs(seconds);
    let stores: &MemoryStore = &scene.worker.stores;
    let (blobs, clock) = (&scene.worker.blobs, &scene.worker.clock);
    redact(stores, blobs, clock, (&account_id(), &receipt_id()), until).await
}

fn state(scene: &Scene) -> ErasureState {
    scene.worker.stores.world().receipts[&(account_id(), receipt_id())].state
}

fn put(scene: &Scene, receipt: ErasureReceipt) {
    scene.worker.stores.world().receipts.insert((account_id(), receipt_id()), receipt);
}

/// As if the reports of all runs that ended were there.
fn report_all(scene: &Scene) {
    for run in scene.worker.stores.world().runs.values_mut() {
        run.report_ready = run.status.is_terminal();
    }
}

#[tokio::test]
async fn what_a_run_at_work_still_stored_of_him_is_gone_before_it_is_said() {
    for calls in 0..CALLS {
        let mut scene = scene();
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.worker.stores.world().meanwhile = Some((calls, forget_user_3));
        scene.drive().await.unwrap();
        if scene.worker.stores.world().meanwhile.is_some() {
            assert!(calls > 20, "{calls} calls");
            return;
        }
        // All runs were gone through before this one stored its page.
        let place = RedactionPlace { connection: connection_id(), run: id.clone(), page: 0 };
        let redaction = Redaction {
            is_through: true,
            events: None,
            open: vec![place],
            ..receipt().redaction.unwrap()
        };
        put(&scene, ErasureReceipt { redaction: Some(redaction), ..receipt() });
        let before = scene.run(&id);
        assert_eq!(slice(&scene, 90).await.unwrap(), Redacted::Waits, "its report is at work");
        assert_eq!(state(&scene), ErasureState::Redacting);
        report_all(&scene);
        assert_eq!(slice(&scene, 90).await.unwrap(), Redacted::Done, "{calls}");
        assert_eq!(left_of_3(&scene).await, Vec::<String>::new(), "forgotten after {calls} calls");
        let after = scene.run(&id);
        assert_eq!((after.counts, after.proof), (before.counts, before.proof), "{calls}");
    }
}

/// As erasing does: his memberships went, too.
fn forget_user_3_and_his_teams(world: &mut World) {
    forget_user_3(world);
    world.memberships.retain(|(contact, _), _| *contact != contact_id(3));
}

#[tokio::test]
async fn teams_that_a_run_at_work_still_put_him_into_are_left_before_it_is_said() {
    let mut late = 0;
    for calls in 0..CALLS {
        let rows = [teams::row(1, teams::NORTH, OnLeave::Remove)];
        let mut scene = teams::scene(8, teams::mapped(&rows));
        teams::put_group(&scene, 1, [2, 3], &[]);
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.worker.stores.world().meanwhile = Some((calls, forget_user_3_and_his_teams));
        scene.drive().await.unwrap();
        if scene.worker.stores.world().meanwhile.is_some() {
            assert!(late > 0, "no run put him into a team after that");
            return;
        }
        let is_in = |scene: &Scene| !teams::members(scene, teams::NORTH, 3).contains(&3);
        late += u32::from(!is_in(&scene));
        let place = RedactionPlace { connection: connection_id(), run: id, page: 0 };
        let open = Redaction {
            is_through: true,
            events: None,
            open: vec![place],
            ..receipt().redaction.unwrap()
        };
        put(&scene, ErasureReceipt { redaction: Some(open), ..receipt() });
        report_all(&scene);
        assert_eq!(slice(&scene, 90).await.unwrap(), Redacted::Done, "{calls}");
        assert!(is_in(&scene), "forgotten after {calls} calls");
        assert_eq!(teams::members(&scene, teams::NORTH, 3), [2], "others stay: {calls}");
    }
}

/// What was on its way when he was forgotten came afterwards, under either of his ids.
#[tokio::test]
async fn what_was_put_beside_him_meanwhile_is_gone_before_it_is_said() {
    let scene = scene();
    let (own, user) = (ContactId::from_bits(0xba), ObjectId::from_u128(3));
    let store = &scene.worker.stores;
    for (number, contact) in (1..).zip([&own, &contact_id(3)]) {
        let none = Membership::none(account_id(), teams::team(1), contact.clone());
        store.put_membership(&none.joined_by_hand().next(start())).await.unwrap();
        let claim = Welcome {
            account_id: account_id(),
            contact_id: contact.clone(),
            connection_id: Some(connection_id()),
            address: Some(format!("digest {number}")),
            state: WelcomeState::Claimed,
            reason: None,
            attempt: "1".into(),
            version: 1,
            at: start(),
        };
        store.claim_welcome(&claim).await.unwrap();
    }
    store.put_adoption(&account_id(), &tenant_id(), &user, &own).await.unwrap();
    let through = Redaction { is_through: true, events: None, ..receipt().redaction.unwrap() };
    let barred = vec![own];
    put(&scene, ErasureReceipt { redaction: Some(through), barred, ..receipt() });
    assert_eq!(slice(&scene, 90).await.unwrap(), Redacted::Done);
    let world = store.world();
    assert!(world.memberships.is_empty() && world.adoptions.is_empty(), "{world:?}");
    assert_eq!(world.welcomes.len(), 2, "that somebody was welcomed stays");
    let names_nobody = |one: &Welcome| one.address.is_none() && one.connection_id.is_none();
    assert!(world.welcomes.values().all(names_nobody), "{:?}", world.welcomes);
    assert!(world.welcomed_addresses.values().all(Option::is_none));
    let found = world.receipts[&(account_id(), receipt_id())].found;
    assert_eq!(found.memberships, 2, "the receipt counts them");
}

#[tokio::test]
async fn a_run_that_died_keeps_a_receipt_open_until_it_has_ended() {
    let mut scene = scene();
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    scene.die_after(60);
    drop(scene.drive().await);
    scene.revive();
    assert_eq!(scene.run(&id).status, RunStatus::Running);
    forget_user_3(&mut scene.worker.stores.world());
    put(&scene, receipt());
    assert_eq!(slice(&scene, 90).await.unwrap(), Redacted::Waits);
    let open = scene.worker.stores.open_erasures().await.unwrap();
    assert!(open[0].waits && open[0].is_left(scene.worker.clock.now()), "{open:?}");
    scene.drive().await.unwrap();
    assert_eq!(slice(&scene, 90).await.unwrap(), Redacted::Waits, "its report is not there");
    report_all(&scene);
    assert_eq!(slice(&scene, 90).await.unwrap(), Redacted::Done);
    assert_eq!(left_of_3(&scene).await, Vec::<String>::new());
    assert_eq!(slice(&scene, 90).await.unwrap(), Redacted::NotOurs, "there is nothing to do");
}

#[derive(Default)]
struct Lines(String);

impl Sheet for Lines {
    fn add(&mut self, cells: &[String]) -> Result<(), BoxError> {
        self.0.push_str(&cells.join(","));
        self.0.push_str("\r\n");
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>, BoxError> {
        Ok(self.0.into_bytes())
    }
}

fn told(contact: &Contact, kind: ContactEventKind, sequence: u64) -> ContactEvent {
    let shown = (kind != ContactEventKind::Removed).then(|| contact.clone());
    ContactEvent {
        schema_version: SCHEMA_VERSION,
        event_id: format!("{}:{sequence}", contact.id),
        sequence,
        kind,
        account_id: account_id(),
        connection_id: Some(connection_id()),
        contact_id: contact.id.clone(),
        contact: shown,
        welcome: false,
        occurred_at: start(),
    }
}

/// Three runs with reports, one of them about the person alone, and ten told events; he is
/// forgotten, and nothing was gone through yet.
async fn lived_in() -> Scene {
    let mut scene = scene();
    scene.pages_of(2);
    scene.full().await;
    let changed = json!({"mail": "canary@contoso.example", "jobTitle": "Canary 2"});
    scene.worker.directory.inner.entra().put_user(user_with(3, &changed));
    scene.full().await;
    let contact = scene.contact(&contact_id(3)).unwrap();
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    scene.drive().await.unwrap();
    {
        let mut world = scene.worker.stores.world();
        let run = world.runs.remove(&id).unwrap();
        let about = Run { kind: RunKind::User, user: Some(ObjectId::from_u128(3)), ..run };
        world.runs.insert(id, about);
        for sequence in 1..=9 {
            world.events.push(told(&contact, ContactEventKind::Updated, sequence));
        }
    }
    for run in scene.runs() {
        let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
        let about = (&run.account_id, &run.connection_id, &run.id);
        compile_report(stores, blobs, about, "text/csv", Lines::default).await.unwrap();
    }
    forget_user_3(&mut scene.worker.stores.world());
    let redaction = Redaction { is_untold: true, ..receipt().redaction.unwrap() };
    put(&scene, ErasureReceipt { redaction: Some(redaction), ..receipt() });
    scene
}

/// Publishing comes late.
fn tell_removal(scene: &Scene) {
    let mut world = scene.worker.stores.world();
    let contact = world.events.iter().find_map(|event| event.contact.clone());
    let contact = contact.or_else(|| {
        world.contacts.values().find_map(|stored| match stored {
            StoredContact::Present(contact) => Some(Contact::clone(contact)),
            StoredContact::Tombstone { .. } => None,
        })
    });
    let contact = Contact { id: contact_id(3), ..contact.unwrap() };
    world.events.push(told(&contact, ContactEventKind::Updated, 10));
    world.events.push(told(&contact, ContactEventKind::Removed, 11));
}

async fn assert_forgotten(scene: &Scene, case: &str) {
    assert_eq!(state(scene), ErasureState::Done, "{case}");
    assert_eq!(left_of_3(scene).await, Vec::<String>::new(), "{case}");
    let world = scene.worker.stores.world();
    let sequences: Vec<u64> = world.events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=11).collect::<Vec<u64>>(), "readers miss none: {case}");
    assert!(world.events.iter().all(|event| event.contact.is_none()), "{case}");
    let receipt = &world.receipts[&(account_id(), receipt_id())];
    assert_eq!((&receipt.person, &receipt.redaction), (&None, &None), "{case}");
}

#[tokio::test]
async fn he_is_forgotten_once_his_removal_was_told_and_not_before() {
    let scene = lived_in().await;
    assert_eq!(slice(&scene, 90).await.unwrap(), Redacted::Waits);
    tell_removal(&scene);
    assert_eq!(slice(&scene, 90).await.unwrap(), Redacted::Done);
    assert_forgotten(&scene, "whole").await;
    let found = scene.worker.stores.world().receipts[&(account_id(), receipt_id())].found;
    assert_eq!((found.events, found.reports), (10, 6), "{found:?}");
    assert!(found.pages >= 3, "{found:?}");
}

/// Of two contacts that were merged into his, one is another user's by now.
#[tokio::test]
async fn what_is_kept_of_a_contact_that_was_merged_into_his_goes_and_what_stands_again_stays() {
    let scene = lived_in().await;
    let (gone, back) = (ContactId::from_bits(0xba), contact_id(5));
    let store = &scene.worker.stores;
    {
        let mut world = store.world();
        let shown = world.events.iter().find_map(|event| event.contact.clone()).unwrap();
        let shown = Contact { id: gone.clone(), ..shown };
        world.events.push(told(&shown, ContactEventKind::Updated, 1));
        let receipt = world.receipts.get_mut(&(account_id(), receipt_id())).unwrap();
        receipt.others.merged = vec![gone.clone(), back.clone()];
    }
    for contact in [&gone, &back] {
        let none = Membership::none(account_id(), teams::team(1), contact.clone());
        store.put_membership(&none.joined_by_hand().next(start())).await.unwrap();
    }
    tell_removal(&scene);
    assert_eq!(slice(&scene, 90).await.unwrap(), Redacted::Done);
    let world = store.world();
    assert!(world.events.iter().all(|event| event.contact.is_none()), "{:?}", world.events);
    assert_eq!(world.receipts[&(account_id(), receipt_id())].found.events, 11);
    let held: Vec<&ContactId> = world.memberships.keys().map(|(contact, _)| contact).collect();
    assert_eq!(held, [&back]);
}

#[tokio::test]
async fn redaction_that_dies_anywhere_goes_on_where_it_was() {
    for calls in 0.. {
        let scene = lived_in().await;
        tell_removal(&scene);
        scene.die_after(calls);
        let first = slice(&scene, 90).await;
        let is_whole = matches!(first, Ok(Redacted::Done));
        scene.worker.stores.world().calls_left = None;
        let again = slice(&scene, 90).await.unwrap();
        let expected = if is_whole { Redacted::NotOurs } else { Redacted::Done };
        assert_eq!(again, expected, "died at call {calls}: {first:?}");
        assert_forgotten(&scene, &format!("died at call {calls}")).await;
        if is_whole {
            assert!(calls > 20, "{calls}");
            return;
        }
    }
}

#[tokio::test]
async fn redaction_that_has_no_time_comes_to_its_end_all_the_same() {
    let scene = lived_in().await;
    tell_removal(&scene);
    // Each look at the clock takes a second, of which a slice has one.
    scene.worker.clock.set_tick(SignedDuration::from_secs(1));
    for number in 1..100 {
        match slice(&scene, 1).await.unwrap() {
            Redacted::GoesOn => {}
            Redacted::Done => {
                assert!(number > 5, "{number} slices");
                return assert_forgotten(&scene, "slices").await;
            }
            other => panic!("{other:?} after {number} slices"),
        }
    }
    panic!("it never ends");
}

#[tokio::test]
async fn runs_of_which_nothing_is_left_are_not_gone_through_page_by_page() {
    let scene = lived_in().await;
    tell_removal(&scene);
    let calls = async |scene: &Scene| {
        scene.worker.stores.world().calls_left = Some(1_000_000);
        assert_eq!(slice(scene, 90).await.unwrap(), Redacted::Done);
        1_000_000 - scene.worker.stores.world().calls_left.take().unwrap()
    };
    let young = calls(&scene).await;
    let scene = lived_in().await;
    tell_removal(&scene);
    scene.pass(SignedDuration::from_hours(92 * 24));
    let old = calls(&scene).await;
    // Of either the photo is looked for at the beginning and at the end.
    assert!(old < 20 && young > 2 * old, "{old} and {young} calls");
    let told = format!("{:?}", scene.runs());
    assert!(!told.contains(ObjectId::from_u128(3).as_str()), "a run about him says so no more");
}
