//! What settings would do with the people that are in the directory now: everybody is decided as a
//! run decides, on the run's own terms, and nothing is written.

mod counting;
mod ending;
mod failing;
mod leaving;

use std::collections::{BTreeMap, HashMap, HashSet};

use contact_sync_domain::contact::{ContactField, Target};
use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::email::email_key;
use contact_sync_domain::guard;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::{GoneCause, View, Wanted, Wants};
use contact_sync_domain::scope::{Clause, Memberships, ScopeDecision, ScopeRule};
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::settings::Settings;
use jiff::Timestamp;

use super::findings::{Counted, ReasonCount, Surveyed, TeamCount};
use crate::admin::grounds::read_unclear;
use crate::admin::{AdminError, Outside};
use crate::port::ByIds;
use crate::split::read_people;
use crate::sync::{
    Batch, Decided, Index, KnownContact, Lookup, MemberSets, Person, Terms, contacts_of_users,
    decide_batch, find_managers, present,
};

/// How many people who waited for the end are decided at once.
const PER_BATCH: usize = 1_000;

/// How many people are kept until everybody was seen, because their managers may get contacts.
const MOST_HELD: usize = 10_000;

/// What people are judged by, and against what.
pub(super) struct Judged<'a> {
    pub(super) settings: &'a Settings,
    pub(super) terms: Terms<'a>,
    /// The scope that is saved, where there is one to compare with.
    pub(super) saved: Option<(ScopeRule, Memberships)>,
    /// The members of the groups that are mapped to teams.
    pub(super) teams: &'a MemberSets,
    /// What is known of all linked contacts; absent where there was no time to learn it.
    pub(super) index: Option<Index>,
    /// Only some members of a group are known.
    pub(super) sampled: bool,
    /// What is read of people by their ids, and what of that the settings themselves ask for.
    pub(super) by_id: (UserSelection, UserSelection),
}

/// A reading of people, held against rules.
pub(super) struct Survey<'a, O> {
    outside: &'a O,
    /// What is read of people by their ids, and what of that the settings themselves ask for.
    by_id: (UserSelection, UserSelection),
    settings: &'a Settings,
    terms: Terms<'a>,
    saved: Option<(ScopeRule, Memberships)>,
    teams: &'a MemberSets,
    index: Option<Index>,
    /// Where keys beside the e-mail lead; read when it is first needed.
    lookup: Option<Lookup>,
    found: Surveyed,
    reasons: BTreeMap<(&'static str, String, String), ReasonCount>,
    skipped: BTreeMap<Clause, Counted>,
    newly_in: BTreeMap<Clause, Counted>,
    newly_out: BTreeMap<Clause, Counted>,
    leaving: BTreeMap<(&'static str, &'static str), Counted>,
    /// Contacts from which something would be taken.
    removals: guard::Counted,
    /// Whoever was seen: Graph repeats people.
    seen: HashSet<ObjectId>,
    /// Who wants which address.
    wanted: HashMap<String, Counted>,
    /// Which address a person wants.
    keys: HashMap<ObjectId, String>,
    /// Addresses that somebody newly gets.
    given: HashSet<String>,
    /// Who wants which contact that is there already.
    wants: Wants,
    /// People who would take one over, unless others want it too.
    takers: Vec<(DirectoryUser, SegmentItem)>,
    /// People whose address another linked contact has, with that contact's user.
    waiting: Vec<(DirectoryUser, ObjectId, Outcome)>,
    /// People whose decision hangs on whether the manager gets a contact.
    held: Vec<DirectoryUser>,
    /// People who have a contact then.
    gains: HashSet<ObjectId>,
    /// Everybody was seen: nobody is held any more.
    ends: bool,
}

impl<'a, O: Outside> Survey<'a, O> {
    pub(super) fn of(outside: &'a O, judged: Judged<'a>) -> Self {
        Self {
            outside,
            by_id: judged.by_id,
            settings: judged.settings,
            terms: judged.terms,
            saved: judged.saved,
            teams: judged.teams,
            index: judged.index,
            lookup: None,
            found: Surveyed {
                sampled: judged.sampled,
                teams: judged
                    .settings
                    .teams
                    .iter()
                    .map(|row| TeamCount {
                        group: row.group.clone(),
                        team: Some(row.team.clone()).filter(|team| !team.is_empty()),
                        team_name: row.team_name.clone(),
                        members: 0,
                    })
                    .collect(),
                ..Surveyed::default()
            },
            reasons: BTreeMap::new(),
            skipped: BTreeMap::new(),
            newly_in: BTreeMap::new(),
            newly_out: BTreeMap::new(),
            leaving: BTreeMap::new(),
            removals: guard::Counted::default(),
            seen: HashSet::new(),
            wanted: HashMap::new(),
            keys: HashMap::new(),
            given: HashSet::new(),
            wants: Wants::default(),
            takers: Vec::new(),
            waiting: Vec::new(),
            held: Vec::new(),
            gains: HashSet::new(),
            ends: false,
        }
    }

    /// Holds some people against the rules.
    pub(super) async fn look_at(
        &mut self,
        mut users: Vec<DirectoryUser>,
    ) -> Result<(), AdminError> {
        users.retain(|user| self.seen.insert(user.id.clone()));
        self.find_managers(&mut users).await?;
        self.read_unclear(&mut users).await?;
        for user in &users {
            self.found.seen += 1;
            self.compare_scopes(user);
            if let Some(index) = &mut self.index {
                index.mark_seen(&user.id);
            }
        }
        self.decide(users).await
    }

    async fn find_managers(&self, users: &mut [DirectoryUser]) -> Result<(), AdminError> {
        let (account, tenant) = (self.terms.account, self.terms.tie.tenant);
        Ok(find_managers(self.outside.store(), account, tenant, users).await?)
    }

    /// Reads again by id what a listing did not tell of people.
    async fn read_unclear(&self, users: &mut [DirectoryUser]) -> Result<(), AdminError> {
        let tenant = self.terms.tie.tenant;
        let is_unclear =
            |user: &DirectoryUser| matches!(self.terms.view(user), View::Unknown { .. });
        if read_unclear(self.outside, tenant, &self.by_id, users, is_unclear).await? {
            self.find_managers(users).await?;
        }
        Ok(())
    }

    /// People as a run reads them by their ids.
    async fn read_by_id(&self, ids: &[ObjectId]) -> Result<ByIds, AdminError> {
        let (all, own) = &self.by_id;
        let (directory, tenant) = (self.outside.directory(), self.terms.tie.tenant);
        Ok(read_people(directory, tenant, (all, own), ids).await?)
    }

    /// Counts who comes and goes by the scope alone, beside what the saved one says.
    fn compare_scopes(&mut self, user: &DirectoryUser) {
        let at = self.terms.rules.now();
        let now = refusing(self.terms.rules.scope(), user, self.terms.memberships, at);
        let before = self.saved.as_ref();
        let before = before.map(|(scope, members)| refusing(scope, user, members, at));
        match (before, now) {
            (Some(Some(clause)), None) => self.newly_in.entry(clause).or_default().add(user),
            (Some(None), Some(clause)) => self.newly_out.entry(clause).or_default().add(user),
            (Some(None), None) | (Some(Some(_)), Some(_)) | (None, _) => {}
        }
        if let Some(clause) = now {
            self.skipped.entry(clause).or_default().add(user);
        }
    }

    /// Decides people together and counts them; whom the index knows needs no read.
    async fn decide(&mut self, users: Vec<DirectoryUser>) -> Result<(), AdminError> {
        let ids: Vec<ObjectId> = users.iter().map(|user| user.id.clone()).collect();
        let contacts = if let Some(index) = &self.index {
            ids.iter().map(|user| index.contact_of(user)).collect()
        } else {
            let (account, tenant) = (self.terms.account, self.terms.tie.tenant);
            contacts_of_users(self.outside.store(), account, tenant, &ids).await?
        };
        let mut batch = Batch { people: Vec::new(), needed: Vec::new() };
        let mut leaves = HashMap::new();
        for (user, contact) in users.into_iter().zip(contacts) {
            let view = self.terms.view(&user);
            let (fingerprint, cause) = match &view {
                View::In(wanted) => {
                    self.note_address(&user, wanted);
                    (Some(wanted.fingerprint), None)
                }
                View::Out { cause, .. } => (None, Some(*cause)),
                View::Unknown { .. } | View::Failed { .. } => (None, None),
            };
            let known = self.index.as_ref().map(|index| index.known(&contact, fingerprint));
            match (known, cause) {
                (Some(KnownContact::None), Some(_)) => {
                    self.skip(&user);
                    continue;
                }
                (Some(KnownContact::Unchanged), None) => {
                    if !self.hold(&user) {
                        self.count_in(&user.id, |found| &mut found.unchanged);
                    }
                    continue;
                }
                (Some(KnownContact::None), None) => {}
                (Some(KnownContact::Unchanged | KnownContact::Stale) | None, _) => {
                    batch.needed.push(contact.clone());
                }
            }
            if let Some(cause) = cause {
                leaves.insert(user.id.clone(), cause);
            }
            batch.people.push((Person::Here(user, view), contact));
        }
        self.decide_batch(batch, &leaves).await
    }

    /// Decides a batch as a run does. `leaves` says why those leave who do.
    async fn decide_batch(
        &mut self,
        batch: Batch,
        leaves: &HashMap<ObjectId, GoneCause>,
    ) -> Result<(), AdminError> {
        let places = batch.people.iter();
        let own: HashMap<ObjectId, ContactId> =
            places.map(|(person, contact)| (person.id().clone(), contact.clone())).collect();
        let mut decided = Decided::default();
        decide_batch(self.outside.store(), self.terms, &mut self.lookup, batch, &mut decided)
            .await?;
        let Decided { items, stored, users } = decided;
        for item in items {
            let existing = own.get(&item.object_id).and_then(|own| present(stored.get(own)));
            let cause = leaves.get(&item.object_id).copied();
            match (users.get(&item.object_id), cause) {
                (Some(user), None) => self.count_meant(user, item, existing, &stored),
                (user, Some(cause)) => self.count_leaving(user, &item, existing, cause),
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Keeps somebody until everybody was seen, where the manager has no contact yet: a run decides
    /// such people once more when the manager got one.
    fn hold(&mut self, user: &DirectoryUser) -> bool {
        let waits = user.manager_without_contact().is_some();
        let holds = waits && !self.ends && self.held.len() < MOST_HELD;
        if holds {
            self.held.push(user.clone());
        }
        holds
    }

    /// Notes which address somebody wants. Where the mapping leaves a choice, nobody insists.
    fn note_address(&mut self, user: &DirectoryUser, wanted: &Wanted) {
        let mapped = wanted.mapped();
        let email = mapped.value(&Target::Field(ContactField::Email));
        let Some(key) = email.and_then(|email| email.as_str()).map(email_key) else { return };
        if self.keys.insert(user.id.clone(), key.clone()).is_none() && mapped.choices().is_empty() {
            self.wanted.entry(key).or_default().add(user);
        }
    }

    fn reason(&mut self, user: &DirectoryUser, reason: ReasonCount) {
        let key = (reason.code, reason.pointer.clone(), reason.reason.clone());
        self.reasons.entry(key).or_insert(reason).people.add(user);
    }
}

/// The clause that keeps somebody out. Whom the answer leaves unclear counts as meant.
fn refusing(
    scope: &ScopeRule,
    user: &DirectoryUser,
    members: &Memberships,
    now: Timestamp,
) -> Option<Clause> {
    match scope.decide(user, members, now) {
        ScopeDecision::Out { clause, .. } => Some(clause),
        ScopeDecision::In { .. } | ScopeDecision::Unknown { .. } | ScopeDecision::Failed { .. } => {
            None
        }
    }
}
