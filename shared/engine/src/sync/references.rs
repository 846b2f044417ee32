//! Managers: a contact's manager is another contact, which may be made later in the same run.
//!
//! Whoever is decided while his manager has no contact is written without one, and looked at once
//! more at the end of the run. A manager whose contact is gone is empty again at the next full run.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use contact_sync_domain::directory::{DeltaEntry, DirectoryUser};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::segment::{NextStep, Phase};
use contact_sync_domain::sync_state::Stage;

use super::awaiting::Awaiting;
use super::own_contacts::{ManagerContact, contacts_of_managers, managers_of, put_managers};
use super::page::Source;
use super::pass::{Held, Pass};
use super::reading::people_hash;
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, ByIds, Clock, Directory, PendingKind, PendingStore, Randomness};
use crate::split::read_people;

/// How many people are read again and decided as one page.
const PER_PAGE: usize = 200;

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Reads users by id, ready to be looked at by the rules.
    pub(super) async fn read_users(&self, pass: &Pass, ids: &[ObjectId]) -> Result<ByIds, Stop> {
        let (all, own) = (&pass.by_id, &pass.selection);
        let mut read = read_people(&self.directory, &pass.tenant, (all, own), ids).await?;
        self.find_managers(pass, read.found.iter_mut().collect()).await?;
        Ok(read)
    }

    /// Puts the contact of everybody's manager where `[manager]` reads it.
    pub(super) async fn find_managers(
        &self,
        pass: &Pass,
        users: Vec<&mut DirectoryUser>,
    ) -> Result<(), Stop> {
        if !pass.selection.has_manager() {
            return Ok(());
        }
        let managers = managers_of(users.iter().map(|user| &**user));
        let contacts = self.contacts_of_managers(pass, managers).await?;
        put_managers(users, &contacts);
        Ok(())
    }

    /// The contacts that these users have. A full run knows most from its index; whom it dealt with
    /// itself it looks up.
    async fn contacts_of_managers(
        &self,
        pass: &Pass,
        managers: BTreeSet<ObjectId>,
    ) -> Result<HashMap<ObjectId, ManagerContact>, Stop> {
        let mut found = HashMap::new();
        let mut open = Vec::new();
        for manager in managers {
            let Some(index) = &pass.index else {
                open.push(manager);
                continue;
            };
            let contact = index.contact_of(&manager);
            if index.has(&contact) {
                found.insert(manager, ManagerContact::Stands(contact));
            } else if index.is_erased(&contact) {
                found.insert(manager, ManagerContact::Erased);
            } else if pass.tally.touched(&manager) {
                open.push(manager);
            }
        }
        let (account, tenant) = (&pass.account.id, &pass.tenant);
        found.extend(contacts_of_managers(&self.stores, account, tenant, open).await?);
        Ok(found)
    }

    /// Decides once more whose manager has got a contact since. Who still waits is kept, so that the
    /// look that makes the manager's contact does it.
    pub(super) async fn references(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        let (account, connection) = (pass.account.id.clone(), pass.connection.id.clone());
        let before = if pass.selection.has_manager() {
            Awaiting::load(&self.blobs, &account, &connection).await?
        } else {
            Awaiting::default()
        };
        let mut waiting = waiting(pass, &before);
        // A full run asks for everybody's manager; a look only for those whose contact it made.
        let asks = |user: &ObjectId, manager: &ObjectId| {
            pass.awaiting.contains_key(user) || pass.tally.wrote(manager)
        };
        let managers: BTreeSet<ObjectId> = waiting
            .iter()
            .filter(|(user, manager)| asks(user, manager))
            .map(|(_, manager)| manager.clone())
            .collect();
        let contacts = self.contacts_of_managers(pass, managers).await?;
        waiting.retain(|_, manager| contacts.get(manager) != Some(&ManagerContact::Erased));
        let (ready, left): (BTreeMap<_, _>, BTreeMap<_, _>) =
            waiting.into_iter().partition(|(_, manager)| contacts.contains_key(manager));
        pass.awaiting.clear();
        let users: Vec<ObjectId> = ready.keys().cloned().collect();
        for users in users.chunks(PER_PAGE) {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            let fence = held.fence();
            let entries = self.read_whose_manager_is_known(pass, users, &ready).await?;
            let link = people_hash(users.iter());
            let source = Source { phase: Phase::Reread, link, next: NextStep::End, fence };
            self.page(held, pass, source, entries).await?;
        }
        // Whom these pages decided again and who waits all the same is among the awaiting again.
        let mut after = Awaiting { managers: left };
        after.managers.extend(pass.awaiting.iter().map(|(user, of)| (user.clone(), of.clone())));
        if after != before {
            after.store(&self.blobs, &account, &connection).await?;
        }
        // Somebody may want a contact or an address that another wants: a matter for stages before.
        let waits = self.somebody_waits(pass).await?;
        pass.point.stage = if waits { Stage::Takeovers } else { Stage::Judge };
        Ok(())
    }

    /// Whether the stages before this one have something to do. That somebody is undecided is not
    /// enough: a run that went back for nothing would never end.
    async fn somebody_waits(&self, pass: &Pass) -> Result<bool, Stop> {
        if pass.tally.open() == 0 {
            return Ok(false);
        }
        let kind = PendingKind::Collision;
        Ok(!pass.wants.is_settled()
            || !self.stores.pending(&pass.connection.id, kind).await?.is_empty())
    }

    /// Reads people by id. Who their managers are was read in this run: Graph is not asked again.
    async fn read_whose_manager_is_known(
        &self,
        pass: &mut Pass,
        users: &[ObjectId],
        managers: &BTreeMap<ObjectId, ObjectId>,
    ) -> Result<Vec<DeltaEntry>, Stop> {
        let (all, own) = (pass.by_id.without_manager(), pass.selection.without_manager());
        let read = read_people(&self.directory, &pass.tenant, (&all, &own), users).await?;
        pass.point.graph.add(read.cost);
        // Whoever left meanwhile is told by the next delta.
        let entries = read.found.into_iter().map(|mut user| {
            user.tell_manager(managers.get(&user.id));
            DeltaEntry::Changed(user)
        });
        Ok(entries.collect())
    }
}

/// Who waits for his manager's contact: those of this run, and, in a look, those of the runs before
/// about whom it decided nothing else.
fn waiting(pass: &Pass, before: &Awaiting) -> BTreeMap<ObjectId, ObjectId> {
    let mut waiting = pass.awaiting.clone();
    if !pass.point.reads_everybody() {
        let others = before.managers.iter().filter(|(user, _)| !pass.has_met(user));
        waiting.extend(others.map(|(user, manager)| (user.clone(), manager.clone())));
    }
    waiting
}
