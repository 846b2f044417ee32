//! People who were forgotten, and what the directory goes on saying of them.

use contact_sync_domain::event::RequestTrigger;
use contact_sync_domain::id::{ContactId, ObjectId, RunId};
use contact_sync_domain::proof::id_hash;
use contact_sync_domain::redaction::{Forgotten, is_passed_over};
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::settings::{AllOr, ChangeMode, GroupScope};
use serde_json::json;

use super::chance::Chance;
use super::replay::CALLS;
use super::scene::{
    Scene, account_id, connection_id, contact_id, start, tenant_id, user, user_with,
};
use super::teams::put_group;
use crate::memory::World;
use crate::port::{BoxError, ContactStore, ErasureStore, StoredContact};
use crate::report::{ReportFile, Sheet, compile_report};
use crate::segments::{alter_segment, load_segment};
use crate::sync::{forget_in_state, watched_groups};

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
        expires_at: jiff::Timestamp::MAX,
        by: None,
        erased: true,
    };
    world.contacts.insert(contact_id(3), forgotten);
    world.claims.retain(|_, owner| *owner != contact_id(3));
}

/// Whom the pages of a run pass over because they were erased; nothing stored of the run names
/// user 3.
async fn passed_over_by(scene: &Scene, run: &RunId) -> Vec<SegmentItem> {
    let pages = scene.run(run).pages;
    let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
    let mut told = Vec::new();
    for page in 0..pages {
        let segment = load_segment(stores, blobs, &connection_id(), run, page).await.unwrap();
        let Some(segment) = segment else { continue };
        let text = serde_json::to_string(&segment).unwrap();
        assert!(!text.contains(ObjectId::from_u128(3).as_str()), "page {page} names him: {text}");
        told.extend(segment.items.into_iter().filter(is_passed_over));
    }
    told
}

/// Erases user 3, as far as runs meet it.
async fn bury_user_3(scene: &Scene) {
    scene.worker.stores.bury_for_good(&account_id(), &contact_id(3)).await.unwrap();
    scene.worker.stores.world().claims.retain(|_, owner| *owner != contact_id(3));
}

#[tokio::test]
async fn whoever_was_forgotten_gets_no_contact_by_any_run_and_no_page_tells_of_him() {
    let mut scene = Scene::of((1..=8).map(user));
    scene.full().await;
    let buried = scene.worker.stores.bury_for_good(&account_id(), &contact_id(3)).await.unwrap();
    assert!(buried.is_some());
    scene.worker.stores.world().claims.retain(|_, owner| *owner != contact_id(3));
    for seed in 0..20 {
        let mut chance = Chance::of(seed);
        let title = format!("Title {}", chance.below(1_000));
        let changed = user_with(3, &json!({"jobTitle": title, "city": title}));
        scene.worker.directory.inner.entra().put_user(changed);
        if chance.once_in(4) {
            scene.set_settings(|settings| settings.policies.create = ChangeMode::Review);
        }
        if chance.once_in(2) {
            scene.drive_as(RunKind::Delta, Some(RequestTrigger::Manual)).await.unwrap();
        } else {
            let id = scene.queue(RunKind::Full, Trigger::Manual).await;
            scene.drive().await.unwrap();
            let run = scene.run(&id);
            assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 0), "{seed}");
            let told = passed_over_by(&scene, &id).await;
            assert_eq!(told.len(), 1, "{seed}: the proof counts everybody");
            assert_eq!(told[0].object_id, id.standing_for(&contact_id(3)), "the same on all pages");
            assert_eq!(told[0].outcome, Outcome::Skipped);
            assert_eq!(told[0].reason.as_deref(), Some("erased at a person's request"));
            assert!(told[0].fields.is_empty() && told[0].email.is_none(), "{:?}", told[0]);
        }
        assert_eq!(scene.contact(&contact_id(3)), None, "{seed}");
        let world = scene.worker.stores.world();
        assert!(world.claims.values().all(|owner| *owner != contact_id(3)), "{seed}");
        assert!(world.reviews.is_empty(), "{seed}: nobody is asked about him");
    }
}

#[tokio::test]
async fn who_is_forgotten_while_a_run_goes_on_stays_forgotten_wherever_it_was() {
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=8).map(user));
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.worker.stores.world().meanwhile = Some((calls, forget_user_3));
        scene.drive().await.unwrap();
        if scene.worker.stores.world().meanwhile.is_some() {
            assert!(calls > 20, "{calls} calls");
            return;
        }
        assert_eq!(scene.contact(&contact_id(3)), None, "forgotten after {calls} calls");
        let run = scene.run(&id);
        assert_eq!((run.status, run.counts.seen), (RunStatus::Succeeded, 8), "{calls}");
        let again = scene.full().await;
        assert_eq!((again.status, again.counts.created), (RunStatus::Succeeded, 0), "{calls}");
        assert_eq!(scene.contact(&contact_id(3)), None, "{calls}");
    }
}

/// Whom the reports of a run name, as they are written down.
#[derive(Default)]
struct Rows(Vec<Vec<String>>);

impl Sheet for Rows {
    fn add(&mut self, cells: &[String]) -> Result<(), BoxError> {
        self.0.push(cells.to_vec());
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>, BoxError> {
        Ok(serde_json::to_vec(&self.0)?)
    }
}

#[tokio::test]
async fn a_report_counts_whoever_was_erased_and_names_him_in_none_of_its_forms() {
    let mut scene = Scene::of((1..=8).map(user));
    scene.full().await;
    bury_user_3(&scene).await;
    let run = scene.full().await;
    assert_eq!((run.counts.seen, run.counts.in_scope, run.counts.skipped), (8, 7, 1));
    let (stores, blobs) = (&*scene.worker.stores, &scene.worker.blobs);
    let about = (&run.account_id, &run.connection_id, &run.id);
    compile_report(stores, blobs, about, "text/csv", Rows::default).await.unwrap();
    let file = |form: ReportFile| blobs.all()[&form.key(&run)].clone();
    let rows: Vec<Vec<String>> = serde_json::from_slice(&file(ReportFile::Extended)).unwrap();
    let place = rows[0].iter().position(|name| name == "Object Id").unwrap();
    let named: Vec<ObjectId> =
        rows[1..].iter().filter_map(|row| ObjectId::parse(&row[place]).ok()).collect();
    let expected: Vec<ObjectId> = (1..=8)
        .map(|number| match number {
            3 => run.id.standing_for(&contact_id(3)),
            other => ObjectId::from_u128(other),
        })
        .collect();
    let sorted = |mut ids: Vec<ObjectId>| {
        ids.sort();
        ids
    };
    assert_eq!(sorted(named.clone()), sorted(expected), "the table");
    let xor = named.iter().fold(0, |xor, user| xor ^ id_hash(user));
    let proof = run.proof.clone().unwrap();
    assert_eq!((proof.people, proof.unread, proof.open), (8, 0, 0));
    assert_eq!(proof.xor, format!("{xor:032x}"), "who is counted is who is told");
    let mut lines = String::new();
    let packed = file(ReportFile::JsonLines);
    let mut unpacked = flate2::read::GzDecoder::new(packed.as_slice());
    std::io::Read::read_to_string(&mut unpacked, &mut lines).unwrap();
    assert!(lines.contains(run.id.standing_for(&contact_id(3)).as_str()), "{lines}");
    for text in [lines, String::from_utf8(file(ReportFile::Simple)).unwrap()] {
        assert!(!text.contains(ObjectId::from_u128(3).as_str()), "{text}");
    }
}

#[tokio::test]
async fn an_erased_member_of_the_scopes_group_is_met_once_and_not_looked_for() {
    let mut scene = Scene::of((1..=8).map(user));
    put_group(&scene, 1, 1..=8, &[]);
    scene.set_settings(|settings| {
        let any = vec![ObjectId::from_u128(50_001)];
        settings.scope.groups = AllOr::Any(GroupScope { any, include_nested: true });
    });
    scene.full().await;
    bury_user_3(&scene).await;
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.seen), (RunStatus::Succeeded, 8));
    let proof = run.proof.unwrap();
    assert_eq!((proof.people, proof.ids, proof.unread), (8, 8, 0), "nobody is read twice");
    assert_eq!(passed_over_by(&scene, &run.id).await.len(), 1);
}

#[tokio::test]
async fn whose_manager_was_erased_waits_for_nobody_and_no_page_says_who_he_was() {
    let mut people: Vec<_> = (1..=4).map(user).collect();
    people[0].tell_manager(Some(&ObjectId::from_u128(3)));
    let mut scene = Scene::of(people.clone());
    scene.set_settings(|settings| {
        let row = json!({"target": "manager", "source": "[manager]", "whenEmpty": "clear"});
        settings.mapping.push(serde_json::from_value(row).unwrap());
    });
    scene.full().await;
    bury_user_3(&scene).await;
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.failed), (RunStatus::Succeeded, 0));
    assert_eq!(passed_over_by(&scene, &run.id).await.len(), 1);
    let mut changed = user_with(1, &json!({"jobTitle": "Led by nobody"}));
    changed.tell_manager(Some(&ObjectId::from_u128(3)));
    scene.worker.directory.inner.entra().put_user(changed);
    scene.look().await;
    let look = scene.runs().into_iter().find(|run| run.kind == RunKind::Delta).unwrap();
    assert_eq!(look.counts.updated, 1);
    passed_over_by(&scene, &look.id).await;
    let bits = ObjectId::from_u128(3).as_u128().to_be_bytes();
    for (key, bytes) in scene.worker.blobs.all().iter() {
        let names = key.contains("awaiting") && bytes.windows(16).any(|some| some == bits);
        assert!(!names, "{key} says whom somebody waits for");
    }
}

#[tokio::test]
async fn whoever_was_erased_is_left_unclear_on_no_page_of_a_look() {
    let mut scene = Scene::of((1..=6).map(|number| user_with(number, &json!({"department": "A"}))));
    scene.set_settings(|settings| settings.scope.departments = AllOr::Any(vec!["A".to_owned()]));
    scene.full().await;
    bury_user_3(&scene).await;
    scene.pages_of(2);
    {
        let mut entra = scene.worker.directory.inner.entra();
        for number in [3, 4, 5, 6] {
            // The delta says nothing of what decides about them.
            let mut told = user_with(number, &json!({"jobTitle": "Captain"}));
            told.attributes.remove("department");
            entra.put_user(told);
            let whole = json!({"department": "A", "jobTitle": "Captain"});
            entra.users.insert(ObjectId::from_u128(number), user_with(number, &whole));
        }
    }
    scene.look().await;
    let look = scene.runs().into_iter().find(|run| run.kind == RunKind::Delta).unwrap();
    assert_eq!((look.status, look.counts.updated), (RunStatus::Succeeded, 3));
    assert!(look.pages > 1, "{look:?}");
    assert_eq!(passed_over_by(&scene, &look.id).await.len(), 1);
}

/// What is stored of a run is gone through while it goes on, too: he stands on its later pages as
/// on those that were gone through.
#[tokio::test]
async fn who_is_taken_out_of_a_run_at_work_is_counted_once_by_whoever_goes_on_with_it() {
    for calls in (0..CALLS).step_by(5) {
        let mut scene = Scene::of((1..=8).map(user));
        scene.pages_of(3);
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        let is_whole = scene.drive().await.is_ok();
        scene.revive();
        bury_user_3(&scene).await;
        let (run, user) = (scene.run(&id), ObjectId::from_u128(3));
        let forgotten = Forgotten {
            account: &account_id(),
            tenant: Some(&tenant_id()),
            contact: &contact_id(3),
            others: &[],
            barred: &[],
            user: Some(&user),
            stands_for: &id.standing_for(&contact_id(3)),
            requested_at: start(),
        };
        for page in 0..run.pages + 2 {
            let (stores, blobs) = (&*scene.worker.stores, &scene.worker.blobs);
            let change = |segment: &mut _| forgotten.take_from(segment, is_whole);
            let place = (&id, run.kept);
            alter_segment(stores, blobs, &connection_id(), place, page, change).await.unwrap();
        }
        if is_whole {
            return assert!(calls > 20, "{calls} calls");
        }
        scene.drive().await.unwrap();
        let run = scene.run(&id);
        let people = run.proof.map(|proof| proof.people);
        assert_eq!((run.status, run.counts.seen), (RunStatus::Succeeded, 8), "{calls} calls");
        assert_eq!(people, Some(8), "died after {calls} calls");
    }
}

/// What the blobs of the connection's present state are that name somebody.
fn state_naming(scene: &Scene, number: u128) -> Vec<String> {
    let id = ObjectId::from_u128(number);
    let bits = id.as_u128().to_be_bytes();
    let names = |bytes: &[u8]| bytes.windows(16).any(|some| some == bits);
    let all = scene.worker.blobs.all();
    let state = all.iter().filter(|(key, _)| key.starts_with("state/"));
    state.filter(|(_, bytes)| names(bytes)).map(|(key, _)| key.clone()).collect()
}

#[tokio::test]
async fn what_is_kept_of_the_directory_and_read_by_no_run_again_loses_whoever_is_erased() {
    let mut people: Vec<_> =
        (1..=4).map(|number| user_with(number, &json!({"department": "Sales"}))).collect();
    let mut board: Vec<_> =
        (8..=9).map(|number| user_with(number, &json!({"department": "Board"}))).collect();
    people[0].tell_manager(Some(&ObjectId::from_u128(8)));
    people[1].tell_manager(Some(&ObjectId::from_u128(9)));
    people.append(&mut board);
    let mut scene = Scene::of(people);
    put_group(&scene, 1, [1, 2, 8, 9], &[]);
    put_group(&scene, 2, [1, 2, 3, 4, 8, 9], &[]);
    let named = |any: &[u128]| {
        let any = any.iter().map(|group| ObjectId::from_u128(50_000 + group)).collect();
        AllOr::Any(GroupScope { any, include_nested: true })
    };
    scene.set_settings(|settings| {
        settings.scope.departments = AllOr::Any(vec!["Sales".to_owned()]);
        settings.scope.groups = named(&[1, 2]);
        let row = json!({"target": "manager", "source": "[manager]", "whenEmpty": "clear"});
        settings.mapping.push(serde_json::from_value(row).unwrap());
    });
    scene.full().await;
    assert_eq!(state_naming(&scene, 9).len(), 3, "two groups, and who waits for him");
    scene.set_settings(|settings| settings.scope.groups = named(&[2]));
    let settings = scene.worker.stores.world().settings[&connection_id()].last().cloned().unwrap();
    let watched = watched_groups(&settings.settings);
    let (blobs, place) = (&scene.worker.blobs, (&account_id(), &connection_id()));
    forget_in_state(blobs, place, &watched, &ObjectId::from_u128(9)).await.unwrap();
    let left = state_naming(&scene, 9);
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].contains(ObjectId::from_u128(50_002).as_str()), "each run reads it again");
    let others = state_naming(&scene, 8);
    assert!(others.iter().any(|key| key.contains("awaiting")), "others wait on: {others:?}");
}

/// What was user 3's own is another person's contact by now, and user 3 was forgotten.
async fn given_away() -> Scene {
    let mut scene = Scene::of((1..=8).map(user));
    scene.full().await;
    {
        let mut world = scene.worker.stores.world();
        let Some(StoredContact::Present(own)) = world.contacts.get_mut(&contact_id(3)) else {
            panic!("no contact")
        };
        own.link.as_mut().unwrap().object_id = ObjectId::from_u128(9);
        let place = (account_id(), tenant_id(), ObjectId::from_u128(9));
        world.adoptions.insert(place, contact_id(3));
    }
    let person = user_with(9, &json!({"mail": "person3@contoso.example"}));
    scene.worker.directory.inner.entra().put_user(person);
    let (account, tenant, user) = (account_id(), tenant_id(), ObjectId::from_u128(3));
    let bar = ContactId::barring(&account, &tenant, &user);
    scene.worker.stores.bury_for_good(&account, &bar).await.unwrap();
    scene.worker.stores.put_adoption(&account, &tenant, &user, &bar).await.unwrap();
    scene
}

#[tokio::test]
async fn nothing_is_made_of_or_asked_about_whose_own_contact_is_anothers_by_now() {
    for is_gone in [false, true] {
        let mut scene = given_away().await;
        if is_gone {
            let mut world = scene.worker.stores.world();
            world.contacts.remove(&contact_id(3));
            world.claims.retain(|_, owner| *owner != contact_id(3));
            world.adoptions.retain(|(.., user), _| user.as_u128() != 9);
            drop(world);
            scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(9));
        }
        for (title, by_look) in [("One", true), ("Two", true), ("Three", false), ("Four", false)] {
            let address = format!("{title}@contoso.example");
            let changed = user_with(3, &json!({"jobTitle": title, "mail": address}));
            scene.worker.directory.inner.entra().put_user(changed);
            if by_look {
                scene.look().await;
            } else {
                let run = scene.full().await;
                assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 0), "{title}");
                let told = passed_over_by(&scene, &run.id).await;
                assert_eq!(told.len(), 1);
                let reason = told[0].reason.as_deref();
                assert_eq!(reason, Some("erased at a person's request"), "{title}");
                assert_eq!(told[0].email, None);
            }
            let world = scene.worker.stores.world();
            let standing = world.contacts.get(&contact_id(3));
            assert_eq!(standing.is_none(), is_gone, "{title}: the other's stays");
            assert!(world.reviews.is_empty(), "{title}: nobody is asked about him");
            let told = format!("{:?}", world.contacts);
            assert!(!told.contains(title), "{title} is in a contact");
        }
    }
}
