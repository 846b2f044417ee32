//! What settings would do with the people that are in the directory now: everybody is decided as a
//! run would decide, and nothing is written.

use std::collections::{BTreeMap, HashMap};

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::Connection;
use contact_sync_domain::contact::{Contact, ContactField, Target};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{ContactId, ObjectId, TenantId};
use contact_sync_domain::reconcile::{Claimant, Found, Rules, Tie, View, Wanted};
use contact_sync_domain::scope::{Clause, Memberships, ScopeDecision, ScopeRule};
use contact_sync_domain::segment::Outcome;
use contact_sync_domain::settings::Settings;
use jiff::Timestamp;
use serde::Serialize;

use crate::admin::AdminError;
use crate::port::{ContactStore, StoredContact};
use crate::sync::{Lookup, bearers, find_managers};

/// How many people are named for one reason.
const EXAMPLES: usize = 5;

/// How many shared addresses are named.
const SHARED: usize = 20;

/// Somebody by whom an admin recognises what is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// Who.
    pub object_id: ObjectId,
    /// The display name in the directory.
    pub display_name: Option<String>,
    /// The user principal name.
    pub user_principal_name: Option<String>,
}

impl Example {
    pub(super) fn of(user: &DirectoryUser) -> Self {
        Self {
            object_id: user.id.clone(),
            display_name: user.text("displayName").map(str::to_owned),
            user_principal_name: user.text("userPrincipalName").map(str::to_owned),
        }
    }
}

/// How many, and some of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

impl Counted {
    fn add(&mut self, user: &DirectoryUser) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(Example::of(user));
        }
    }
}

/// Why people would fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasonCount {
    /// A stable name of the rule.
    pub code: &'static str,
    /// Where in the document it comes from.
    pub pointer: String,
    /// Which field it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// What to correct, and where.
    pub remedy: String,
    /// How many, and some of them.
    #[serde(flatten)]
    pub people: Counted,
}

/// Whom a clause of the scope decides about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClauseCount {
    /// Which clause.
    pub clause: Clause,
    /// How many, and some of them.
    #[serde(flatten)]
    pub people: Counted,
}

/// People who want one e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedEmail {
    /// The address.
    pub email: String,
    /// How many, and some of them.
    #[serde(flatten)]
    pub people: Counted,
}

/// What would become of everybody that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surveyed {
    /// People read.
    pub seen: u64,
    /// People whom the scope means.
    pub in_scope: u64,
    /// People without a contact who would get one.
    pub would_create: u64,
    /// People whose contact would change.
    pub would_update: u64,
    /// People who would be linked to a contact that is there already.
    pub would_link: Counted,
    /// People whose contact is right.
    pub unchanged: u64,
    /// People who would wait for review.
    pub would_await: u64,
    /// People in scope for whom a policy does nothing.
    pub left_alone: u64,
    /// People in scope who would fail.
    pub would_fail: u64,
    /// People outside the scope.
    pub would_skip: u64,
    /// Why people would fail.
    pub by_reason: Vec<ReasonCount>,
    /// Which clauses keep people out.
    pub skipped_by: Vec<ClauseCount>,
    /// People whom the saved settings do not mean and these do, by the clause that kept them out.
    pub newly_in: Vec<ClauseCount>,
    /// People whom the saved settings mean and these do not, by the clause that keeps them out.
    pub newly_out: Vec<ClauseCount>,
    /// How many addresses several people want.
    pub shared_emails: u64,
    /// Some of them.
    pub shared: Vec<SharedEmail>,
}

/// The rules that people are held against.
pub(super) struct Survey<'a, S> {
    store: &'a S,
    account: &'a Account,
    connection: &'a Connection,
    tenant: &'a TenantId,
    settings: &'a Settings,
    rules: &'a Rules,
    members: Memberships,
    saved: Option<(ScopeRule, Memberships)>,
    found: Surveyed,
    reasons: BTreeMap<(&'static str, String, String), ReasonCount>,
    skipped: BTreeMap<Clause, Counted>,
    newly_in: BTreeMap<Clause, Counted>,
    newly_out: BTreeMap<Clause, Counted>,
    /// Who wants which address.
    wanted: HashMap<String, Counted>,
    /// Which address a person wants.
    keys: HashMap<ObjectId, String>,
    /// People whose address another linked contact has, with that contact's user.
    waiting: Vec<(DirectoryUser, ObjectId, Outcome)>,
    /// Where keys beside the e-mail lead; read when it is first needed.
    lookup: Option<Lookup>,
}

/// What people are judged by, and against what.
pub(super) struct Judged<'a> {
    pub(super) settings: &'a Settings,
    pub(super) rules: &'a Rules,
    pub(super) members: Memberships,
    /// The scope that is saved, where there is one to compare with.
    pub(super) saved: Option<(ScopeRule, Memberships)>,
}

impl<'a, S: ContactStore> Survey<'a, S> {
    pub(super) fn of(
        store: &'a S,
        account: &'a Account,
        connection: &'a Connection,
        tenant: &'a TenantId,
        judged: Judged<'a>,
    ) -> Self {
        Self {
            store,
            account,
            connection,
            tenant,
            settings: judged.settings,
            rules: judged.rules,
            members: judged.members,
            saved: judged.saved,
            found: Surveyed::default(),
            reasons: BTreeMap::new(),
            skipped: BTreeMap::new(),
            newly_in: BTreeMap::new(),
            newly_out: BTreeMap::new(),
            wanted: HashMap::new(),
            keys: HashMap::new(),
            waiting: Vec::new(),
            lookup: None,
        }
    }

    /// Holds some people against the rules.
    pub(super) async fn look_at(
        &mut self,
        mut users: Vec<DirectoryUser>,
    ) -> Result<(), AdminError> {
        find_managers(self.store, &self.account.id, self.tenant, &mut users).await?;
        let mut meant = Vec::new();
        for user in users {
            self.found.seen += 1;
            if self.is_meant(&user) {
                self.found.in_scope += 1;
                match self.rules.view(&user, &self.members) {
                    View::In(wanted) => meant.push((user, wanted)),
                    View::Unknown { .. } | View::Out { .. } => self.fail_untold(&user),
                    View::Failed { because } => self.fail_unreadable(&user, because),
                }
            }
        }
        self.decide(meant).await
    }

    /// Whether the scope means somebody, counted beside what the saved one says.
    fn is_meant(&mut self, user: &DirectoryUser) -> bool {
        let at = self.rules.now();
        let now = refusing(self.rules.scope(), user, &self.members, at);
        let before = self.saved.as_ref();
        let before = before.map(|(scope, members)| refusing(scope, user, members, at));
        match (before, now) {
            (Some(Some(clause)), None) => self.newly_in.entry(clause).or_default().add(user),
            (Some(None), Some(clause)) => self.newly_out.entry(clause).or_default().add(user),
            (Some(None), None) | (Some(Some(_)), Some(_)) | (None, _) => {}
        }
        if let Some(clause) = now {
            self.found.would_skip += 1;
            self.skipped.entry(clause).or_default().add(user);
        }
        now.is_none()
    }

    async fn decide(&mut self, meant: Vec<(DirectoryUser, Wanted)>) -> Result<(), AdminError> {
        let ids: Vec<ObjectId> = meant.iter().map(|(user, _)| user.id.clone()).collect();
        let own = self.store.adopted(&self.account.id, self.tenant, &ids).await?;
        let own: Vec<ContactId> = ids
            .iter()
            .zip(own)
            .map(|(user, adopted)| {
                adopted.unwrap_or_else(|| ContactId::derived(&self.account.id, self.tenant, user))
            })
            .collect();
        let existing = self.contacts(&own).await?;
        let keys: Vec<String> = meant
            .iter()
            .zip(&own)
            .flat_map(|((_, wanted), id)| self.rules.wanted_email_keys(wanted, existing.get(id)))
            .collect();
        let owners = bearers(self.store, &self.account.id, keys).await?;
        let led_to = self.look_up(&meant, &own, &existing).await?;
        for ((user, wanted), id) in meant.into_iter().zip(&own) {
            let candidates: Vec<&Contact> = led_to.get(&user.id).into_iter().flatten().collect();
            let contact = existing.get(id);
            let is_taken = |key: &str| owners.contains_key(key) || self.wanted.contains_key(key);
            let rules = self.rules;
            let wanted = rules.choosing(&user, &wanted, (contact, &candidates), is_taken);
            let key = rules.wanted_email_key(&wanted, contact);
            let claimant = match key.as_ref().and_then(|key| owners.get(key)) {
                Some(owner) => Claimant::Contact(owner),
                None => Claimant::Nobody,
            };
            let found =
                Found { contact_id: id, existing: contact, claimant, candidates: &candidates };
            self.decide_one(user, &wanted, found);
        }
        Ok(())
    }

    fn decide_one(&mut self, user: DirectoryUser, wanted: &Wanted, found: Found<'_>) {
        let tie = Tie { connection: &self.connection.id, tenant: self.tenant };
        let (existing, claimant) = (found.existing, found.claimant);
        let item = self.rules.decide(&user, wanted, found, tie);
        let outcome = match item.outcome {
            Outcome::Failed => {
                self.fail(&user, wanted, existing, claimant, &item);
                return;
            }
            other => other,
        };
        let mapped = wanted.mapped();
        let email = mapped.value(&Target::Field(ContactField::Email)).and_then(|it| it.as_str());
        if let Some(email) = email {
            let key = email_key(email);
            let people = self.wanted.entry(key.clone()).or_default();
            people.add(&user);
            self.keys.insert(user.id.clone(), key);
            if people.count > 1 && outcome != Outcome::Unchanged {
                self.fail_shared(&user);
                return;
            }
        }
        if outcome == Outcome::Deferred
            && let Claimant::Contact(owner) = claimant
            && let Some(link) = &owner.link
        {
            let comes = if existing.is_some() { Outcome::Update } else { Outcome::Create };
            self.waiting.push((user, link.object_id.clone(), comes));
            return;
        }
        if item.adopted {
            self.found.would_link.add(&user);
        } else {
            self.count(outcome);
        }
    }

    fn count(&mut self, outcome: Outcome) {
        let counted = match outcome {
            Outcome::Create => &mut self.found.would_create,
            Outcome::Update | Outcome::Deactivate | Outcome::Deferred => {
                &mut self.found.would_update
            }
            Outcome::AwaitingReview => &mut self.found.would_await,
            Outcome::Unchanged => &mut self.found.unchanged,
            Outcome::Skipped
            | Outcome::Failed
            | Outcome::StopUpdating
            | Outcome::Unlink
            | Outcome::Delete
            | Outcome::Keep => &mut self.found.left_alone,
        };
        *counted += 1;
    }

    /// The contacts to which keys beside the e-mail lead people who have none.
    async fn look_up(
        &mut self,
        meant: &[(DirectoryUser, Wanted)],
        own: &[ContactId],
        existing: &HashMap<ContactId, Contact>,
    ) -> Result<HashMap<ObjectId, Vec<Contact>>, AdminError> {
        let mut led_to = HashMap::new();
        for ((user, wanted), id) in meant.iter().zip(own) {
            if existing.get(id).is_some_and(|contact| contact.link.is_some()) {
                continue;
            }
            let digests = self.rules.lookup_digests(user, wanted);
            if digests.is_empty() {
                continue;
            }
            if self.lookup.is_none() {
                let keys = self.rules.keys();
                self.lookup = Some(Lookup::load(self.store, &self.account.id, keys).await?);
            }
            let found = self.lookup.as_ref().map(|lookup| lookup.find(&digests));
            let contacts = self.contacts(&found.unwrap_or_default()).await?;
            led_to.insert(user.id.clone(), contacts.into_values().collect());
        }
        Ok(led_to)
    }

    /// The contacts under these ids.
    async fn contacts(&self, ids: &[ContactId]) -> Result<HashMap<ContactId, Contact>, AdminError> {
        let stored = self.store.get_many(&self.account.id, ids).await?;
        let present = ids.iter().zip(stored).filter_map(|(id, stored)| match stored {
            Some(StoredContact::Present(contact)) => Some((id.clone(), *contact)),
            Some(StoredContact::Tombstone { .. }) | None => None,
        });
        Ok(present.collect())
    }

    fn fail(
        &mut self,
        user: &DirectoryUser,
        wanted: &Wanted,
        existing: Option<&Contact>,
        claimant: Claimant<'_>,
        item: &contact_sync_domain::segment::SegmentItem,
    ) {
        self.found.would_fail += 1;
        let failures = self.rules.mapping().changes(wanted.mapped(), existing).err();
        for failure in failures.iter().flatten() {
            let target = failure.target.to_string();
            let row = self.settings.mapping.iter().position(|row| row.target == target);
            let pointer = row.map_or("/mapping".to_owned(), |row| format!("/mapping/{row}"));
            self.reason(
                user,
                ReasonCount {
                    code: failure.rule.name(),
                    pointer,
                    target: Some(target),
                    reason: failure.reason.clone(),
                    remedy: failure.remedy.clone(),
                    people: Counted::default(),
                },
            );
        }
        if failures.is_some() {
            return;
        }
        let is_local = matches!(claimant, Claimant::Contact(owner) if owner.link.is_none());
        self.reason(
            user,
            ReasonCount {
                code: if is_local { "emailOfLocalContact" } else { "emailOfOtherContact" },
                pointer: if is_local { "/policies/link" } else { "/mapping" }.to_owned(),
                target: Some(ContactField::Email.name().to_owned()),
                reason: item.reason.clone().unwrap_or_default(),
                remedy: item.remedy.clone().unwrap_or_default(),
                people: Counted::default(),
            },
        );
    }

    fn fail_untold(&mut self, user: &DirectoryUser) {
        self.found.would_fail += 1;
        self.reason(
            user,
            ReasonCount {
                code: "notTold",
                pointer: "/mapping".to_owned(),
                target: None,
                reason: "Entra does not tell an attribute that decides".to_owned(),
                remedy: "grant our application User.Read.All again".to_owned(),
                people: Counted::default(),
            },
        );
    }

    fn fail_unreadable(&mut self, user: &DirectoryUser, reason: String) {
        self.found.would_fail += 1;
        self.reason(
            user,
            ReasonCount {
                code: "unreadable",
                pointer: "/scope/expression".to_owned(),
                target: None,
                reason,
                remedy: "correct the value of these people in Entra, or the condition".to_owned(),
                people: Counted::default(),
            },
        );
    }

    fn fail_shared(&mut self, user: &DirectoryUser) {
        self.found.would_fail += 1;
        self.reason(
            user,
            ReasonCount {
                code: "emailShared",
                pointer: "/mapping".to_owned(),
                target: Some(ContactField::Email.name().to_owned()),
                reason: "another person in the directory has this e-mail".to_owned(),
                remedy: "give one of the two another e-mail in Entra".to_owned(),
                people: Counted::default(),
            },
        );
    }

    fn reason(&mut self, user: &DirectoryUser, reason: ReasonCount) {
        let key = (reason.code, reason.pointer.clone(), reason.reason.clone());
        self.reasons.entry(key).or_insert(reason).people.add(user);
    }

    /// What was found.
    pub(super) fn end(mut self) -> Surveyed {
        for (user, owner, comes) in std::mem::take(&mut self.waiting) {
            // Whoever has the address gives it up where the directory gives him another.
            let frees =
                self.keys.get(&owner).is_some_and(|key| self.keys.get(&user.id) != Some(key));
            if frees {
                self.count(comes);
            } else {
                self.fail_shared(&user);
            }
        }
        let listed = |counts: BTreeMap<Clause, Counted>| {
            let entry = |(clause, people)| ClauseCount { clause, people };
            counts.into_iter().map(entry).collect::<Vec<_>>()
        };
        let mut shared: Vec<SharedEmail> = self
            .wanted
            .into_iter()
            .filter(|(_, people)| people.count > 1)
            .map(|(email, people)| SharedEmail { email, people })
            .collect();
        shared.sort_by(|one, other| {
            (other.people.count, &one.email).cmp(&(one.people.count, &other.email))
        });
        let mut by_reason: Vec<ReasonCount> = self.reasons.into_values().collect();
        by_reason.sort_by_key(|reason| std::cmp::Reverse(reason.people.count));
        let mut found = self.found;
        found.shared_emails = u64::try_from(shared.len()).unwrap_or(u64::MAX);
        shared.truncate(SHARED);
        found.shared = shared;
        found.by_reason = by_reason;
        found.skipped_by = listed(self.skipped);
        found.newly_in = listed(self.newly_in);
        found.newly_out = listed(self.newly_out);
        found
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
