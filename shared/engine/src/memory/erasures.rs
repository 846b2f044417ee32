//! Forgetting one person.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::erasure::{ErasedUser, ErasureReceipt, Erasures, OpenErasure};
use contact_sync_domain::event::ContactEventKind;
use contact_sync_domain::id::{
    AccountId, ConnectionId, ContactId, ErasureId, ObjectId, ReviewId, RunId, TenantId,
};
use contact_sync_domain::retention::Retention;
use contact_sync_domain::run::Run;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{MemoryStore, World};
use crate::port::{
    Burial, ErasureStore, EventsForgotten, KeptRecord, SegmentRef, SettingsVersion, StoreError,
    StoredContact,
};

/// How many told events are gone through at once.
const EVENTS: usize = 3;

/// Whether anything of this says one of these ids.
fn names(thing: &impl Serialize, ids: &[String]) -> bool {
    let told = serde_json::to_string(thing).unwrap_or_default();
    ids.iter().any(|id| told.contains(id.as_str()))
}

/// By what a person is found.
fn ids_of(contact: &ContactId, user: Option<&ObjectId>) -> Vec<String> {
    let mut ids = vec![contact.to_string()];
    ids.extend(user.map(ObjectId::to_string));
    ids.extend(user.map(|user| ReviewId::of(user).to_string()));
    ids
}

/// What is stored about a person, as it is found.
struct Records<'r> {
    connection: Option<&'r ConnectionId>,
    ids: &'r [String],
    found: Vec<KeptRecord>,
}

impl Records<'_> {
    /// Those of these that name the person.
    fn add<T: Serialize>(&mut self, store: &'static str, things: impl Iterator<Item = T>) {
        let ids = self.ids;
        let told = things.filter(|thing| names(thing, ids));
        self.say(store, told.map(|thing| serde_json::to_value(thing).unwrap_or_default()));
    }

    fn say(&mut self, store: &'static str, told: impl Iterator<Item = Value>) {
        let connection_id = self.connection.cloned();
        let kept = |record| KeptRecord { store, connection_id: connection_id.clone(), record };
        self.found.extend(told.map(kept));
    }
}

/// How many fewer there are.
fn gone(before: usize, after: usize) -> u64 {
    u64::try_from(before - after).unwrap_or(u64::MAX)
}

/// Puts a tombstone there that stands for good; answers the contact that stood there.
fn bury(world: &mut World, contact: &ContactId) -> Option<Box<Contact>> {
    let (version, was) = match world.contacts.get(contact) {
        Some(StoredContact::Tombstone { erased: true, .. }) => return None,
        Some(StoredContact::Tombstone { version, .. }) => (*version, None),
        Some(StoredContact::Present(contact)) => (contact.version, Some(contact.clone())),
        None => (0, None),
    };
    let tombstone = StoredContact::Tombstone {
        version: version + 1,
        source_version: u64::MAX,
        connection_id: None,
        expires_at: jiff::Timestamp::MAX,
        by: None,
        erased: true,
    };
    world.contacts.insert(contact.clone(), tombstone);
    was
}

impl ErasureStore for MemoryStore {
    async fn receipt(
        &self,
        account: &AccountId,
        id: &ErasureId,
    ) -> Result<Option<ErasureReceipt>, StoreError> {
        Ok(self.up()?.receipts.get(&(account.clone(), id.clone())).cloned())
    }

    async fn put_receipt(&self, receipt: &ErasureReceipt) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let place = (receipt.account_id.clone(), receipt.id.clone());
        let standing = world.receipts.get(&place).map_or(0, |standing| standing.version);
        let holds = standing + 1 == receipt.version;
        if holds {
            world.receipts.insert(place, receipt.clone());
        }
        Ok(holds)
    }

    async fn open_erasures(&self) -> Result<Vec<OpenErasure>, StoreError> {
        Ok(self.up()?.receipts.values().filter_map(ErasureReceipt::open).collect())
    }

    /// What is open is told by the receipts themselves here.
    async fn close_erasure(&self, _: &AccountId, _: &ErasureId) -> Result<(), StoreError> {
        self.up().map(drop)
    }

    async fn bury_for_good(
        &self,
        _: &AccountId,
        contact: &ContactId,
    ) -> Result<Option<Box<Contact>>, StoreError> {
        Ok(bury(&mut *self.up()?, contact))
    }

    async fn bury_own(
        &self,
        _: &AccountId,
        contact: &ContactId,
        user: &ErasedUser,
    ) -> Result<Burial, StoreError> {
        let mut world = self.up()?;
        let is_anothers = match world.contacts.get(contact) {
            Some(StoredContact::Present(standing)) => !user.has(standing),
            Some(StoredContact::Tombstone { .. }) | None => false,
        };
        if is_anothers || world.unreadable_contacts.contains(contact) {
            return Ok(Burial::Left);
        }
        Ok(Burial::Done(bury(&mut world, contact)))
    }

    async fn lift(
        &self,
        _: &AccountId,
        contact: &ContactId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(StoredContact::Tombstone { source_version, expires_at, erased, .. }) =
            self.up()?.contacts.get_mut(contact)
            && *erased
        {
            (*source_version, *expires_at, *erased) = (0, until, false);
        }
        Ok(())
    }

    async fn erase_beside(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<Erasures, StoreError> {
        let mut world = self.up()?;
        let before = (world.memberships.len(), world.history.len());
        world.memberships.retain(|(of, _), _| of != contact);
        world.history.retain(|(owner, of, ..), _| owner != account || of != contact);
        world.merges.retain(|(owner, into, _), _| owner != account || into != contact);
        Ok(Erasures {
            memberships: gone(before.0, world.memberships.len()),
            history: gone(before.1, world.history.len()),
            ..Erasures::default()
        })
    }

    async fn erase_asked(
        &self,
        connection: &ConnectionId,
        contact: &ContactId,
        user: Option<&ObjectId>,
    ) -> Result<Erasures, StoreError> {
        let mut world = self.up()?;
        let ids = ids_of(contact, user);
        let mut erased = Erasures::default();
        let before = world.reviews.len();
        world.reviews.retain(|(of, ..), item| of != connection || !names(item, &ids));
        erased.reviews = gone(before, world.reviews.len());
        if let Some(decisions) = world.decisions.get_mut(connection) {
            let before = decisions.len();
            // What was refused stands with its decision here.
            decisions.retain(|decision| !names(decision, &ids));
            erased.decisions = gone(before, decisions.len());
        }
        let before = world.pending.len();
        world.pending.retain(|(of, _, _, key), item| {
            of != connection || !(ids.contains(key) || names(&item.body, &ids))
        });
        erased.waiting = gone(before, world.pending.len());
        Ok(erased)
    }

    async fn forget_in_settings(
        &self,
        connection: &ConnectionId,
        user: &ObjectId,
    ) -> Result<u64, StoreError> {
        let mut world = self.up()?;
        let World { settings, drafts, .. } = &mut *world;
        let versions = settings.get_mut(connection).into_iter().flatten();
        let drafts = drafts.iter_mut().filter(|((of, _), _)| of == connection);
        let mut named = 0;
        for version in versions.chain(drafts.map(|(_, draft)| draft)) {
            let ignored = &mut version.settings.scope.ignored_users;
            let before = ignored.len();
            ignored.retain(|one| one != user);
            named += u64::from(ignored.len() < before);
        }
        Ok(named)
    }

    async fn records_asked(
        &self,
        connection: &ConnectionId,
        contact: &ContactId,
        user: Option<&ObjectId>,
    ) -> Result<Vec<KeptRecord>, StoreError> {
        let world = self.up()?;
        let ids = ids_of(contact, user);
        let mut records = Records { connection: Some(connection), ids: &ids, found: Vec::new() };
        let own = world.reviews.iter().filter(|((of, ..), _)| of == connection);
        records.add("review", own.map(|(_, item)| item));
        let decisions = world.decisions.get(connection).into_iter().flatten();
        records.add("decision", decisions.clone());
        records.add("refusal", decisions.flat_map(|decision| &decision.refused));
        let own = world.pending.iter().filter(|((of, ..), _)| of == connection);
        records.add("waiting", own.map(|((.., kind, key), item)| {
            json!({"as": format!("{kind:?}").to_lowercase(), "key": key, "body": item.body})
        }));
        let names = |version: &SettingsVersion| {
            user.is_some_and(|user| version.settings.scope.ignored_users.contains(user))
        };
        let versions = world.settings.get(connection).into_iter().flatten();
        let versions = versions.filter(|version| names(version)).map(|version| version.version);
        records.say("settings", versions.map(|version| json!({"version": version})));
        let drafts =
            world.drafts.iter().filter(|((of, _), draft)| of == connection && names(draft));
        records.say("draft", drafts.map(|((_, run), _)| json!({"run": run})));
        Ok(records.found)
    }

    async fn records_beside(
        &self,
        account: &AccountId,
        contact: &ContactId,
        user: Option<(&TenantId, &ObjectId)>,
    ) -> Result<Vec<KeptRecord>, StoreError> {
        let world = self.up()?;
        let ids = [contact.to_string()];
        let mut records = Records { connection: None, ids: &ids, found: Vec::new() };
        let kept = world.keyed.values().filter(|kept| kept.account.as_ref() == Some(account));
        records.add("answer", kept);
        let own = world.history.iter().filter(|((owner, ..), _)| owner == account);
        records.add("history", own.map(|(_, entry)| entry));
        if let Some((tenant, user)) = user {
            let place = (account.clone(), tenant.clone(), user.clone());
            let adopted = world.adoptions.get(&place).into_iter();
            records
                .say("adoption", adopted.map(|contact| json!({"user": user, "contact": contact})));
        }
        Ok(records.found)
    }

    async fn replace_segment(
        &self,
        _: &ConnectionId,
        (run, _): (&RunId, Retention),
        page: u32,
        inline: Vec<u8>,
    ) -> Result<(), StoreError> {
        self.up()?.segments.insert((run.clone(), page), SegmentRef::Inline(inline));
        Ok(())
    }

    async fn replace_run(&self, run: &Run) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let Some(standing) = world.runs.get_mut(&run.id) else { return Ok(false) };
        let is_same = (standing.status, standing.report_ready) == (run.status, run.report_ready);
        if is_same {
            *standing = run.clone();
        }
        Ok(is_same)
    }

    async fn forget_events(
        &self,
        account: &AccountId,
        (contact, others): (&ContactId, &[ContactId]),
        from: u64,
    ) -> Result<EventsForgotten, StoreError> {
        let mut world = self.up()?;
        let own = world.events.iter_mut().filter(|event| event.account_id == *account);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let (mut events, mut next, mut tells_removal) = (0, from, None);
        for event in own.skip(from).take(EVENTS) {
            next += 1;
            let is_his = event.contact_id == *contact;
            if is_his || others.contains(&event.contact_id) {
                events += u64::from(event.contact.take().is_some());
            }
            if is_his {
                tells_removal = Some(event.kind == ContactEventKind::Removed);
            }
        }
        Ok(EventsForgotten {
            events,
            next: u64::try_from(next).unwrap_or(u64::MAX),
            is_end: next < from + EVENTS,
            tells_removal,
        })
    }

    async fn erase_answers(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<u64, StoreError> {
        let mut world = self.up()?;
        let ids = [contact.to_string()];
        let before = world.keyed.len();
        world.keyed.retain(|_, kept| kept.account.as_ref() != Some(account) || !names(kept, &ids));
        Ok(gone(before, world.keyed.len()))
    }
}
