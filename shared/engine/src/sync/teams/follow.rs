//! Letting memberships of teams follow contacts, for whoever made, linked or let go of one: a run,
//! or a person's decision.

use std::collections::HashMap;

use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, TeamId};
use contact_sync_domain::settings::Settings;
use contact_sync_domain::team::{Membership, Observed, Standing};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::rows::Rows;
use super::{ATTEMPTS, Candidate, WRITERS};
use crate::port::{ContactStore, StoreError, StoredContact, TeamStore};
use crate::sync::decide::present;
use crate::sync::members::MemberSets;
use crate::sync::own_contacts::read_contacts;

/// By what memberships follow contacts: a connection's mapping, and who is in its groups.
#[derive(Debug)]
pub(crate) struct Follower<'a, S> {
    pub(crate) stores: &'a S,
    pub(crate) account: &'a AccountId,
    pub(crate) connection: &'a ConnectionId,
    pub(crate) settings: &'a Settings,
    pub(crate) members: &'a MemberSets,
    /// When what is written was written.
    pub(crate) now: Timestamp,
}

impl<S: ContactStore + TeamStore> Follower<'_, S> {
    /// Works out all memberships of some contacts.
    pub(crate) async fn settle_contacts(&self, contacts: &[ContactId]) -> Result<(), StoreError> {
        let rows = &Rows::of(self.settings, |_| true);
        let memberships: Vec<Vec<Membership>> = stream::iter(contacts.to_vec())
            .map(|contact| async move {
                readable(self.stores.memberships_of(self.account, &contact).await)
            })
            .buffered(WRITERS)
            .try_collect()
            .await?;
        let mut candidates = Vec::new();
        for (contact, memberships) in contacts.iter().zip(memberships) {
            let held = |team: &TeamId| memberships.iter().find(|one| one.team_id == *team);
            for team in rows.teams() {
                candidates.push(Candidate {
                    contact: contact.clone(),
                    team: team.clone(),
                    known: held(team).cloned(),
                });
            }
            let others = memberships.into_iter().filter(|one| {
                one.is_of(self.connection) && !rows.teams().any(|team| *team == one.team_id)
            });
            candidates.extend(others.map(|one| Candidate {
                contact: contact.clone(),
                team: one.team_id.clone(),
                known: Some(one),
            }));
        }
        self.settle_some(rows, candidates).await?;
        Ok(())
    }

    /// Works out some memberships from the contacts as they are now; answers how many changed.
    pub(super) async fn settle_some(
        &self,
        rows: &Rows,
        candidates: Vec<Candidate>,
    ) -> Result<usize, StoreError> {
        let mut ids: Vec<ContactId> =
            candidates.iter().map(|candidate| candidate.contact.clone()).collect();
        ids.sort();
        ids.dedup();
        let mut stored = HashMap::new();
        let unreadable = read_contacts(self.stores, self.account, &ids, &mut stored).await?;
        let stored = &stored;
        let changed: Vec<bool> = stream::iter(candidates)
            .filter(|candidate| futures::future::ready(!unreadable.contains(&candidate.contact)))
            .map(|candidate| async move { self.settle_one(rows, candidate, stored).await })
            .buffer_unordered(WRITERS)
            .try_collect()
            .await?;
        Ok(changed.into_iter().filter(|changed| *changed).count())
    }

    async fn settle_one(
        &self,
        rows: &Rows,
        candidate: Candidate,
        stored: &HashMap<ContactId, StoredContact>,
    ) -> Result<bool, StoreError> {
        let Candidate { contact, team, mut known } = candidate;
        let (standing, user) = self.standing(stored.get(&contact));
        for _ in 0..ATTEMPTS {
            let before = known.unwrap_or_else(|| {
                Membership::none(self.account.clone(), team.clone(), contact.clone())
            });
            let seen = rows.seen(&team, user, self.members);
            let after = before.clone().settled(&Observed {
                connection: self.connection,
                user,
                standing,
                rows: &seen,
            });
            if after == before {
                return Ok(false);
            }
            if self.stores.put_membership(&after.next(self.now)).await? {
                return Ok(true);
            }
            known = match self.stores.membership(self.account, &contact, &team).await {
                Err(StoreError::Corrupt { .. }) => return Ok(false),
                read => read?,
            };
        }
        // People keep changing it; the next full run compares it again.
        Ok(false)
    }

    /// How a contact stands to the connection, and its user there.
    fn standing<'s>(&self, stored: Option<&'s StoredContact>) -> (Standing, Option<&'s ObjectId>) {
        let contact = present(stored);
        contact.map_or((Standing::Gone, None), |contact| Standing::of(contact, self.connection))
    }
}

/// Memberships as read; trouble with one record stops no run.
fn readable(read: Result<Vec<Membership>, StoreError>) -> Result<Vec<Membership>, StoreError> {
    match read {
        Err(StoreError::Corrupt { .. }) => Ok(Vec::new()),
        read => read,
    }
}
