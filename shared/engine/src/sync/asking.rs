//! Keeping what waits for people in step with what a page decided.

use std::collections::HashMap;

use contact_sync_domain::id::{ConnectionId, ObjectId};
use contact_sync_domain::review::{Effect, ReviewItem, ReviewList, Seen};
use contact_sync_domain::segment::Outcome;
use futures::{StreamExt, TryStreamExt, stream};

use super::apply::Applied;
use super::pass::{Held, Pass};
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, DecisionStore, Directory, Randomness, ReviewStore, StoreError};

/// How many review items are written at the same time.
const WRITERS: usize = 16;

/// How many review items are read at once.
const PAGE: u16 = 1_000;

/// What a run keeps up; people alone put users on the ignored list and take them off.
const KEPT_UP: [ReviewList; 5] = [
    ReviewList::Matched,
    ReviewList::Available,
    ReviewList::Changes,
    ReviewList::Removals,
    ReviewList::Conflicts,
];

/// Which lists may hold items of which users: as a full run read them, and as it asked since.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    lists: HashMap<ObjectId, Vec<ReviewList>>,
    /// Whether this slice asked anything.
    asked: bool,
}

impl Waiting {
    /// Whether people were asked about this user, and may have decided since.
    pub(super) fn holds(&self, user: &ObjectId) -> bool {
        self.lists.contains_key(user)
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
    /// Puts what a page asks of people on their lists, and takes off what is moot. Derived from the
    /// applied segment alone, but for the versions: a replay does the same again, which changes
    /// nothing.
    pub(super) async fn ask_people(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        applied: &[Applied],
    ) -> Result<(), Stop> {
        // What the end of the run decides is not asked yet.
        let asks = applied
            .iter()
            .any(|one| one.item.question.is_some() && one.outcome != Outcome::Deferred);
        if !held.work.asks && !asks {
            return Ok(());
        }
        let standing = self.standing(pass, applied).await?;
        // What is asked is on record before anything is put on a list, so that no later page
        // believes the lists to be empty.
        held.work.asks = true;
        let (now, run) = (self.clock.now(), pass.point.run_id.to_string());
        let seen = Seen {
            account: &pass.account.id,
            connection: &pass.connection.id,
            run: &run,
            // Not the page's, which may have been read long before, and by a slice that is dead by
            // now: whatever list was shown since shows it not yet.
            fence: held.fence(),
            now,
        };
        let effects = applied.iter().map(|one| {
            let stands = standing.get(&one.item.object_id).map(Vec::as_slice).unwrap_or_default();
            let newest = stands.iter().max_by_key(|item| item.version);
            (Effect::of(&one.item, one.outcome, newest, seen), stands)
        });
        stream::iter(effects.collect::<Vec<_>>())
            .map(|(effect, stands)| self.follow(effect, stands))
            .buffer_unordered(WRITERS)
            .try_collect::<()>()
            .await?;
        if let Some(waiting) = &mut pass.waiting {
            waiting.asked |= asks;
            // Whoever is put off once more at the end of the run was asked about before.
            let questions = applied.iter().filter(|one| one.outcome != Outcome::Deferred);
            for question in questions.filter_map(|one| one.item.question.as_ref()) {
                let lists = waiting.lists.entry(question.user.object_id.clone()).or_default();
                if !lists.contains(&question.list) {
                    lists.push(question.list);
                }
            }
        }
        Ok(())
    }

    /// What stands about the people of a page.
    async fn standing(
        &self,
        pass: &mut Pass,
        applied: &[Applied],
    ) -> Result<HashMap<ObjectId, Vec<ReviewItem>>, Stop> {
        if pass.index.is_some() && pass.waiting.is_none() {
            pass.waiting = Some(self.read_waiting(pass).await?);
        }
        let users = applied.iter().map(|one| &one.item.object_id);
        let places: Vec<(ReviewList, ObjectId)> = match &pass.waiting {
            // Beside what was read, what this run asked itself.
            Some(waiting) => users
                .flat_map(|user| {
                    let known = waiting.lists.get(user).cloned().unwrap_or_default();
                    // Nothing was asked about whom the end of the run decides.
                    let again = pass.tally.touched(user) && !pass.tally.is_open(user);
                    let lists = if again { KEPT_UP.to_vec() } else { known };
                    lists.into_iter().map(move |list| (list, user.clone()))
                })
                .collect(),
            None => users
                .flat_map(|user| KEPT_UP.into_iter().map(move |list| (list, user.clone())))
                .collect(),
        };
        let mut standing: HashMap<ObjectId, Vec<ReviewItem>> = HashMap::new();
        if !places.is_empty() {
            for item in self.stores.reviews_of(&pass.connection.id, &places).await? {
                standing.entry(item.user.object_id.clone()).or_default().push(item);
            }
        }
        Ok(standing)
    }

    /// Reads a list of questions, page by page.
    pub(super) async fn each_listed(
        &self,
        connection: &ConnectionId,
        list: ReviewList,
        mut each: impl FnMut(ReviewItem),
    ) -> Result<(), StoreError> {
        let mut cursor: Option<String> = None;
        loop {
            let page = self.stores.reviews(connection, list, cursor.as_deref(), PAGE).await?;
            let Some(page) = page else { return Ok(()) };
            page.items.into_iter().for_each(&mut each);
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    pub(super) async fn read_waiting(&self, pass: &Pass) -> Result<Waiting, StoreError> {
        let mut waiting = Waiting::default();
        for list in KEPT_UP {
            let wait = |item: ReviewItem| {
                waiting.lists.entry(item.user.object_id).or_default().push(list);
            };
            self.each_listed(&pass.connection.id, list, wait).await?;
        }
        Ok(waiting)
    }

    /// What a person changed meanwhile stays as the person left it; the next run looks again.
    pub(super) async fn follow(&self, effect: Effect, stands: &[ReviewItem]) -> Result<(), Stop> {
        match effect {
            Effect::Stay => {
                // One that moved to another list and whose mover died before it left the old one.
                let newest = stands.iter().map(|item| item.version).max();
                for old in stands.iter().filter(|item| Some(item.version) != newest) {
                    self.stores.delete_review(old).await?;
                }
            }
            Effect::Drop => {
                for item in stands {
                    self.stores.delete_review(item).await?;
                }
            }
            Effect::Ask(item) => {
                let over = stands.iter().find(|one| one.list == item.list);
                self.stores.put_review(&item, over.map(|one| one.version)).await?;
                for old in stands.iter().filter(|one| one.list != item.list) {
                    self.stores.delete_review(old).await?;
                }
            }
        }
        Ok(())
    }

    /// At the end of a full run: questions about people whom the complete listing did not name,
    /// and who have no contact, are moot.
    pub(super) async fn forget_absent(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        if !held.work.asks || pass.index.is_none() {
            return Ok(());
        }
        if pass.waiting.is_none() {
            pass.waiting = Some(self.read_waiting(pass).await?);
        }
        let Some(waiting) = pass.waiting.take() else { return Ok(()) };
        let is_absent = |user: &ObjectId| !pass.tally.touched(user) && !pass.is_member(user);
        let absent = waiting.lists.iter().filter(|(user, _)| is_absent(user));
        let places: Vec<(ReviewList, ObjectId)> = absent
            .flat_map(|(user, lists)| lists.iter().map(move |list| (*list, user.clone())))
            .filter(|(list, _)| *list != ReviewList::Removals)
            .collect();
        for places in places.chunks(usize::from(PAGE)) {
            held.check_time(&self.clock)?;
            for item in self.stores.reviews_of(&pass.connection.id, places).await? {
                self.stores.delete_review(&item).await?;
            }
        }
        if waiting.lists.is_empty() && !waiting.asked {
            held.work.asks = !self.stores.refused(&pass.connection.id).await?.is_empty()
                || !self.approvals(pass).await?.0.is_empty();
        }
        Ok(())
    }
}
