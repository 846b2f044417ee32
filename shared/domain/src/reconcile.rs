//! Reconciling: what becomes of one directory user's contact.
//!
//! Pairs by object id; by the settings' keys only while no contact is linked, and then only a
//! contact that nothing else is linked to. Whoever cannot be decided is queued or failed, never
//! guessed.

mod asking;
mod contest;
mod gone;
mod item;
mod linked;
#[cfg(test)]
mod tests;
mod unlinked;

pub use contest::Wants;
pub use gone::GoneCause;
pub use item::{blank_item, hex, user_address};

use std::borrow::Cow;

use jiff::Timestamp;

use crate::account::CustomField;
use crate::contact::{Contact, ContactField, ContactSource, ContactStatus, Link, Target};
use crate::directory::DirectoryUser;
use crate::email::email_key;
use crate::fingerprint::Fingerprint;
use crate::id::{ConnectionId, ContactId, ObjectId, TenantId};
use crate::mapping::{Mapped, Mapping};
use crate::matching::{MatchKeys, Matched};
use crate::review::{Rejected, RejectedSet};
use crate::scope::{LeaveCause, Memberships, ScopeDecision, ScopeRule};
use crate::segment::{Outcome, SegmentItem};
use crate::settings::{ChangeMode, DisabledAccounts, LinkMode, Policies, Problem, Settings};

/// The rules of one run, compiled from one settings version.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own")]
pub struct Rules {
    mapping: Mapping,
    scope: ScopeRule,
    policies: Policies,
    keys: MatchKeys,
    /// What people refused.
    rejected: RejectedSet,
    /// Whether what would happen by itself waits for the next run.
    holds: bool,
    /// What `Now()` gives: one instant for the whole run, so that deciding again decides alike.
    now: Timestamp,
    /// Whether a person decided already, also about protected contacts.
    approved: bool,
    disabled_are_inactive: bool,
    welcomes: bool,
    /// Digest of everything that shapes a decision besides the user.
    digest: u64,
}

/// What the rules see in a user before looking at any contact.
#[derive(Debug, Clone, PartialEq)]
pub enum View {
    /// The answer lacked this attribute: read the user again.
    Unknown {
        /// Which attribute decides.
        attribute: String,
    },
    /// A value cannot be read by the scope's condition: the record fails.
    Failed {
        /// Why, without the value.
        because: String,
    },
    /// Outside the scope.
    Out {
        /// Which removal policy applies to a linked contact.
        cause: GoneCause,
        /// The clause that decided, in a sentence.
        because: String,
    },
    /// In scope.
    In(Wanted),
}

/// What the directory asks of an in-scope user's contact.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    mapped: Mapped,
    inactive: bool,
    /// Digest of all that the decision takes from the directory.
    pub fingerprint: u128,
}

/// Who has the e-mail that a user without a contact, or with a new address, wants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Claimant<'a> {
    /// Nobody.
    Nobody,
    /// This contact.
    Contact(&'a Contact),
    /// Somebody decided on the same page.
    SamePage,
}

/// What stands in the store for one user.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The contact that is or would be the user's.
    pub contact_id: &'a ContactId,
    /// What stands under that id.
    pub existing: Option<&'a Contact>,
    /// Who has the e-mail that the user wants anew.
    pub claimant: Claimant<'a>,
    /// Other contacts that a key may lead to, in any order.
    pub candidates: &'a [&'a Contact],
}

/// Through what a decision links.
#[derive(Debug, Clone, Copy)]
pub struct Tie<'a> {
    /// The connection.
    pub connection: &'a ConnectionId,
    /// Its tenant.
    pub tenant: &'a TenantId,
}

impl Wanted {
    /// What the rows ask of the contact.
    pub fn mapped(&self) -> &Mapped {
        &self.mapped
    }
}

impl Rules {
    /// Compiles a settings document against the account's custom fields, for a run that began
    /// `now`.
    pub fn compile(
        settings: &Settings,
        fields: &[CustomField],
        now: Timestamp,
    ) -> Result<Self, Vec<Problem>> {
        Ok(Self {
            now,
            mapping: Mapping::compile(settings, fields)?,
            scope: ScopeRule::compile(&settings.scope)?,
            policies: settings.policies.clone(),
            keys: MatchKeys::compile(settings, fields)?,
            rejected: RejectedSet::default(),
            holds: false,
            approved: false,
            disabled_are_inactive: settings.scope.disabled_accounts
                == DisabledAccounts::IncludeAsInactive,
            welcomes: settings.welcome_email,
            digest: rules_digest(settings),
        })
    }

    /// When the run began.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether whoever gets a contact is welcomed.
    pub fn welcomes(&self) -> bool {
        self.welcomes
    }

    /// Whom sync means.
    pub fn scope(&self) -> &ScopeRule {
        &self.scope
    }

    /// The same rules, after what people refused.
    #[must_use]
    pub fn after_refusals(self, rejected: RejectedSet) -> Self {
        Self { rejected, ..self }
    }

    /// What somebody refused of a contact's status, and is over by what its user is now: that it
    /// becomes inactive although he is in scope and active, or active although he is not. Should that
    /// change once more, it is asked anew. `wanted` is absent for whoever is not in scope.
    pub fn overcome(&self, wanted: Option<&Wanted>, contact: &ContactId) -> Option<Rejected> {
        let over = match wanted {
            Some(wanted) if !wanted.inactive => ContactStatus::Inactive,
            Some(_) | None => ContactStatus::Active,
        };
        let is_refused = self.rejected.has_status(contact, over);
        is_refused.then(|| Rejected::status(contact, over))
    }

    /// Lets go of something that was refused.
    pub fn forget(&mut self, refused: &Rejected) {
        self.rejected.remove(refused);
    }

    /// The same rules for a look between runs whose finds wait for the next run or a person.
    #[must_use]
    pub fn holding(self) -> Self {
        Self { holds: true, ..self }
    }

    /// Whether what would happen by itself waits for the next run.
    pub fn is_holding(&self) -> bool {
        self.holds
    }

    /// The same rules for somebody about whom a person decided: nothing waits any more. Values that
    /// were refused, and a contact's becoming inactive, stay refused: no run offers them, so that
    /// nobody approved of them.
    #[must_use]
    pub fn approving(self) -> Self {
        let policies = Policies {
            create: ChangeMode::Auto,
            update: ChangeMode::Auto,
            link: LinkMode::Auto,
            ..self.policies
        };
        Self { policies, holds: false, approved: true, ..self }
    }

    /// What the directory asks of a user's contact whom a person takes into the scope; `None` where
    /// an attribute that decides was not told.
    pub fn wanted(&self, user: &DirectoryUser) -> Option<Wanted> {
        let disabled = user.account_enabled() == Some(false);
        self.wanted_as(user, self.disabled_are_inactive && disabled)
    }

    /// What becomes of a user's own contact after a person approved all that waits; the rules are
    /// [`approving`](Self::approving).
    pub fn approve(
        &self,
        user: &DirectoryUser,
        wanted: &Wanted,
        found: Found<'_>,
        tie: Tie<'_>,
    ) -> SegmentItem {
        let mut item = self.decide(user, wanted, found, tie);
        if item.pending.is_empty() {
            return item;
        }
        item.fields.append(&mut item.pending);
        item.outcome = Outcome::Update;
        item.question = None;
        item.reason = None;
        item.fingerprint = Some(hex(wanted.fingerprint));
        item
    }

    /// Digests by which contacts are looked up for a user, beside his e-mail.
    pub fn lookup_digests(&self, user: &DirectoryUser, wanted: &Wanted) -> Vec<u128> {
        self.keys.digests_of_user(user, &wanted.mapped)
    }

    /// The keys by which users find contacts.
    pub fn keys(&self) -> &MatchKeys {
        &self.keys
    }

    /// The mapping.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The policies.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Scope and mapping of one user.
    pub fn view(&self, user: &DirectoryUser, memberships: &Memberships) -> View {
        let inactive = match self.scope.decide(user, memberships, self.now) {
            ScopeDecision::In { inactive } => inactive,
            ScopeDecision::Out { clause, because } => {
                let cause = match clause.cause() {
                    LeaveCause::Disabled => GoneCause::Disabled,
                    LeaveCause::LeftGroup => GoneCause::LeftGroup,
                    LeaveCause::OutOfScope => GoneCause::OutOfScope,
                };
                return View::Out { cause, because };
            }
            ScopeDecision::Unknown { absent } => {
                return View::Unknown { attribute: absent };
            }
            ScopeDecision::Failed { because } => return View::Failed { because },
        };
        match self.wanted_as(user, inactive) {
            Some(wanted) => View::In(wanted),
            None => View::Unknown { attribute: "a mapped attribute".to_owned() },
        }
    }

    fn wanted_as(&self, user: &DirectoryUser, inactive: bool) -> Option<Wanted> {
        let mapped = self.mapping.map(user, self.now);
        let status = if inactive { ContactStatus::Inactive } else { ContactStatus::Active };
        let upn = user.text("userPrincipalName");
        let fingerprint = Fingerprint::of(&mapped, status, upn, self.digest)?;
        Some(Wanted { mapped, inactive, fingerprint: fingerprint.as_u128() })
    }

    /// What becomes of a user's own contact, or what a user without one gets.
    pub fn decide(
        &self,
        user: &DirectoryUser,
        wanted: &Wanted,
        found: Found<'_>,
        tie: Tie<'_>,
    ) -> SegmentItem {
        // Somebody may have said meanwhile whose a contact is: keys lead to it, and it is linked.
        let claimant = match found.claimant {
            Claimant::Contact(owner) => Some(owner),
            Claimant::Nobody | Claimant::SamePage => None,
        };
        let known = found.existing.into_iter().chain(claimant);
        let own = known
            .chain(found.candidates.iter().copied())
            .find(|contact| is_own(contact, &user.id, tie));
        match own {
            Some(contact) => self.decide_linked(user, wanted, contact, found.claimant, tie),
            None => self.decide_unlinked(user, wanted, found, tie),
        }
    }

    /// The address the user's contact shall have, as a claim key, given the contact as it is.
    pub fn wanted_email_key(&self, wanted: &Wanted, existing: Option<&Contact>) -> Option<String> {
        let changes = self.mapping.changes(&wanted.mapped, existing).ok()?;
        let email = Target::Field(ContactField::Email);
        let new = changes.iter().rev().find(|change| change.field == email)?;
        let key = email_key(new.new.as_str()?);
        (existing.and_then(Contact::email).map(email_key).as_deref() != Some(&key)).then_some(key)
    }

    /// The addresses that the user's contact may get, as claim keys, in order: who has them decides
    /// which one it is.
    pub fn wanted_email_keys(&self, wanted: &Wanted, existing: Option<&Contact>) -> Vec<String> {
        let choices = wanted.mapped.choices();
        match self.wanted_email_key(wanted, existing) {
            Some(_) if !choices.is_empty() => choices,
            one => one.into_iter().collect(),
        }
    }

    /// The same with its e-mail chosen, where the mapping leaves a choice (`SelectUniqueValue`):
    /// who bears one of the addresses keeps it, others get the first that is not taken.
    pub fn choosing<'w>(
        &self,
        user: &DirectoryUser,
        wanted: &'w Wanted,
        (existing, candidates): (Option<&Contact>, &[&Contact]),
        is_taken: impl Fn(&str) -> bool,
    ) -> Cow<'w, Wanted> {
        if wanted.mapped.choices().is_empty() {
            return Cow::Borrowed(wanted);
        }
        let matched = match self.keys.find(user, &wanted.mapped, candidates) {
            Matched::One { contact, .. } => Some(contact),
            Matched::Several { .. } | Matched::Nobody => None,
        };
        let bearer = existing.or(matched);
        match wanted.mapped.choosing(bearer.and_then(Contact::email), is_taken) {
            Cow::Borrowed(_) => Cow::Borrowed(wanted),
            Cow::Owned(mapped) => Cow::Owned(Wanted { mapped, ..wanted.clone() }),
        }
    }

    /// What may happen by itself, unless it has to wait for the next run.
    fn mode(&self, mode: ChangeMode) -> ChangeMode {
        if self.holds && mode == ChangeMode::Auto { ChangeMode::Review } else { mode }
    }

    /// Why something waits.
    fn waits(&self, what: &str) -> String {
        let until = if self.holds { "the next run, or for a person" } else { "review" };
        format!("{what} for {until}")
    }

    /// The targets that sync manages on a contact of this origin.
    pub fn managed_targets(&self, source: ContactSource) -> Vec<Target> {
        self.mapping.managed_targets(source)
    }
}

/// Notes from what an item was decided: as the mark by which the next full run passes the contact
/// over, or, while a change of it waits for a person or was refused, beside it, so that the run counts
/// it again and a plan can still be held against the directory.
fn sign(item: &mut SegmentItem, wanted: &Wanted, refused: usize) {
    let told = hex(wanted.fingerprint);
    if item.pending.is_empty() && refused == 0 {
        item.fingerprint = Some(told);
    } else {
        item.trace.get_or_insert_default().told = Some(told);
    }
}

fn is_own(contact: &Contact, user: &ObjectId, tie: Tie<'_>) -> bool {
    contact.link.as_ref().is_some_and(|Link { tenant_id, object_id, .. }| {
        tenant_id == tie.tenant && object_id == user
    })
}

fn status_of(wanted: &Wanted) -> ContactStatus {
    if wanted.inactive { ContactStatus::Inactive } else { ContactStatus::Active }
}

fn rules_digest(settings: &Settings) -> u64 {
    use sha2::{Digest, Sha256};
    let mut rules = vec![
        serde_json::json!(settings.mapping),
        serde_json::json!(settings.mapping_defaults),
        serde_json::json!(settings.policies.name_of_existing),
        serde_json::json!(settings.scope.disabled_accounts),
    ];
    // Only where it is not the usual: a digest that changes for everybody rewrites everybody.
    if !settings.policies.lock_managed {
        rules.push(serde_json::json!("edits stand"));
    }
    let rules = serde_json::Value::Array(rules);
    let digest = Sha256::digest(rules.to_string());
    digest.iter().take(8).fold(0, |bits, byte| (bits << 8) | u64::from(*byte))
}
