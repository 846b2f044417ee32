//! What each person counts as, by what a run would intend.

use std::collections::HashMap;

use contact_sync_domain::contact::Contact;
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::routing::Route;
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::standing::Standing;
use contact_sync_domain::team::Evidence;

use super::super::findings::Surveyed;
use super::{Survey, refusing};
use crate::admin::Outside;
use crate::port::StoredContact;
use crate::sync::{Terms, is_removal, new_email_key, present};

impl<O: Outside> Survey<'_, O> {
    /// Counts somebody in scope.
    pub(super) fn count_meant(
        &mut self,
        user: &DirectoryUser,
        item: SegmentItem,
        existing: Option<&Contact>,
        stored: &HashMap<ContactId, StoredContact>,
    ) {
        let hangs = matches!(item.outcome, Outcome::Unchanged | Outcome::Failed);
        if hangs && self.hold(user) {
            return;
        }
        let item = self.terms.rules.put_off(item, user);
        self.wants.note(&item, item.outcome, 0);
        if item.is_put_off() {
            self.takers.push((user.clone(), item));
            return;
        }
        let item = &item;
        if let Some(key) = new_email_key(item)
            && !self.given.insert(key)
            && !has_choice(self.terms, user)
        {
            self.fail_shared(user);
            return;
        }
        if is_removal(item) {
            self.let_go(GoneCause::Disabled, "deactivate", user);
        }
        match Standing::of(item, item.outcome) {
            // Whoever gets his own contact back.
            Standing::Updated if item.adopted => self.link(user),
            Standing::Created => self.count_in(&user.id, |found| &mut found.would_create),
            Standing::Updated => self.count_in(&user.id, |found| &mut found.would_update),
            Standing::Unchanged => self.count_in(&user.id, |found| &mut found.unchanged),
            Standing::Waiting | Standing::LeftWaiting => {
                self.found.in_scope += 1;
                self.found.would_await += 1;
            }
            Standing::Failed => self.fail(user, item, existing, stored),
            Standing::Open => {
                let comes = if existing.is_some() { Outcome::Update } else { Outcome::Create };
                match owner_of(item, stored) {
                    Some(owner) => self.waiting.push((user.clone(), owner, comes)),
                    None => self.fail_shared(user),
                }
            }
            Standing::Skipped if self.is_contested(user) => {
                self.found.would_skip += 1;
                self.found.contested.add(user);
            }
            Standing::Skipped | Standing::LeftScope | Standing::Gone | Standing::Staged => {
                self.found.in_scope += 1;
                self.found.left_alone += 1;
            }
        }
    }

    /// Counts somebody in scope who has a contact then.
    pub(super) fn count_in(&mut self, user: &ObjectId, count: fn(&mut Surveyed) -> &mut u64) {
        self.found.in_scope += 1;
        *count(&mut self.found) += 1;
        self.gains.insert(user.clone());
        self.count_teams(user);
    }

    /// Counts somebody who is linked to a contact that is there already.
    pub(super) fn link(&mut self, user: &DirectoryUser) {
        self.found.in_scope += 1;
        self.found.would_link.add(user);
        self.gains.insert(user.id.clone());
        self.count_teams(&user.id);
    }

    fn count_teams(&mut self, user: &ObjectId) {
        for row in &mut self.found.teams {
            row.members += u64::from(self.teams.evidence(&row.group, user) == Evidence::Member);
        }
    }

    /// Counts somebody whom the scope does not mean, or whom another organisation takes.
    pub(super) fn skip(&mut self, user: &DirectoryUser) {
        self.found.would_skip += 1;
        let (rules, memberships) = (self.terms.rules, self.terms.memberships);
        if refusing(rules.scope(), user, memberships, rules.now()).is_none() {
            self.found.of_others.add(user);
        }
    }

    fn is_contested(&self, user: &DirectoryUser) -> bool {
        self.terms.rivals.route(user, self.terms.rules.now()) == Route::Contested
    }
}

/// Whether the mapping leaves a choice of addresses.
fn has_choice(terms: Terms<'_>, user: &DirectoryUser) -> bool {
    let mapped = terms.rules.mapping().map(user, terms.rules.now());
    !mapped.choices().is_empty()
}

/// The user whose contact has the address that an item waits for.
fn owner_of(item: &SegmentItem, stored: &HashMap<ContactId, StoredContact>) -> Option<ObjectId> {
    let owner = item.question.as_ref()?.candidates.first()?;
    let link = present(stored.get(owner))?.link.as_ref()?;
    Some(link.object_id.clone())
}
