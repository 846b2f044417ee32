//! A page's people: each once, seen by the rules, whoever is unclear read again.

use std::collections::HashMap;

use contact_sync_domain::directory::{DeltaEntry, DirectoryUser, RemovedReason};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::reconcile::{GoneCause, View};

use super::pass::Pass;
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, Randomness};

/// How many unclear people are read at once, at the latest (Graph: getByIds takes 1,000 ids).
const READ_AGAIN: usize = 1_000;

/// A person's place between page and decision.
pub(crate) enum Person {
    Gone(ObjectId, GoneCause),
    Here(DirectoryUser, View),
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Looks at everybody by the rules; whoever lacks an attribute that decides is read again, the
    /// unclear of several pages in one request.
    pub(super) async fn view_people(
        &self,
        pass: &mut Pass,
        mut entries: Vec<DeltaEntry>,
        last: bool,
    ) -> Result<Vec<Person>, Stop> {
        let changed = entries.iter_mut().filter_map(|entry| match entry {
            DeltaEntry::Changed(user) => Some(user),
            DeltaEntry::Removed { .. } => None,
        });
        self.find_managers(pass, changed.collect()).await?;
        let mut people = Vec::with_capacity(entries.len());
        let mut unclear = pass.point.unclear.clone();
        // A later entry about somebody outdates the earlier one.
        unclear.retain(|user| !entries.iter().any(|entry| entry.id() == user));
        for entry in entries {
            match entry {
                DeltaEntry::Removed { id, reason } => {
                    people.push(Person::Gone(id, gone_cause(reason)));
                }
                DeltaEntry::Changed(user) => match pass.view(&user) {
                    View::Unknown { .. } => unclear.push(user.id),
                    view @ (View::In(_) | View::Out { .. } | View::Failed { .. }) => {
                        people.push(Person::Here(user, view));
                    }
                },
            }
        }
        if !last && unclear.len() < READ_AGAIN {
            // They stand on the page, where nobody may who was erased; he is decided as he is.
            let erased = self.erased_of(pass, &unclear).await?;
            unclear.retain(|user| !erased.contains(user));
            let passed_over = |user| Person::Gone(user, GoneCause::SoftDeleted);
            people.extend(erased.into_iter().map(passed_over));
            pass.point.unclear = unclear;
        } else if !unclear.is_empty() {
            let read = self.read_users(pass, &unclear).await?;
            // Only now: should the read fail, they stay unclear.
            pass.point.unclear.clear();
            pass.point.graph.add(read.cost);
            for user in read.found {
                let view = pass.view(&user);
                people.push(Person::Here(user, view));
            }
            // Whoever is in the bin by now is told by `@removed` in a later page, with his cause;
            // whoever is not found at all may not be replicated yet: the next delta decides.
            for id in read.soft_deleted {
                people.push(Person::Gone(id, GoneCause::SoftDeleted));
            }
        }
        Ok(people)
    }
}

impl Person {
    pub(crate) fn id(&self) -> &ObjectId {
        match self {
            Self::Gone(id, _) => id,
            Self::Here(user, _) => &user.id,
        }
    }
}

/// Each person once: the last entry counts.
pub(super) fn fold(entries: Vec<DeltaEntry>) -> Vec<DeltaEntry> {
    let mut last = HashMap::with_capacity(entries.len());
    for (position, entry) in entries.iter().enumerate() {
        last.insert(entry.id().clone(), position);
    }
    if last.len() == entries.len() {
        return entries;
    }
    entries
        .into_iter()
        .enumerate()
        .filter(|(position, entry)| last.get(entry.id()) == Some(position))
        .map(|(_, entry)| entry)
        .collect()
}

pub(super) fn gone_cause(reason: RemovedReason) -> GoneCause {
    match reason {
        RemovedReason::SoftDeleted => GoneCause::SoftDeleted,
        RemovedReason::Purged => GoneCause::HardDeleted,
    }
}

pub(crate) fn gone_sentence(cause: GoneCause) -> &'static str {
    match cause {
        GoneCause::SoftDeleted => "deleted in Entra (in the recycle bin)",
        GoneCause::HardDeleted => "deleted in Entra for good",
        GoneCause::OutOfScope => "no longer in scope",
        GoneCause::LeftGroup => "left the groups of the scope",
        GoneCause::Disabled => "sign-in is blocked",
        GoneCause::Elsewhere => "another organisation of the tenant takes this person first",
    }
}
