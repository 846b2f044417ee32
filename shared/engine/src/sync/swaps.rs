//! E-mails that change hands in a circle: all of them in one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::segment::SegmentItem;

use super::apply::turns_inactive;
use super::batch::new_email_key;
use super::collisions::{Party, judgement};
use super::decide::{decide_as_if_free, present};
use super::pass::{Held, Pass};
use super::write::{borne, written};
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, ClaimChange, Clock, ContactStore, ContactWrite, Directory, Randomness};

/// A transaction takes 100 actions; each party of a swap needs a contact and a claim.
const LARGEST_CYCLE: usize = 40;

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Swaps addresses that go round in a circle, each circle in one transaction. `true` when one
    /// was swapped; its parties are taken out of `open`.
    pub(super) async fn swap_cycles(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        open: &mut Vec<DirectoryUser>,
    ) -> Result<bool, Stop> {
        let parties = self.parties(pass, std::mem::take(open)).await?;
        let mut wants: BTreeMap<String, (usize, SegmentItem)> = BTreeMap::new();
        let mut bears: HashMap<String, usize> = HashMap::new();
        for (position, party) in parties.iter().enumerate() {
            let existing = present(party.stored.as_ref());
            let mut item = decide_as_if_free(pass, &party.user, &party.contact_id, existing);
            if turns_inactive(&item) {
                // The guard counts that: the next run decides it.
                item.status = None;
                item.unmark();
            }
            if let (Some(key), Some(_)) = (new_email_key(&item), existing) {
                wants.entry(key).or_insert((position, item));
            }
            if let Some(key) = borne(party.stored.as_ref()) {
                bears.insert(key, position);
            }
        }
        // Who gets the address that a party gives up: follow until it closes.
        let successor: HashMap<usize, (usize, &String, &SegmentItem)> = wants
            .iter()
            .filter_map(|(key, (taker, item))| {
                let giver = bears.get(key)?;
                Some((*giver, (*taker, key, item)))
            })
            .collect();
        let mut swapped = HashSet::new();
        for start in 0..parties.len() {
            if swapped.contains(&start) {
                continue;
            }
            if let Some(cycle) = cycle_from(start, &successor) {
                held.check_time(&self.clock)?;
                self.check_allowed(pass).await?;
                if self.swap(held, pass, &parties, &cycle, &successor).await? {
                    swapped.extend(cycle);
                }
            }
        }
        *open = parties
            .into_iter()
            .enumerate()
            .filter(|(position, _)| !swapped.contains(position))
            .map(|(_, party)| party.user)
            .collect();
        Ok(!swapped.is_empty())
    }

    async fn swap(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        parties: &[Party],
        cycle: &[usize],
        successor: &HashMap<usize, (usize, &String, &SegmentItem)>,
    ) -> Result<bool, Stop> {
        let mut items = Vec::new();
        let mut moves = Vec::new();
        let mut takers = HashMap::new();
        for giver in cycle {
            let Some((taker, key, item)) = successor.get(giver) else { return Ok(false) };
            let (Some(from), Some(to)) = (parties.get(*giver), parties.get(*taker)) else {
                return Ok(false);
            };
            moves.push(ClaimChange {
                email_key: (*key).clone(),
                from: from.contact_id.clone(),
                to: to.contact_id.clone(),
            });
            takers.insert(&item.object_id, to);
            items.push((*item).clone());
        }
        let segment = judgement(held, pass, items);
        let now = self.clock.now();
        let writes: Vec<ContactWrite> = segment
            .items
            .iter()
            .filter_map(|item| {
                let party = takers.get(&item.object_id)?;
                let before = present(party.stored.as_ref())?;
                Some(ContactWrite {
                    contact: written(pass, &segment, item, Some(before), before.version, now),
                    expected_version: before.version,
                    fence: Some(segment.fence),
                })
            })
            .collect();
        let standing = crate::segments::store_segment(
            &self.stores,
            &self.blobs,
            &pass.account.id,
            &pass.connection.id,
            (&pass.point.run_id, pass.point.kept),
            segment.clone(),
        )
        .await?;
        if standing.fence != segment.fence {
            // Another slice began this page: it is finished first, then everybody looked at again.
            self.settle_begun(held, pass, &standing).await?;
            return Ok(false);
        }
        let swapped = self.stores.write_together(&pass.account.id, &writes, &moves).await?;
        // The contacts bear this run's mark already: settling finds them done and counts.
        self.settle(held, pass, &standing, HashMap::new(), &HashMap::new()).await?;
        Ok(swapped)
    }
}

/// The circle through `start`, if following who takes whose address comes back to it.
fn cycle_from(
    start: usize,
    successor: &HashMap<usize, (usize, &String, &SegmentItem)>,
) -> Option<Vec<usize>> {
    let mut cycle = vec![start];
    let mut at = start;
    loop {
        let (next, _, _) = successor.get(&at)?;
        if *next == start {
            return Some(cycle);
        }
        if cycle.contains(next) || cycle.len() >= LARGEST_CYCLE {
            return None;
        }
        cycle.push(*next);
        at = *next;
    }
}
