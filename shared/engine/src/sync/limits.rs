//! What the removal guard says to a run: to all it would remove, and to what a cause or a group
//! with a limit of its own counts.

use std::collections::{BTreeMap, HashSet};

use contact_sync_domain::guard::{Asked, Base, LimitView, Limited, Removal};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::segment::SegmentItem;
use contact_sync_domain::sync_state::Lane;

use super::index::Index;
use super::pass::{Held, Pass};
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, Randomness};

/// What the guard takes shares of.
#[derive(Debug)]
pub(super) struct Shares {
    linked: u64,
    members: BTreeMap<ObjectId, u64>,
}

impl Shares {
    /// As a run that reads everybody knows them, or as the last one that did counted.
    pub(super) fn of(held: &Held, pass: &Pass) -> Self {
        match &pass.index {
            Some(index) => {
                let is_linked = |user: &ObjectId| index.is_linked(&index.contact_of(user));
                Self { linked: index.linked(), members: pass.limited_members(is_linked) }
            }
            None => Self { linked: held.work.linked, members: held.work.members.clone() },
        }
    }

    pub(super) fn base(&self) -> Base<'_> {
        Base { linked: self.linked, members: &self.members }
    }
}

impl Pass {
    /// How many linked people each group with a limit has.
    fn limited_members(&self, is_linked: impl Fn(&ObjectId) -> bool) -> BTreeMap<ObjectId, u64> {
        let limits = self.rules.policies().guard.groups.iter();
        let counted = limits.map(|limit| {
            let members = self.members.counted_to(&limit.group);
            let linked = members.iter().filter(|user| is_linked(user)).count();
            (limit.group.clone(), u64::try_from(linked).unwrap_or(u64::MAX))
        });
        counted.collect()
    }

    /// The same at the end of a run that read everybody, with those whom it gave a contact.
    pub(super) fn members_at_end(&self) -> BTreeMap<ObjectId, u64> {
        let linked = |index: &Index, user: &ObjectId| index.is_linked(&index.contact_of(user));
        self.limited_members(|user| {
            self.tally.wrote(user) || self.index.as_ref().is_some_and(|index| linked(index, user))
        })
    }
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Asks the guard about removals: answers those that go, and those that wait. What goes counts
    /// from now on; what waits is told in the run.
    pub(super) async fn ask_guard(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        mut asked: Vec<SegmentItem>,
    ) -> (Vec<SegmentItem>, Vec<SegmentItem>) {
        let limits = pass.rules.policies().guard.clone();
        for item in &mut asked {
            let limited = pass.members.limits_of(&item.object_id, &limits.groups);
            if !limited.is_empty() {
                item.trace.get_or_insert_default().limited = limited;
            }
        }
        // A plan shows what the guard would hold back, and uses up nothing of its window.
        if pass.lane == Lane::Plan {
            return (asked, Vec::new());
        }
        let removals: Vec<Removal<'_>> = asked.iter().map(Removal::of).collect();
        let shares = Shares::of(held, pass);
        let asks =
            Asked { run: pass.point.run_id.as_str(), done: &pass.removed, removals: &removals };
        let verdict = limits.judge(&held.work.guard, asks, shares.base(), self.clock.now());
        let waits: HashSet<ObjectId> = asked
            .iter()
            .filter(|item| verdict.holds(Removal::of(item)))
            .map(|item| item.object_id.clone())
            .collect();
        held.work.guard = verdict.window;
        held.work.held = u64::try_from(waits.len()).unwrap_or(u64::MAX);
        held.work.held_by = self.named(pass, verdict.exceeded).await;
        if !waits.is_empty() {
            pass.point.blocked = true;
            let said = held.work.held_by.iter().map(|limit| said_by(limit, limits.window_hours));
            let said: Vec<String> = said.collect();
            pass.point.note = Some(format!(
                "{} removals wait: {}; look at them in the list `removals` and approve or refuse \
                 each; or, while none of them is decided, approve all by applying this run with \
                 their number; or restore the people",
                held.work.held,
                said.join("; ")
            ));
        }
        asked.into_iter().partition(|item| !waits.contains(&item.object_id))
    }

    /// The limits with the names of their groups, as far as the directory tells them.
    pub(super) async fn named(&self, pass: &Pass, limits: Vec<LimitView>) -> Vec<LimitView> {
        let mut named = Vec::with_capacity(limits.len());
        for mut limit in limits {
            if let Limited::Group(group) = &limit.of {
                let found = self.directory.find_group(&pass.tenant, group).await;
                limit.name = found.ok().flatten().and_then(|group| group.display_name);
            }
            named.push(limit);
        }
        named
    }

    /// Once everybody was read and what was due is judged, nobody counts to a group that he left
    /// but those whose removal still waits and those of whom nothing was decided.
    pub(super) async fn settle_left(
        &self,
        pass: &mut Pass,
        waits: &HashSet<String>,
    ) -> Result<(), Stop> {
        if !pass.point.reads_everybody() || !pass.members.remembers_left() {
            return Ok(());
        }
        let Some(index) = &pass.index else { return Ok(()) };
        let known = pass.members.clone();
        let tally = &pass.tally;
        let is_open = |user: &ObjectId| {
            waits.contains(user.as_str())
                || (index.is_linked(&index.contact_of(user)) && !tally.settled(user))
        };
        pass.members.keep_left(is_open);
        let (account, connection) = (&pass.account.id, &pass.connection.id);
        Ok(pass.members.store(&known, &self.blobs, account, connection).await?)
    }
}

/// What a limit allows, as people are told.
pub(super) fn said_by(limit: &LimitView, hours: u32) -> String {
    let LimitView { of, name, count, allowed, left, .. } = limit;
    let what = match of {
        Limited::Connection => "the guard allows".to_owned(),
        Limited::Cause(cause) => {
            format!("{count} are of cause `{}`, of which the guard allows", cause.name())
        }
        Limited::Group(group) => {
            let group = name.as_ref().map_or_else(
                || format!("`{group}`"),
                |name| format!("\u{201c}{name}\u{201d} (`{group}`)"),
            );
            format!("{count} are of the group {group}, of which the guard allows")
        }
    };
    let release = limit.next_release.filter(|_| *left < *allowed);
    let release = release.map(|at| format!(", more from {} on", at.strftime("%Y-%m-%d %H:%M UTC")));
    format!("{what} {allowed} in {hours} hours and {left} are left{}", release.unwrap_or_default())
}
