//! Who is in which team, by the groups that the settings map to teams.
//!
//! A full run compares all memberships with the member sets of the mapped groups, after contacts
//! and removals are done. Between full runs the groups' changes and the people whose contacts come
//! or go are followed one by one. Every write is conditional on the version that was read and is
//! worked out anew when somebody else was faster, so that doing any of this again changes nothing.

mod follow;
mod moves;
mod rows;
mod sides;

use std::collections::{HashMap, HashSet};

use contact_sync_domain::id::{ContactId, ObjectId, TeamId};
use contact_sync_domain::run::RunKind;
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::settings::TeamMapping;
use contact_sync_domain::sync_state::{Lane, Stage};
use contact_sync_domain::team::{Membership, Observed, Standing, Team};
use futures::{StreamExt, TryStreamExt, stream};

pub(crate) use self::follow::Follower;
use self::rows::Rows;
pub(super) use self::sides::Agreed;
use super::apply::Applied;
use super::member_set::Doubt;
use super::pass::{Held, Pass};
use super::{Stop, SyncStores, Worker};
use crate::plan::LaneStores;
use crate::port::{
    Blobs, Clock, Directory, MembershipKey, Randomness, SHARDS, SegmentStore, TeamStore,
};
use crate::segments::load_segment;

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

/// A membership that is to change.
#[derive(Debug)]
struct Move {
    /// Whose, in the directory; `None` where nothing tells any more.
    user: Option<ObjectId>,
    before: Membership,
    after: Membership,
    /// How the contact stands to the connection.
    standing: Standing,
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
        let mut ended = HashMap::new();
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
                    } else if !membership.stands() {
                        let key = (membership.contact_id.clone(), membership.team_id.clone());
                        ended.insert(key, membership);
                    }
                }
                changed += self.settle_all(held, pass, &rows, moved).await?;
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        let mut joiners = self.joiners(pass, &rows, &standing).await?;
        for joiner in &mut joiners {
            // Who comes back goes on from where he left.
            joiner.known = ended.remove(&(joiner.contact.clone(), joiner.team.clone()));
        }
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

    /// Of the teams that groups are mapped to, those that there are; with those of a draft, which
    /// are made with it.
    async fn mapped_teams(&self, pass: &Pass) -> Result<HashSet<TeamId>, Stop> {
        let rows = Rows::of(&pass.settings, |_| true);
        let mapped: Vec<TeamId> = rows.teams().cloned().collect();
        let account = &pass.account.id;
        let teams: Vec<Option<Team>> = stream::iter(mapped)
            .map(|team| async move { self.stores.team(account, &team).await })
            .buffer_unordered(WRITERS)
            .try_collect()
            .await?;
        let drafted = pass.settings.teams.iter().filter(|row| row.create_team);
        let drafted = drafted.filter_map(TeamMapping::team_id);
        Ok(teams.into_iter().flatten().map(|team| team.id).chain(drafted).collect())
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
            let contacts = self.contacts_of(pass, users).await?;
            self.follow_contacts(held, pass, &contacts).await?;
        }
        Ok(())
    }

    /// Whether memberships are to follow the contacts of a page: those that it made, linked or let
    /// go. A full run compares all of them in the end.
    pub(super) fn must_follow(pass: &Pass, applied: &[Applied]) -> bool {
        let follows = !pass.point.reads_everybody() && !pass.settings.teams.is_empty();
        // A plan that takes back tells of those moves that were made; whose contact goes for good
        // leaves all teams when that is done.
        let takes_back = pass.lane == Lane::Plan && pass.point.kind == RunKind::Undo;
        follows && !takes_back && applied.iter().any(|one| comes_or_goes(&one.item, one.outcome))
    }

    /// Lets memberships follow the contacts of a page.
    pub(super) async fn follow_page(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        contacts: &[ContactId],
    ) -> Result<(), Stop> {
        for contacts in contacts.chunks(TOGETHER) {
            self.follow_contacts(held, pass, contacts).await?;
        }
        pass.point.follows = None;
        held.work.checkpoint = Some(pass.point.clone());
        held.checkpoint(&self.stores).await
    }

    /// The same for a page that a slice applied which did not live to let them follow.
    pub(super) async fn follow_begun(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        page: u32,
    ) -> Result<(), Stop> {
        let (connection, run) = (pass.connection.id.clone(), pass.point.run_id.clone());
        let segment = load_segment(&self.stores, &self.blobs, &connection, &run, page).await?;
        let Some(segment) = segment else { return self.follow_page(held, pass, &[]).await };
        let deviations = self.stores.deviations(&connection, &run, page).await?;
        let outcome = |item: &SegmentItem| {
            let other = deviations.iter().find(|other| other.object_id == item.object_id);
            other.map_or(item.outcome, |other| other.outcome)
        };
        let contacts = following(segment.items.iter().map(|item| (item, outcome(item))));
        self.follow_page(held, pass, &contacts).await
    }

    async fn follow_contacts(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        contacts: &[ContactId],
    ) -> Result<(), Stop> {
        let rows = Rows::of(&pass.settings, |_| true);
        let candidates = self.follower(pass).candidates(&rows, contacts).await?;
        self.move_some(held, pass, &rows, candidates).await?;
        Ok(())
    }

    fn follower<'a>(&'a self, pass: &'a Pass) -> Follower<'a, LaneStores<S>> {
        Follower {
            stores: &self.stores,
            account: &pass.account.id,
            connection: &pass.connection.id,
            settings: &pass.settings,
            members: &pass.members,
            run: Some(&pass.point.run_id),
            now: self.clock.now(),
        }
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
            changed += self.move_some(held, pass, rows, now).await?;
        }
        Ok(changed)
    }
}

/// The contacts of a page that memberships are to follow: by the contact itself, since whoever was
/// let go is led to it by nothing any more.
pub(super) fn following<'i>(
    items: impl Iterator<Item = (&'i SegmentItem, Outcome)>,
) -> Vec<ContactId> {
    let following = items.filter(|(item, outcome)| comes_or_goes(item, *outcome));
    following.filter_map(|(item, _)| item.contact_id.clone()).collect()
}

fn comes_or_goes(item: &SegmentItem, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Create | Outcome::Unlink | Outcome::Delete => true,
        Outcome::Update => item.adopted || item.link.is_some(),
        _ => false,
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
            Doubt::Emptied => format!(
                "the group {group} had members and tells none now (the next full run believes it, \
                 unless the group hides its members)"
            ),
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
