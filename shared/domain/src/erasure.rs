//! Forgetting one person: what a receipt says.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::contact::Contact;
use crate::id::{AccountId, ConnectionId, ContactId, ErasureId, ObjectId, RunId, TenantId};

/// For how long backups of the tables go back.
pub const BACKUPS_LAST: SignedDuration = SignedDuration::from_hours(35 * 24);

/// For how long an invocation that goes through what runs left may be at it.
const LONGEST_SLICE: SignedDuration = SignedDuration::from_mins(4);

/// How far forgetting came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ErasureState {
    /// Not done yet: the same request goes on.
    Working,
    /// Whatever stands for the present is gone; what runs left is being gone through.
    Redacting,
    /// Nothing tells of the person any more.
    Done,
    /// That was so; since then the person may be synced again.
    Lifted,
}

/// What was found of a person, and is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Erasures {
    /// The contact, those that were merged into it, and another of the same user.
    pub contacts: u64,
    /// Memberships of teams, ended ones too.
    pub memberships: u64,
    /// What people did to the contact.
    pub history: u64,
    /// Questions about the person, or with the contact among the answers.
    pub reviews: u64,
    /// What people decided.
    pub decisions: u64,
    /// What is not asked again.
    pub refusals: u64,
    /// What waited for the end of a run.
    pub waiting: u64,
    /// Answers kept for requests that are sent again.
    pub answers: u64,
    /// Pages of runs that named the person.
    pub pages: u64,
    /// Files of reports that did.
    pub reports: u64,
    /// Events that showed the contact.
    pub events: u64,
    /// Versions and drafts of settings whose ignore lists named the person.
    pub settings: u64,
    /// Photos, also one of which nothing was known any more.
    pub photos: u64,
}

/// What stays of a person who was forgotten, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// What.
    pub what: &'static str,
    /// Why.
    pub why: &'static str,
}

/// All that stays.
pub const KEPT: [Kept; 5] = [
    Kept {
        what: "contactId",
        why: "a hash of account, tenant and user in the contact's place: by it sync knows whom to \
              make no contact of",
    },
    Kept {
        what: "welcome",
        why: "where a welcome mail was sent: the contact's id, and a digest of the address, which do \
              not lead to each other; nobody is welcomed twice",
    },
    Kept {
        what: "audit",
        why: "what people asked the API for, by path, and a path may hold the contact's or the \
              user's id: the chain proves that nothing was changed in it",
    },
    Kept {
        what: "groupMembers",
        why: "object ids in the lists of who is in the groups that the settings name: the directory \
              still has the person there, and each run would read it again",
    },
    Kept { what: "backups", why: "copies of the tables go by their own age, at `backupsUntil`" },
];

/// What stays beside that where the user's own id is another contact's.
pub const KEPT_USER: Kept = Kept {
    what: "userId",
    why: "the user's object id: the contact that sync once made for the user is another's or nobody's \
          by now, so that only a note of its own tells sync to make none; `left` names the contact",
};

impl Erasures {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            contacts: self.contacts + other.contacts,
            memberships: self.memberships + other.memberships,
            history: self.history + other.history,
            reviews: self.reviews + other.reviews,
            decisions: self.decisions + other.decisions,
            refusals: self.refusals + other.refusals,
            waiting: self.waiting + other.waiting,
            answers: self.answers + other.answers,
            pages: self.pages + other.pages,
            reports: self.reports + other.reports,
            events: self.events + other.events,
            settings: self.settings + other.settings,
            photos: self.photos + other.photos,
        }
    }
}

/// The user of a directory whose contact it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasedUser {
    /// Through which connection the contact was linked.
    pub connection_id: ConnectionId,
    /// Of which tenant.
    pub tenant_id: TenantId,
    /// Who.
    pub object_id: ObjectId,
}

impl ErasedUser {
    /// The contact that sync would make of the user.
    pub fn derived(&self, account: &AccountId) -> ContactId {
        ContactId::derived(account, &self.tenant_id, &self.object_id)
    }

    /// Whether a contact is linked to this user.
    pub fn has(&self, contact: &Contact) -> bool {
        contact.link.as_ref().is_some_and(|link| {
            link.tenant_id == self.tenant_id && link.object_id == self.object_id
        })
    }
}

/// What a receipt knows of contacts beside the one that was the person's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OtherContacts {
    /// Those that were made part of the person's, or of one that was: what was kept of them goes, too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<ContactId>,
    /// Those that stand under an id of the person's and are another's, or nobody's: nothing was done
    /// to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<ContactId>,
    /// The users whom a note keeps from getting a contact, since their own id is such a contact's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub noted: Vec<ErasedUser>,
}

impl OtherContacts {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// By what a person is found while forgetting is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasedPerson {
    /// The user, if the contact was linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ErasedUser>,
    /// The key of the contact's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_key: Option<String>,
}

/// How far going through what runs left came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redaction {
    /// The next entry of the account's event log; absent once all were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// Whether the log does not tell yet that the contact was removed: what it is told before that
    /// may show the contact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_untold: bool,
    /// The run that is next, newest first within its connection; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<RedactionPlace>,
    /// Whether every run was gone through once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_through: bool,
    /// Runs that were at work then, or whose report was: once they are at rest they are gone
    /// through again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<RedactionPlace>,
    /// Whether nothing can be done but to wait for them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
}

impl Redaction {
    /// At the beginning.
    pub fn begun() -> Self {
        Self {
            events: Some(0),
            is_untold: false,
            at: None,
            is_through: false,
            open: Vec::new(),
            waits: false,
        }
    }

    /// Whether nothing is left to go through or to wait for.
    pub fn is_done(&self) -> bool {
        self.is_through && self.events.is_none() && self.open.is_empty()
    }
}

/// A run that is being gone through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RedactionPlace {
    /// Of which connection.
    pub connection: ConnectionId,
    /// Which.
    pub run: RunId,
    /// Its next page.
    pub page: u32,
}

/// What is shown for a person who was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasureReceipt {
    /// Its id; one for each contact.
    pub id: ErasureId,
    /// Whose.
    pub account_id: AccountId,
    /// The contact that was the person's.
    pub contact_id: ContactId,
    /// Raised by every write.
    pub version: u64,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// By whom: the token's `sub`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// How far it came.
    pub state: ErasureState,
    /// What was found.
    pub found: Erasures,
    /// When all that runs left (their pages, reports, told events) has gone by its own age.
    pub history_until: Timestamp,
    /// When no backup of the tables has the person any more.
    pub backups_until: Timestamp,
    /// Who it is, for as long as it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<ErasedPerson>,
    /// How far going through what runs left came, while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redaction: Option<Redaction>,
    /// When it was written last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_at: Option<Timestamp>,
    /// Under which other ids the person is kept from getting a contact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub barred: Vec<ContactId>,
    /// What is known of other contacts.
    #[serde(default, skip_serializing_if = "OtherContacts::is_empty")]
    pub others: OtherContacts,
    /// When the person was let in again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted_at: Option<Timestamp>,
}

impl ErasureReceipt {
    /// Under which other ids something may be kept of the person; the one that goes last is the one
    /// nearest to the contact.
    pub fn other_ids(&self) -> Vec<ContactId> {
        let merged = self.others.merged.iter().rev();
        let barred = self.barred.iter().filter(|one| !self.others.merged.contains(one));
        merged.chain(barred).cloned().collect()
    }

    /// All that stays of the person.
    pub fn kept(&self) -> Vec<Kept> {
        let user = (!self.others.noted.is_empty()).then_some(KEPT_USER);
        KEPT.into_iter().chain(user).collect()
    }

    /// Where it is listed while what runs left is being gone through.
    pub fn open(&self) -> Option<OpenErasure> {
        let redaction = self.redaction.as_ref()?;
        Some(OpenErasure {
            account_id: self.account_id.clone(),
            receipt_id: self.id.clone(),
            step: self.version,
            waits: redaction.waits,
            written_at: self.written_at,
        })
    }
}

/// A receipt of a person whom what runs left may still name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenErasure {
    /// Whose.
    pub account_id: AccountId,
    /// Which.
    pub receipt_id: ErasureId,
    /// Its version.
    pub step: u64,
    /// Whether it waits for runs that are at work.
    #[serde(default)]
    pub waits: bool,
    /// When it was written last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_at: Option<Timestamp>,
}

impl OpenErasure {
    /// Whether somebody should go on with it: nobody has for so long that nobody is at it.
    pub fn is_left(&self, now: Timestamp) -> bool {
        let stood = self.written_at.map(|at| now.duration_since(at));
        self.waits || stood.is_none_or(|stood| stood >= LONGEST_SLICE)
    }
}
