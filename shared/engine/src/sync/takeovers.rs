//! Contacts that existed before: each goes to whoever alone is led to it, once everybody was read.
//!
//! Pages put such people off and write nothing for them beside their segments; what was decided is
//! read there again. So the outcome depends neither on the order of people nor on where pages end,
//! and nobody is asked of the directory twice.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::review::{Question, ReviewItem, ReviewList};
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::sync_state::Stage;

use super::collisions::judgement;
use super::page::{Collision, pending};
use super::pass::{Held, Pass};
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, PendingKind, PendingStore, Randomness};
use crate::segments::load_segment;

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Decides about everybody who was put off.
    pub(super) async fn takeovers(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        if !pass.wants.is_settled() {
            // Whoever finishes a page of this stage must know of which it is.
            held.work.checkpoint = Some(pass.point.clone());
            held.checkpoint(&self.stores).await?;
            self.mark_asked(held, pass).await?;
            let too_late = pass.wants.too_late();
            for page in pass.wants.pages() {
                held.check_time(&self.clock)?;
                self.check_allowed(pass).await?;
                self.settle_put_off(held, pass, page, &too_late).await?;
            }
        }
        pass.point.stage = Stage::Collisions;
        Ok(())
    }

    /// Decides about those whom one page put off.
    async fn settle_put_off(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        page: u32,
        too_late: &HashSet<u128>,
    ) -> Result<(), Stop> {
        let (connection, run) = (pass.connection.id.clone(), pass.point.run_id.clone());
        let segment = load_segment(&self.stores, &self.blobs, &connection, &run, page).await?;
        let Some(segment) = segment else { return self.keep_untold(pass, page).await };
        let put_off = segment
            .items
            .into_iter()
            .filter(|item| item.is_put_off() && pass.wants.is_of(&item.object_id, page));
        let mut items: Vec<SegmentItem> = put_off
            .map(|item| {
                if pass.is_contested(&item) {
                    pass.rules.ask_whose(item)
                } else if too_late.contains(&item.object_id.as_u128()) {
                    item.colliding()
                } else {
                    item.taking_over()
                }
            })
            .collect();
        let contested = items.iter().filter(|item| pass.is_contested(item));
        let contested: Vec<ContactId> = contested.flat_map(|item| item.wants.clone()).collect();
        let proposed: Vec<ReviewItem> = contested
            .iter()
            .filter_map(|contact| pass.proposed.remove(contact))
            .flatten()
            .collect();
        items.extend(proposed.into_iter().map(|item| pass.rules.ask_whose(proposal(item))));
        let users: Vec<ObjectId> = items.iter().map(|item| item.object_id.clone()).collect();
        let items = self.stage_removals(pass, items).await?;
        if items.is_empty() {
            return Ok(());
        }
        let segment = judgement(held, pass, items);
        self.store_and_settle(held, pass, segment, HashMap::new(), &HashMap::new()).await?;
        self.wait_no_more(pass, users.iter().filter(|user| !pass.tally.is_open(user))).await
    }

    /// Whom a page put off that is gone are read and decided again, with those whose address is
    /// taken.
    async fn keep_untold(&self, pass: &Pass, page: u32) -> Result<(), Stop> {
        let put_off = pass.wants.put_off_on(page);
        let items = put_off.map(|user| pending(&user, &Collision { email: None }));
        let items = items.collect::<Result<Vec<_>, _>>()?;
        Ok(self.stores.put_pending(&pass.connection.id, PendingKind::Collision, &items).await?)
    }

    /// A look sees only who changed: contacts about which others are asked already are theirs as
    /// much, and whoever was proposed for one is asked anew. Whoever is asked himself has a rival,
    /// although that one may have been told to stay as he is. A full run decides everybody itself.
    pub(super) async fn mark_asked(&self, held: &Held, pass: &mut Pass) -> Result<(), Stop> {
        if pass.index.is_some() || pass.knows_asked || !held.work.asks {
            return Ok(());
        }
        let connection = pass.connection.id.clone();
        for list in [ReviewList::Conflicts, ReviewList::Matched] {
            self.each_listed(&connection, list, |item| pass.mark_asked(list, item)).await?;
        }
        pass.knows_asked = true;
        Ok(())
    }
}

impl Pass {
    /// Notes which contacts a question that stands is about.
    fn mark_asked(&mut self, list: ReviewList, item: ReviewItem) {
        let user = &item.user.object_id;
        if self.tally.touched(user) {
            if list == ReviewList::Conflicts {
                item.candidates.iter().for_each(|contact| self.wants.mark_unknown(contact));
            }
            return;
        }
        item.candidates.iter().for_each(|contact| self.wants.mark(user, contact));
        if let (ReviewList::Matched, Some(contact)) = (list, item.candidates.first()) {
            self.proposed.entry(contact.clone()).or_default().push(item);
        }
    }
}

/// Somebody who was proposed for a contact before this look, as his page put him off.
fn proposal(item: ReviewItem) -> SegmentItem {
    let question = Question {
        list: item.list,
        user: item.user.clone(),
        candidates: item.candidates.clone(),
        versions: item.versions.clone(),
        suggested: item.suggested,
        departure: None,
        status: item.status,
    };
    SegmentItem {
        email: item.user.user_principal_name,
        matched: item.matched.map(Box::new),
        wants: item.candidates,
        question: Some(Box::new(question)),
        ..blank_item(&item.user.object_id, None, Outcome::Deferred)
    }
}
