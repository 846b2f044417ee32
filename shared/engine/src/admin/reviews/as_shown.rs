//! What was shown is what is decided: also of the contact that an item is about.

use std::collections::BTreeSet;

use contact_sync_domain::contact::Contact;
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::review::ReviewItem;
use contact_sync_domain::segment::FieldChange;

use super::desk::Desk;
use crate::admin::{AdminError, Outside};
use crate::port::HistoryStore;

/// How many of the latest things that people did to a contact are looked through.
const DEEDS: u16 = 50;

impl<O: Outside> Desk<'_, O> {
    /// Refuses a contact that is another than was shown: in the version that the request names, else
    /// in which it was asked about. Says what people changed since.
    pub(super) async fn check_shown(
        &self,
        item: &ReviewItem,
        contact: &Contact,
        named: Option<u64>,
    ) -> Result<(), AdminError> {
        match moved_from(item, contact, named) {
            Some(shown) => {
                let deeds = self.deeds_since(contact, shown).await?;
                Err(AdminError::ReviewMoved(told(contact, shown, &deeds)))
            }
            None => Ok(()),
        }
    }

    /// The same of the contact into which others are merged: what it took over from them, the same
    /// decision did, which died before it was on record.
    pub(super) async fn check_filled(
        &self,
        item: &ReviewItem,
        contact: &Contact,
        named: Option<u64>,
    ) -> Result<(), AdminError> {
        let Some(shown) = moved_from(item, contact, named) else { return Ok(()) };
        let deeds = self.deeds_since(contact, shown).await?;
        let filled = deeds.iter().filter(|deed| matches!(deed.what, HistoryKind::Filled { .. }));
        let filled = u64::try_from(filled.count()).unwrap_or(u64::MAX);
        if shown.checked_add(filled) == Some(contact.version) {
            return Ok(());
        }
        Err(AdminError::ReviewMoved(told(contact, shown, &deeds)))
    }

    /// What people wrote on a contact since a version, the newest first.
    async fn deeds_since(
        &self,
        contact: &Contact,
        shown: u64,
    ) -> Result<Vec<HistoryEntry>, AdminError> {
        let store = self.outside.store();
        let page = store.history(&self.account.id, &contact.id, None, DEEDS).await?;
        let deeds = page.map(|page| page.entries).unwrap_or_default();
        Ok(deeds.into_iter().filter(|deed| deed.version > shown && deed.what.writes()).collect())
    }
}

/// Refuses a contact on which other values stand than the item's changes were shown to replace.
pub(super) fn check_unedited(item: &ReviewItem, contact: &Contact) -> Result<(), AdminError> {
    let is_edited =
        |shown: &&FieldChange| contact.value(&shown.field).unwrap_or_default() != shown.old;
    let edited = item.changes.iter().filter(is_edited).map(|shown| shown.field.to_string());
    let edited: BTreeSet<String> = edited.collect();
    if edited.is_empty() {
        return Ok(());
    }
    let fields: Vec<String> = edited.into_iter().collect();
    Err(AdminError::ReviewMoved(format!(
        "the contact {} bears another value by now than was shown, of: {}; the item is renewed when \
         the next run looks, or at once by Sync Now",
        contact.id,
        fields.join(", ")
    )))
}

/// The version that was shown, where the contact is another by now.
fn moved_from(item: &ReviewItem, contact: &Contact, named: Option<u64>) -> Option<u64> {
    let shown = named.or_else(|| item.versions.get(&contact.id).copied())?;
    (shown != contact.version).then_some(shown)
}

/// What changed of a contact, and how it is decided all the same.
fn told(contact: &Contact, shown: u64, deeds: &[HistoryEntry]) -> String {
    let mut what: BTreeSet<String> = BTreeSet::new();
    for deed in deeds {
        what.extend(deed.changes.iter().map(|change| change.field.to_string()));
        match deed.what {
            HistoryKind::Protected => what.insert("it was protected".to_owned()),
            HistoryKind::Unprotected => what.insert("its protection was lifted".to_owned()),
            _ => continue,
        };
    }
    let what: Vec<String> = what.into_iter().collect();
    let what = if what.is_empty() { "by a run".to_owned() } else { what.join(", ") };
    let (id, version) = (&contact.id, contact.version);
    format!(
        "the contact {id} was shown in version {shown} and is in version {version} by now ({what}); \
         look at it, and send `contactVersion` {version}"
    )
}
