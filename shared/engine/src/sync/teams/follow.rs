//! Letting memberships of teams follow contacts, for whoever made, linked or let go of one: a run,
//! or a person's decision.

use std::collections::HashMap;

use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, RunId, TeamId};
use contact_sync_domain::settings::Settings;
use contact_sync_domain::team::{Membership, Observed, Standing};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::rows::Rows;
use super::{ATTEMPTS, Candidate, Move, WRITERS};
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
    /// The run that writes; `None` where a person's decision leads to it.
    pub(crate) run: Option<&'a RunId>,
    /// When what is written was written.
    pub(crate) now: Timestamp,
}

impl<S: ContactStore + TeamStore> Follower<'_, S> {
    /// Lets all memberships of some contacts follow them.
    pub(crate) async fn settle_contacts(&self, contacts: &[ContactId]) -> Result<(), StoreError> {
        let rows = &Rows::of(self.settings, |_| true);
        let mut left = self.candidates(rows, contacts).await?;
        for _ in 0..ATTEMPTS {
            let moves = self.work_out(rows, left).await?;
            left = self.put(&moves).await?;
            if left.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// All memberships that some contacts have or may get.
    pub(super) async fn candidates(
        &self,
        rows: &Rows,
        contacts: &[ContactId],
    ) -> Result<Vec<Candidate>, StoreError> {
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
        Ok(candidates)
    }

    /// What is to change of some memberships, from the contacts as they are now.
    pub(super) async fn work_out(
        &self,
        rows: &Rows,
        candidates: Vec<Candidate>,
    ) -> Result<Vec<Move>, StoreError> {
        let mut ids: Vec<ContactId> =
            candidates.iter().map(|candidate| candidate.contact.clone()).collect();
        ids.sort();
        ids.dedup();
        let mut stored = HashMap::new();
        let unreadable = read_contacts(self.stores, self.account, &ids, &mut stored).await?;
        let mut moves = Vec::new();
        for Candidate { contact, team, known } in candidates {
            if unreadable.contains(&contact) {
                continue;
            }
            let (standing, user) = self.standing(stored.get(&contact));
            let before =
                known.unwrap_or_else(|| Membership::none(self.account.clone(), team, contact));
            let seen = rows.seen(&before.team_id, user, self.members);
            let observed = Observed { connection: self.connection, user, standing, rows: &seen };
            let after = before.clone().settled(&observed);
            if after != before {
                let user = user.or_else(|| before.user_of(self.connection)).cloned();
                moves.push(Move { user, before, after, standing });
            }
        }
        Ok(moves)
    }

    /// Writes what was worked out; answers whose membership somebody else changed meanwhile, as it
    /// is now.
    pub(super) async fn put(&self, moves: &[Move]) -> Result<Vec<Candidate>, StoreError> {
        let written = |one: &Move| one.after.clone().replacing(&one.before, self.run, self.now);
        let writes: Vec<Membership> = moves.iter().map(written).collect();
        let lost: Vec<Option<Candidate>> = stream::iter(writes)
            .map(|after| async move {
                if self.stores.put_membership(&after).await? {
                    return Ok(None);
                }
                let Membership { contact_id: contact, team_id: team, .. } = after;
                match self.stores.membership(self.account, &contact, &team).await {
                    Err(StoreError::Corrupt { .. }) => Ok(None),
                    read => Ok(Some(Candidate { known: read?, contact, team })),
                }
            })
            .buffer_unordered(WRITERS)
            .try_collect::<Vec<_>>()
            .await?;
        Ok(lost.into_iter().flatten().collect())
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
