//! Drift audits: everybody is compared anew, and of each difference it is told which side moved.

use std::collections::HashMap;

use contact_sync_domain::contact::{Contact, LinkState};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::drift::Moved;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::{GoneCause, Rules, View, hex};
use contact_sync_domain::run::RunKind;
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::sync_state::Lane;

use super::apply::writes;
use super::decide::present;
use super::pass::Pass;
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, Randomness, SettingsStore, StoredContact};

impl Pass {
    /// Whether the run compares contacts themselves instead of believing what they say of their
    /// last sync.
    pub(super) fn audits(&self) -> bool {
        self.point.kind == RunKind::Drift && self.lane == Lane::Plan
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
    /// Says of each difference that an audit found which side moved, where that was not told yet.
    pub(super) async fn tell_movers(
        &self,
        pass: &mut Pass,
        items: &mut [SegmentItem],
        stored: &HashMap<ContactId, StoredContact>,
        users: &HashMap<ObjectId, DirectoryUser>,
    ) -> Result<(), Stop> {
        if !pass.audits() {
            return Ok(());
        }
        let is_open = |item: &&mut SegmentItem| {
            let is_told = item.trace.as_ref().is_some_and(|trace| trace.moved.is_some());
            let waits = item.outcome == Outcome::AwaitingReview
                && !(item.fields.is_empty() && item.pending.is_empty());
            !is_told && (writes(item) || waits)
        };
        for item in items.iter_mut().filter(is_open) {
            let contact = item.contact_id.as_ref().and_then(|id| present(stored.get(id)));
            let moved = match contact {
                Some(contact) => {
                    let user = users.get(&item.object_id);
                    self.side_that_moved(pass, item, contact, user).await?
                }
                // Somebody of whom nobody was told.
                None => Moved::Entra,
            };
            item.trace.get_or_insert_default().moved = Some(moved);
        }
        Ok(())
    }

    async fn side_that_moved(
        &self,
        pass: &mut Pass,
        item: &SegmentItem,
        contact: &Contact,
        user: Option<&DirectoryUser>,
    ) -> Result<Moved, Stop> {
        let Some(mark) = &contact.sync else { return Ok(Moved::Entra) };
        match item.cause() {
            Some(GoneCause::SoftDeleted | GoneCause::HardDeleted) => return Ok(Moved::Entra),
            Some(
                GoneCause::OutOfScope
                | GoneCause::LeftGroup
                | GoneCause::Disabled
                | GoneCause::Elsewhere,
            )
            | None => {}
        }
        let is_linked = contact.link.as_ref().is_some_and(|link| link.state == LinkState::Linked);
        let asked = match user.map(|user| pass.view(user)) {
            Some(View::In(wanted)) => Some(hex(wanted.fingerprint)),
            Some(View::Out { .. } | View::Unknown { .. } | View::Failed { .. }) => None,
            None => item.fingerprint.clone(),
        };
        // A person's edit leaves no fingerprint, and neither does what waits for a decision.
        let was_edited = mark.fingerprint.is_none() && item.question.is_none();
        if is_linked && asked.is_some() && (was_edited || mark.fingerprint == asked) {
            return Ok(Moved::Contact);
        }
        if mark.settings_version == pass.point.settings_version {
            return Ok(Moved::Entra);
        }
        let Some(user) = user else { return Ok(Moved::Settings) };
        let version = mark.settings_version;
        self.read_rules_of(pass, version).await?;
        let then = pass.older.get(&version).and_then(Option::as_ref);
        // Of the same person the settings of then say what the contact holds.
        let same = match then.map(|rules| rules.view(user, &pass.memberships)) {
            Some(View::In(wanted)) => {
                is_linked && (asked.is_none() || mark.fingerprint == Some(hex(wanted.fingerprint)))
            }
            Some(View::Out { .. }) => !is_linked,
            Some(View::Unknown { .. } | View::Failed { .. }) | None => true,
        };
        Ok(if same { Moved::Settings } else { Moved::Entra })
    }

    /// The rules of earlier settings, read once.
    async fn read_rules_of(&self, pass: &mut Pass, version: u64) -> Result<(), Stop> {
        if pass.older.contains_key(&version) {
            return Ok(());
        }
        let (account, connection) = (&pass.account.id, &pass.connection.id);
        let then = self.stores.settings_version(account, connection, version).await?;
        let rules = then.and_then(|then| {
            Rules::compile(&then.settings, &pass.account.custom_fields, pass.rules.now()).ok()
        });
        pass.older.insert(version, rules);
        Ok(())
    }
}
