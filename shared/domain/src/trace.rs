//! What a write leaves behind, so that a contact's past can be told: where sync's change before it
//! lies, and what stood before.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contact::{Contact, ContactField, ContactSource, ContactStatus, Link, SyncMark, Target};
use crate::id::RunId;
use crate::reconcile::GoneCause;
use crate::segment::{Outcome, Prior, SegmentItem, Trace};

impl Prior {
    /// What a contact's mark names; `None` for the mark of a decision, and for one that names no
    /// run.
    pub fn of(mark: &SyncMark) -> Option<Self> {
        let run = RunId::parse(&mark.run).ok().filter(|_| mark.page != SyncMark::NO_PAGE);
        run.map(|run| Self { run, page: mark.page })
    }
}

impl Trace {
    /// The trace of a write over a contact as it was read; none where sync never wrote it.
    pub fn over(contact: &Contact) -> Option<Box<Self>> {
        let prior = contact.sync.as_ref().and_then(Prior::of)?;
        Some(Box::new(Self { prior: Some(prior), ..Self::default() }))
    }

    /// The same, with what stood before beyond the fields that change.
    pub fn replacing(contact: &Contact, before: Image) -> Self {
        let over = Self::over(contact).map(|trace| *trace).unwrap_or_default();
        Self { before: Some(Box::new(before)), ..over }
    }

    /// The same of somebody who left; all values are kept where the contact itself goes.
    pub fn of_leaver(contact: &Contact, cause: GoneCause, outcome: Outcome) -> Self {
        let goes = outcome == Outcome::Delete;
        let before = if goes { Image::whole(contact) } else { Image::of(contact) };
        Self { cause: Some(cause), ..Self::replacing(contact, before) }
    }
}

impl SegmentItem {
    /// Digest of what the decision took from the directory, whether or not the contact is marked with
    /// it.
    pub fn told(&self) -> Option<&str> {
        self.fingerprint.as_deref().or_else(|| self.trace.as_ref()?.told.as_deref())
    }

    /// Leaves the contact without its mark, so that the next run decides it anew.
    pub fn unmark(&mut self) {
        if let Some(told) = self.fingerprint.take() {
            self.trace.get_or_insert_default().told = Some(told);
        }
    }
}

/// A contact at a moment, without what identifies it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Whether the person was active.
    pub status: ContactStatus,
    /// The tie to a directory user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// The targets that sync managed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_fields: Vec<Target>,
    /// Whether only a person might take it away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// Who made it.
    pub source: ContactSource,
    /// When it was made.
    pub created_at: Timestamp,
    /// All values, where the contact itself goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<Box<Values>>,
}

/// All values of a contact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Values {
    /// The standard fields.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<ContactField, String>,
    /// The account's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom: BTreeMap<String, Value>,
}

impl Image {
    /// A contact without its values.
    pub fn of(contact: &Contact) -> Self {
        Self {
            status: contact.status,
            link: contact.link.clone(),
            managed_fields: contact.managed_fields.clone(),
            protected: contact.protected,
            source: contact.source,
            created_at: contact.created_at,
            whole: None,
        }
    }

    /// A contact with all its values.
    pub fn whole(contact: &Contact) -> Self {
        let (fields, custom) = (contact.fields.clone(), contact.custom.clone());
        Self { whole: Some(Box::new(Values { fields, custom })), ..Self::of(contact) }
    }
}
