//! What holds for every undo, drawn by a seed that a failure names: after it everything is as it was
//! before the first of the runs, but for whom somebody changed since in what they wrote.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::contact::{Contact, ContactStatus};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{ContactId, RunId, TeamId};
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use contact_sync_domain::segment::Outcome;
use contact_sync_domain::team::Origin;
use jiff::SignedDuration;
use serde_json::Value;

use super::chance::Chance;
use super::happenings::{contacts, edits, happens, scene};
use super::scene::{Scene, connection_id};
use super::teams::look;
use super::undo_scene::{apply, items, plan};

/// Everything that undoing gives back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    contacts: BTreeMap<ContactId, Contact>,
    teams: BTreeMap<(ContactId, TeamId), BTreeSet<Origin>>,
    claims: BTreeMap<String, ContactId>,
    adoptions: Vec<String>,
}

impl Kept {
    pub(super) fn of(scene: &Scene) -> Self {
        let contacts = contacts(scene).into_iter().map(|contact| (contact.id.clone(), contact));
        let contacts = contacts.collect();
        let world = scene.worker.stores.world();
        let teams = world.memberships.iter().filter(|(_, one)| !one.origins.is_empty());
        let claims = world.claims.iter().map(|((_, key), id)| (key.clone(), id.clone()));
        Self {
            contacts,
            teams: teams.map(|(place, one)| (place.clone(), one.origins.clone())).collect(),
            claims: claims.collect(),
            adoptions: world.adoptions.iter().map(|one| format!("{one:?}")).collect(),
        }
    }

    /// What is told of a contact, without its version and what writes leave on it.
    pub(super) fn told(&self, id: &ContactId) -> String {
        let contact = self.contacts.get(id).map(|contact| {
            format!(
                "{:?} {:?} {:?} {:?} {:?} {} {:?} {}",
                contact.status,
                contact.source,
                contact.fields,
                contact.custom,
                contact.managed_fields,
                contact.protected,
                contact.link,
                contact.created_at
            )
        });
        let claims: Vec<&String> =
            self.claims.iter().filter(|(_, owner)| *owner == id).map(|(key, _)| key).collect();
        let adoptions: Vec<&String> =
            self.adoptions.iter().filter(|one| one.contains(id.as_str())).collect();
        format!("{contact:?} claims {claims:?} adoptions {adoptions:?}")
    }

    /// Who is in which team.
    pub(super) fn teams_of(&self, id: &ContactId) -> Vec<String> {
        let held = self.teams.iter().filter(|((contact, _), _)| contact == id);
        held.map(|((_, team), origins)| format!("{team} {origins:?}")).collect()
    }

    /// Everybody who is known here or there.
    pub(super) fn everybody<'k>(all: &[&'k Self]) -> BTreeSet<&'k ContactId> {
        let contacts = all.iter().flat_map(|kept| kept.contacts.keys());
        contacts.chain(all.iter().flat_map(|kept| kept.teams.keys().map(|(id, _)| id))).collect()
    }
}

/// The runs of a story, and what was kept before and after each.
struct Story {
    scene: Scene,
    before: Kept,
    runs: Vec<(RunId, Kept, Kept)>,
    edited: BTreeSet<ContactId>,
}

/// People come, change and leave, settings change, and one to three runs see it; people edit
/// contacts in between where `by_hand`.
async fn story(chance: &mut Chance, by_hand: bool) -> Story {
    let mut scene = scene(chance);
    scene.full().await;
    // What people wrote before is theirs, and comes back.
    for _ in 0..3 {
        edits(&scene, chance).await;
    }
    let before = Kept::of(&scene);
    let (mut runs, mut edited) = (Vec::new(), BTreeSet::new());
    for _ in 0..=chance.below(3) {
        for _ in 0..=chance.below(6) {
            happens(&scene, chance);
        }
        scene.pass(SignedDuration::from_mins(10));
        let known: BTreeSet<RunId> = scene.runs().into_iter().map(|run| run.id).collect();
        let held = Kept::of(&scene);
        if !runs.is_empty() && chance.once_in(3) {
            scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
            look(&mut scene).await;
        } else {
            scene.full().await;
        }
        let new: Vec<Run> =
            scene.runs().into_iter().filter(|run| !known.contains(&run.id)).collect();
        let [run] = new.as_slice() else {
            assert!(new.is_empty(), "one run at a time: {new:#?}");
            continue;
        };
        assert!(run.status.is_terminal(), "{run:?}");
        assert!(matches!(run.kind, RunKind::Full | RunKind::Delta), "{run:?}");
        runs.push((run.id.clone(), held, Kept::of(&scene)));
        let writes = if by_hand { 1 + chance.below(4) } else { 0 };
        for _ in 0..writes {
            edited.extend(edits(&scene, chance).await);
        }
    }
    Story { scene, before, runs, edited }
}

/// Whom an undo left as they are, with the reason that it tells.
pub(super) async fn left(scene: &Scene, run: &Run) -> BTreeMap<ContactId, String> {
    let told = items(scene, run).await.into_iter();
    let left = told.filter(|item| item.outcome == Outcome::Left);
    left.map(|item| (item.contact_id.unwrap(), item.reason.unwrap_or_default())).collect()
}

/// Plans and applies taking back all the runs of a story; whom it left.
async fn take_back(story: &mut Story) -> BTreeMap<ContactId, String> {
    let newest_first: Vec<RunId> = story.runs.iter().rev().map(|(id, ..)| id.clone()).collect();
    let runs: Vec<&RunId> = newest_first.iter().collect();
    let (planned, _) = plan(&mut story.scene, &runs, &[]).await;
    let shown = left(&story.scene, &planned).await;
    let done = apply(&mut story.scene, &planned).await;
    assert!(matches!(done.status, RunStatus::Succeeded | RunStatus::Partial), "{done:?}");
    story.scene.set_status(ConnectionStatus::Enabled);
    let told = left(&story.scene, &done).await;
    for who in shown.keys() {
        assert!(told.contains_key(who), "{who} was to be left, and nothing tells of it");
    }
    told
}

/// Takes the same back once more: every contact, address and team is as the first time left it.
async fn is_same_again(story: &mut Story, once: &Kept, seed: u64) {
    take_back(story).await;
    let again = Kept::of(&story.scene);
    for id in Kept::everybody(&[&again, once]) {
        assert_eq!(again.told(id), once.told(id), "seed {seed}: {id}, undone twice");
        let teams = once.teams_of(id);
        assert_eq!(again.teams_of(id), teams, "seed {seed}: teams of {id}, undone twice");
    }
}

#[tokio::test]
async fn what_runs_did_is_taken_back_to_what_was_before_the_first_of_them() {
    for seed in 0..24 {
        let mut chance = Chance::of(seed);
        let mut story = story(&mut chance, false).await;
        let left = take_back(&mut story).await;
        let after = Kept::of(&story.scene);
        for id in Kept::everybody(&[&story.before, &after]) {
            let (was, is) = (story.before.told(id), after.told(id));
            assert_eq!(is, was, "seed {seed}: {id}, {:?}", left.get(id));
            assert_eq!(after.teams_of(id), story.before.teams_of(id), "seed {seed}: teams of {id}");
        }
        assert!(left.is_empty(), "seed {seed}: nobody changed anything since: {left:?}");
        assert_eq!(after.claims, story.before.claims, "seed {seed}");
        assert_eq!(after.adoptions, story.before.adoptions, "seed {seed}");
        is_same_again(&mut story, &after, seed).await;
    }
}

/// What undoing makes of a contact: back from the last run to the first, up to one that wrote what
/// somebody changed since, where it says `true`.
fn back(
    runs: &[(RunId, Kept, Kept)],
    id: &ContactId,
    now: Option<Contact>,
) -> (Option<Contact>, bool) {
    let mut now = now;
    for (_, before, after) in runs.iter().rev() {
        let (was, became) = (before.contacts.get(id), after.contacts.get(id));
        now = match (was, became, now) {
            (None, None, now) => now,
            (Some(was), None, None) => Some(was.clone()),
            (None, Some(_), None) => None,
            (None, Some(made), Some(now)) => {
                let is_own = values(&now) == values(made) && (made.protected || !now.protected);
                if !is_own {
                    return (Some(now), true);
                }
                None
            }
            (Some(_), _, now @ None) | (_, None, now) => return (now, true),
            (Some(was), Some(became), Some(now)) => match unwritten(was, became, &now) {
                Some(back) => Some(back),
                None => return (Some(now), true),
            },
        };
    }
    (now, false)
}

fn values(contact: &Contact) -> BTreeMap<String, Value> {
    let standard =
        contact.fields.iter().map(|(field, text)| (field.name().to_owned(), text.clone().into()));
    let custom = contact.custom.iter().map(|(key, value)| (format!("custom.{key}"), value.clone()));
    standard.chain(custom).collect()
}

/// The contact without what a run wrote; `None` where somebody changed that since.
fn unwritten(was: &Contact, became: &Contact, now: &Contact) -> Option<Contact> {
    let (old, new, current) = (values(was), values(became), values(now));
    let fields: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let moved = fields.into_iter().filter(|field| old.get(*field) != new.get(*field));
    let mut back = now.clone();
    for field in moved {
        if current.get(field) != new.get(field) && current.get(field) != old.get(field) {
            return None;
        }
        if let Some(key) = field.strip_prefix("custom.") {
            back.custom.remove(key);
            let found = was.custom.get_key_value(key);
            back.custom.extend(found.map(|(key, value)| (key.clone(), value.clone())));
        } else {
            back.fields.retain(|one, _| one.name() != field);
            let found = was.fields.iter().find(|(one, _)| one.name() == field);
            back.fields.extend(found.map(|(one, text)| (*one, text.clone())));
        }
    }
    let is_cut = now.link.is_some() && was.link.is_none();
    let rests = now.status != was.status && was.status == ContactStatus::Inactive;
    if now.protected && !was.protected && (is_cut || rests) {
        return None;
    }
    back.status = was.status;
    back.link.clone_from(&was.link);
    back.managed_fields.clone_from(&was.managed_fields);
    Some(back)
}

/// Whether what somebody had before is held by another who was left.
fn is_in_the_way(kept: &Kept, before: &Kept, id: &ContactId, left: &BTreeSet<ContactId>) -> bool {
    let address = before.contacts.get(id).and_then(|contact| contact.email()).map(email_key);
    let owner = address.and_then(|key| kept.claims.get(&key));
    owner.is_some_and(|owner| owner != id && left.contains(owner))
}

#[tokio::test]
async fn who_was_edited_since_in_what_the_runs_wrote_is_left_as_he_is_and_nobody_else() {
    for seed in 1_000..1_024 {
        let mut chance = Chance::of(seed);
        let mut story = story(&mut chance, true).await;
        let now = Kept::of(&story.scene);
        let told = take_back(&mut story).await;
        let after = Kept::of(&story.scene);
        let mut refused = BTreeSet::new();
        let mut expected = BTreeMap::new();
        for id in Kept::everybody(&[&story.before, &now]) {
            let (back, is_left) = back(&story.runs, id, now.contacts.get(id).cloned());
            assert!(!is_left || story.edited.contains(id), "seed {seed}: nobody edited {id}");
            if is_left {
                refused.insert(id.clone());
            }
            expected.insert(id.clone(), back);
        }
        for (id, reason) in &told {
            assert!(!reason.is_empty(), "seed {seed}: {id} was left, and nothing says why");
        }
        let everybody_left: BTreeSet<ContactId> =
            refused.iter().chain(told.keys()).cloned().collect();
        for (id, expected) in &expected {
            let found = after.contacts.get(id);
            if refused.contains(id) {
                assert!(told.contains_key(id), "seed {seed}: {id} was edited since, and not left");
            } else if is_in_the_way(&after, &story.before, id, &everybody_left) {
                assert!(told.contains_key(id), "seed {seed}: the address of {id} is not free");
                continue;
            }
            let seen = |contact: Option<&Contact>| {
                contact.map(|contact| {
                    format!(
                        "{:?} {:?} {:?} {} {:?}",
                        contact.status,
                        values(contact),
                        contact.managed_fields,
                        contact.protected,
                        contact.link
                    )
                })
            };
            let context = format!("seed {seed}: {id}, told {:?}", told.get(id));
            assert_eq!(seen(found), seen(expected.as_ref()), "{context}");
            if !refused.contains(id) {
                assert_eq!(told.get(id), None, "{context}");
            }
        }
        // Nobody else's address, adoption or team is another than before.
        for id in expected.keys().filter(|id| !story.edited.contains(*id)) {
            if !told.contains_key(id) {
                assert_eq!(after.told(id), story.before.told(id), "seed {seed}: {id}");
                let teams = story.before.teams_of(id);
                assert_eq!(after.teams_of(id), teams, "seed {seed}: teams of {id}");
            }
        }
        is_same_again(&mut story, &after, seed).await;
    }
}
