//! What only the end of a reading decides, and what is told then.

use std::collections::BTreeMap;

use contact_sync_domain::id::ContactId;
use contact_sync_domain::scope::Clause;
use contact_sync_domain::segment::Outcome;

use super::super::findings::{
    ClauseCount, Counted, LeavingCount, ReasonCount, SharedEmail, Surveyed,
};
use super::{PER_BATCH, Survey};
use crate::admin::{AdminError, Outside};
use crate::sync::new_email_key;

/// How many shared addresses are named.
const SHARED: usize = 20;

impl<O: Outside> Survey<'_, O> {
    /// Decides whoever waited for the end.
    async fn settle(&mut self) -> Result<(), AdminError> {
        self.ends = true;
        self.settle_takers();
        for users in std::mem::take(&mut self.held).chunks(PER_BATCH) {
            let mut users = users.to_vec();
            for user in &mut users {
                let manager = user.manager_without_contact();
                if let Some(manager) = manager.filter(|manager| self.gains.contains(manager)) {
                    // Which contact it will be changes nothing of what is counted.
                    let (account, tenant) = (self.terms.account, self.terms.tie.tenant);
                    let contact = ContactId::derived(account, tenant, &manager);
                    user.set_manager_contact(Some(&contact));
                }
            }
            self.decide(users).await?;
        }
        for (user, owner, comes) in std::mem::take(&mut self.waiting) {
            // Whoever has the address gives it up where the directory gives him another.
            let frees =
                self.keys.get(&owner).is_some_and(|key| self.keys.get(&user.id) != Some(key));
            match comes {
                _ if !frees => self.fail_shared(&user),
                Outcome::Create => self.count_in(&user.id, |found| &mut found.would_create),
                _ => self.count_in(&user.id, |found| &mut found.would_update),
            }
        }
        self.settle_takers();
        Ok(())
    }

    /// Contacts that are there already go to whoever alone wants them, and gives them an address
    /// that nobody gets before.
    fn settle_takers(&mut self) {
        let too_late = self.wants.too_late();
        for (user, item) in std::mem::take(&mut self.takers) {
            if self.wants.has_rival(&item) {
                self.found.in_scope += 1;
                self.found.would_await += 1;
                continue;
            }
            let taking = item.taking_over();
            if taking.outcome == Outcome::AwaitingReview {
                self.found.in_scope += 1;
                self.found.would_await += 1;
                continue;
            }
            let is_free = new_email_key(&taking).is_none_or(|key| self.given.insert(key));
            if is_free && !too_late.contains(&user.id.as_u128()) {
                self.link(&user);
            } else {
                self.fail_shared(&user);
            }
        }
    }

    /// What was found. `everybody` says that nobody is missing from what was seen.
    pub(in super::super) async fn end(mut self, everybody: bool) -> Result<Surveyed, AdminError> {
        if everybody {
            self.look_for_absent().await?;
        }
        self.settle().await?;
        if self.index.is_some() {
            self.found.guard = Some(self.ask_guard().await?);
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
        let leaving = self.leaving.into_iter();
        found.leaving = leaving
            .map(|((cause, action), people)| LeavingCount { cause, action, people })
            .collect();
        Ok(found)
    }
}
