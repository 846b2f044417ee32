//! Who is in which team, by the groups that the settings map to teams.
//!
//! A full run compares all memberships with the member sets of the mapped groups, after contacts
//! and removals are done. Between full runs the groups' changes and the people whose contacts come
//! or go are followed one by one. Every write is conditional on the version that was read and is
//! worked out anew when somebody else was faster, so that doing any of this again changes nothing.

mod rows;

use std::collections::{HashMap, HashSet};

use contact_sync_domain::contact::LinkState;
use contact_sync_domain::id::{ContactId, ObjectId, TeamId};
use contact_sync_domain::run::RunKind;
use contact_sync_domain::segment::Outcome;
use contact_sync_domain::sync_state::Stage;
use contact_sync_domain::team::{Membership, Observed, Standing, Team};
use futures::{StreamExt, TryStreamExt, stream};

use self::rows::Rows;
use super::apply::Applied;
use super::decide::present;
use super::member_set::Doubt;
use super::pass::{Held, Pass};
use super::{Stop, SyncStores, Worker};
use crate::port::{
    Blobs, Clock, Directory, MembershipKey, Randomness, SHARDS, StoreError, StoredContact,
};

/// How many people's memberships are worked out between two looks at lease and time.
const TOGETHER: usize = 100;

/// How many of them at the same time.
const WRITERS: usize = 16;

/// How often a membership is worked out anew when somebody else was faster.
const ATTEMPTS: usize = 5;

/// A membership that may have to change.
#[derive(Debug)]
struct Candidate {
    contact: ContactId,
    team: TeamId,
    /// As last read; `None` where nothing is known to stand.
    known: Option<Membership>,
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Compares all memberships with the mapped groups' members. Where nothing moved, nothing is
    /// written and nothing read but the memberships themselves.
    pub(super) async fn compare_teams(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        if pass.settings.teams.is_empty() && !held.work.holds_teams {
            pass.point.stage = Stage::Finish;
            return Ok(());
        }
        self.check_allowed(pass).await?;
        let teams = self.mapped_teams(pass).await?;
        let rows = Rows::of(&pass.settings, |team| teams.contains(team));
        // From here on there may be something to end, whatever the settings say then.
        held.work.holds_teams = true;
        let mut standing = HashSet::new();
        let mut changed = 0;
        for shard in 0..SHARDS {
            let mut after: Option<MembershipKey> = None;
            loop {
                held.check_time(&self.clock)?;
                let page = self.stores.memberships(&pass.account.id, shard, after.as_ref()).await?;
                let mut moved = Vec::new();
                for membership in page.memberships {
                    standing.extend(rows.held_by(&membership, &pass.connection.id));
                    if may_change(pass, &rows, &membership) {
                        moved.push(Candidate {
                            contact: membership.contact_id.clone(),
                            team: membership.team_id.clone(),
                            known: Some(membership),
                        });
                    }
                }
                changed += self.settle_all(held, pass, &rows, moved).await?;
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        let joiners = self.joiners(pass, &rows, &standing).await?;
        changed += self.settle_all(held, pass, &rows, joiners).await?;
        pass.point.teams_note = doubts(pass, &rows);
        held.work.holds_teams = !pass.settings.teams.is_empty();
        if changed > 0 {
            tracing::info!(
                connection.id = %pass.connection.id,
                teams.changed = changed,
                "{changed} memberships of teams changed"
            );
        }
        pass.point.stage = Stage::Finish;
        Ok(())
    }

    /// Of the teams that groups are mapped to, those that there are.
    async fn mapped_teams(&self, pass: &Pass) -> Result<HashSet<TeamId>, Stop> {
        let rows = Rows::of(&pass.settings, |_| true);
        let mapped: Vec<TeamId> = rows.teams().cloned().collect();
        let account = &pass.account.id;
        let teams: Vec<Option<Team>> = stream::iter(mapped)
            .map(|team| async move { self.stores.team(account, &team).await })
            .buffer_unordered(WRITERS)
            .try_collect()
            .await?;
        Ok(teams.into_iter().flatten().map(|team| team.id).collect())
    }

    /// Whoever is in a mapped group, has a contact, and is not yet held in its team.
    async fn joiners(
        &self,
        pass: &Pass,
        rows: &Rows,
        standing: &HashSet<(u128, usize)>,
    ) -> Result<Vec<Candidate>, Stop> {
        let Some(index) = &pass.index else { return Ok(Vec::new()) };
        let mut joiners = Vec::new();
        let mut made: Vec<(usize, ObjectId)> = Vec::new();
        for (place, row) in rows.all() {
            for user in pass.members.team_members(&row.group) {
                let user = ObjectId::from_u128(*user);
                let contact = index.contact_of(&user);
                if standing.contains(&(contact.to_bits(), place)) {
                    continue;
                }
                if index.is_linked(&contact) {
                    joiners.push(Candidate { contact, team: row.team.clone(), known: None });
                } else if pass.tally.wrote(&user) {
                    made.push((place, user));
                }
            }
        }
        // Whose contact this slice made may have adopted one that the index does not know.
        for made in made.chunks(TOGETHER) {
            let users: Vec<ObjectId> = made.iter().map(|(_, user)| user.clone()).collect();
            let contacts = self.contacts_of(pass, &users).await?;
            for ((place, _), contact) in made.iter().zip(contacts) {
                if let Some(row) = rows.row(*place)
                    && !standing.contains(&(contact.to_bits(), *place))
                {
                    joiners.push(Candidate { contact, team: row.team.clone(), known: None });
                }
            }
        }
        Ok(joiners)
    }

    /// Follows who joined or left mapped groups.
    pub(super) async fn move_teams(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        users: &[ObjectId],
    ) -> Result<(), Stop> {
        if pass.settings.teams.is_empty() {
            return Ok(());
        }
        for users in users.chunks(TOGETHER) {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            // Whoever lost the lease finds it out here.
            held.checkpoint(&self.stores).await?;
            self.settle_people(pass, users).await?;
        }
        Ok(())
    }

    /// Lets memberships follow the contacts that a page made, linked or let go. A full run compares
    /// all of them in the end.
    pub(super) async fn follow_page(&self, pass: &Pass, applied: &[Applied]) -> Result<(), Stop> {
        if pass.point.kind != RunKind::Delta || pass.settings.teams.is_empty() {
            return Ok(());
        }
        let comes_or_goes = |one: &&Applied| match one.outcome {
            Outcome::Create | Outcome::Unlink | Outcome::Delete => true,
            Outcome::Update => one.item.adopted || one.item.link.is_some(),
            _ => false,
        };
        let users: Vec<ObjectId> =
            applied.iter().filter(comes_or_goes).map(|one| one.item.object_id.clone()).collect();
        for users in users.chunks(TOGETHER) {
            self.settle_people(pass, users).await?;
        }
        Ok(())
    }

    /// Works out all memberships of some people.
    async fn settle_people(&self, pass: &Pass, users: &[ObjectId]) -> Result<(), Stop> {
        let rows = &Rows::of(&pass.settings, |_| true);
        let contacts = self.contacts_of(pass, users).await?;
        let account = &pass.account.id;
        let memberships: Vec<Vec<Membership>> =
            stream::iter(contacts.clone())
                .map(|contact| async move {
                    readable(self.stores.memberships_of(account, &contact).await)
                })
                .buffered(WRITERS)
                .try_collect()
                .await?;
        let mut candidates = Vec::new();
        for (contact, memberships) in contacts.into_iter().zip(memberships) {
            let held = |team: &TeamId| memberships.iter().find(|one| one.team_id == *team);
            for team in rows.teams() {
                candidates.push(Candidate {
                    contact: contact.clone(),
                    team: team.clone(),
                    known: held(team).cloned(),
                });
            }
            let others = memberships.into_iter().filter(|one| {
                one.is_of(&pass.connection.id) && !rows.teams().any(|team| *team == one.team_id)
            });
            candidates.extend(others.map(|one| Candidate {
                contact: contact.clone(),
                team: one.team_id.clone(),
                known: Some(one),
            }));
        }
        self.settle_some(pass, rows, candidates).await?;
        Ok(())
    }

    /// Works out any number of memberships, some at a time under the lease.
    async fn settle_all(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        rows: &Rows,
        candidates: Vec<Candidate>,
    ) -> Result<usize, Stop> {
        let mut changed = 0;
        let mut left = candidates;
        while !left.is_empty() {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            let rest = left.split_off(left.len().min(TOGETHER));
            let now = std::mem::replace(&mut left, rest);
            // Whoever lost the lease finds it out here.
            held.work.checkpoint = Some(pass.point.clone());
            held.checkpoint(&self.stores).await?;
            changed += self.settle_some(pass, rows, now).await?;
        }
        Ok(changed)
    }

    /// Works out some memberships from the contacts as they are now; answers how many changed.
    async fn settle_some(
        &self,
        pass: &Pass,
        rows: &Rows,
        candidates: Vec<Candidate>,
    ) -> Result<usize, Stop> {
        let mut ids: Vec<ContactId> =
            candidates.iter().map(|candidate| candidate.contact.clone()).collect();
        ids.sort();
        ids.dedup();
        let mut stored = HashMap::new();
        let unreadable = self.read_contacts(pass, &ids, &mut stored).await?;
        let stored = &stored;
        let changed: Vec<bool> = stream::iter(candidates)
            .filter(|candidate| futures::future::ready(!unreadable.contains(&candidate.contact)))
            .map(|candidate| async move { self.settle_one(pass, rows, candidate, stored).await })
            .buffer_unordered(WRITERS)
            .try_collect()
            .await?;
        Ok(changed.into_iter().filter(|changed| *changed).count())
    }

    async fn settle_one(
        &self,
        pass: &Pass,
        rows: &Rows,
        candidate: Candidate,
        stored: &HashMap<ContactId, StoredContact>,
    ) -> Result<bool, Stop> {
        let Candidate { contact, team, mut known } = candidate;
        let account = &pass.account.id;
        let (standing, user) = standing(pass, stored.get(&contact));
        for _ in 0..ATTEMPTS {
            let before = known.unwrap_or_else(|| {
                Membership::none(account.clone(), team.clone(), contact.clone())
            });
            let seen = rows.seen(&team, user, &pass.members);
            let after = before.clone().settled(&Observed {
                connection: &pass.connection.id,
                user,
                standing,
                rows: &seen,
            });
            if after == before {
                return Ok(false);
            }
            if self.stores.put_membership(&after.next(self.clock.now())).await? {
                return Ok(true);
            }
            known = match self.stores.membership(account, &contact, &team).await {
                Err(StoreError::Corrupt { .. }) => return Ok(false),
                read => read?,
            };
        }
        // People keep changing it; the next full run compares it again.
        Ok(false)
    }
}

/// Memberships as read; trouble with one record stops no run.
fn readable(read: Result<Vec<Membership>, StoreError>) -> Result<Vec<Membership>, StoreError> {
    match read {
        Err(StoreError::Corrupt { .. }) => Ok(Vec::new()),
        read => read,
    }
}

/// How a contact stands to the connection, and its user there.
fn standing<'s>(
    pass: &Pass,
    stored: Option<&'s StoredContact>,
) -> (Standing, Option<&'s ObjectId>) {
    let Some(contact) = present(stored) else { return (Standing::Gone, None) };
    let link = contact.link.as_ref().filter(|link| link.connection_id == pass.connection.id);
    match link {
        None => (Standing::Unlinked, None),
        Some(link) => {
            let standing = match link.state {
                LinkState::Linked => Standing::Linked,
                LinkState::OutOfScope => Standing::OutOfScope,
                LinkState::Removed => Standing::Removed,
            };
            (standing, Some(&link.object_id))
        }
    }
}

/// Whether a stored membership is perhaps no longer right; whether it is, the contact tells.
fn may_change(pass: &Pass, rows: &Rows, membership: &Membership) -> bool {
    let Some(user) = membership.user_of(&pass.connection.id) else { return false };
    // A contact that was let go, or may have been in this slice.
    let let_go = pass.index.as_ref().is_some_and(|index| !index.has(&membership.contact_id));
    if let_go || pass.tally.wrote(user) {
        return true;
    }
    let seen = rows.seen(&membership.team_id, Some(user), &pass.members);
    let settled = membership.clone().settled(&Observed {
        connection: &pass.connection.id,
        user: Some(user),
        standing: Standing::Linked,
        rows: &seen,
    });
    settled != *membership
}

/// What keeps mapped groups from being followed, as a sentence for people.
fn doubts(pass: &Pass, rows: &Rows) -> Option<String> {
    let told: Vec<String> = pass
        .members
        .doubts()
        .filter(|(group, _)| rows.all().any(|(_, row)| row.group == **group))
        .map(|(group, doubt)| match doubt {
            Doubt::Missing => format!("the group {group} does not exist"),
            Doubt::Unreadable => format!("the members of the group {group} may not be read"),
            Doubt::Emptied => format!("the group {group} had members and tells none now"),
        })
        .collect();
    (!told.is_empty()).then(|| {
        format!(
            "{}: nobody joined or left its team; mend it in Entra, or take its mapping out of the \
             settings",
            told.join("; ")
        )
    })
}
