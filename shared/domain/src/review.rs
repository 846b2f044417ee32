//! Reviews: decisions that wait for a person, and what people decided.
//!
//! Each user of a connection has at most one review item, in one list. Items are derived from what
//! a run's page intended and what became of it, so that a replay or the next run asks nothing anew.

mod decided;
mod departure;
mod effect;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::contact::{Contact, ContactStatus};
use crate::directory::DirectoryUser;
use crate::id::{ConnectionId, ContactId, ObjectId, ReviewId};
use crate::matching::Match;
use crate::segment::FieldChange;

mod place;

pub use decided::{Decision, Rejected, RejectedSet};
pub use departure::Departure;
pub use effect::{Effect, Seen};
pub use place::DecisionPlace;

/// The lists in which decisions wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReviewList {
    /// Users for whom a contact was found that exists already.
    Matched,
    /// Users without a contact.
    Available,
    /// Users whom people ignore.
    Ignored,
    /// Contacts that would change.
    Changes,
    /// Contacts whose users left.
    Removals,
    /// Users for whom nobody but a person can decide.
    Conflicts,
}

impl ReviewList {
    /// Every list.
    pub const ALL: [Self; 6] = [
        Self::Matched,
        Self::Available,
        Self::Ignored,
        Self::Changes,
        Self::Removals,
        Self::Conflicts,
    ];

    /// The word in addresses and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Available => "available",
            Self::Ignored => "ignored",
            Self::Changes => "changes",
            Self::Removals => "removals",
            Self::Conflicts => "conflicts",
        }
    }

    /// The list of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.name() == name)
    }

    /// What a person may do with an item of this list, the obvious first.
    pub fn actions(self) -> &'static [ReviewAction] {
        use ReviewAction as A;
        match self {
            Self::Matched => &[A::Accept, A::Link, A::Create, A::Ignore, A::Reject],
            Self::Available => &[A::Create, A::Accept, A::Link, A::Ignore],
            Self::Ignored => &[A::Unignore],
            Self::Changes => &[A::Accept, A::Reject, A::Unlink, A::Ignore],
            Self::Removals => &[A::Unlink, A::Delete, A::Keep, A::Accept, A::Reject],
            Self::Conflicts => {
                &[A::Link, A::Merge, A::Create, A::Keep, A::Ignore, A::Unlink, A::Delete]
            }
        }
    }
}

/// What a person does with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReviewAction {
    /// Do what is proposed: link the match, make the contact, apply the change, unlink who left.
    Accept,
    /// Leave this user alone from now on.
    Ignore,
    /// Look at this user again.
    Unignore,
    /// Link the user to a contact: the one named, else the candidate.
    Link,
    /// Make a contact.
    Create,
    /// Cut the tie; the contact keeps its fields.
    Unlink,
    /// Delete the contact; its user goes on the ignore list.
    Delete,
    /// Make one contact of the user's own and the one named, which stays.
    Merge,
    /// Leave everything as it is, and do not ask again.
    Keep,
    /// Refuse what is proposed, and do not ask again.
    Reject,
}

impl ReviewAction {
    /// Every action.
    pub const ALL: [Self; 10] = [
        Self::Accept,
        Self::Ignore,
        Self::Unignore,
        Self::Link,
        Self::Create,
        Self::Unlink,
        Self::Delete,
        Self::Merge,
        Self::Keep,
        Self::Reject,
    ];

    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Ignore => "ignore",
            Self::Unignore => "unignore",
            Self::Link => "link",
            Self::Create => "create",
            Self::Unlink => "unlink",
            Self::Delete => "delete",
            Self::Merge => "merge",
            Self::Keep => "keep",
            Self::Reject => "reject",
        }
    }

    /// The action of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// The directory user of a review item, by the names under which people know him.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewUser {
    /// The user.
    pub object_id: ObjectId,
    /// The name, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The UPN, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_principal_name: Option<String>,
}

impl ReviewUser {
    /// A user as the directory tells of him.
    pub fn of(user: &DirectoryUser) -> Self {
        let text = |name: &str| user.text(name).map(str::to_owned);
        Self {
            object_id: user.id.clone(),
            display_name: text("displayName"),
            user_principal_name: text("userPrincipalName"),
        }
    }

    /// A user who is in the directory no more, as his contact tells of him.
    pub fn of_contact(user: &ObjectId, contact: &Contact) -> Self {
        let name = contact.fields.get(&crate::contact::ContactField::DisplayName).cloned();
        let link = contact.link.as_ref();
        Self {
            object_id: user.clone(),
            display_name: name,
            user_principal_name: link.and_then(|link| link.user_principal_name.clone()),
        }
    }
}

/// What an item of a segment asks of people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// In which list.
    pub list: ReviewList,
    /// About whom.
    pub user: ReviewUser,
    /// The contacts that come into question, the likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<ContactId>,
    /// In which versions they stand, where people alone write them: runs write those of whoever is in
    /// the directory, which says nothing of what people changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<ContactId, u64>,
    /// What we would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggested: Option<ReviewAction>,
    /// What led to it and what is planned, where the user left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub departure: Option<Box<Departure>>,
    /// The status that the contact would get, where it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ContactStatus>,
}

/// A decision that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewItem {
    /// Whose.
    pub account_id: crate::id::AccountId,
    /// Of which connection.
    pub connection_id: ConnectionId,
    /// In which list.
    pub list: ReviewList,
    /// Rises whenever what is asked changes; what a person decides names it.
    pub version: u64,
    /// About whom.
    pub user: ReviewUser,
    /// The contact concerned, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// The contacts that come into question, the likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<ContactId>,
    /// In which versions the contacts stood when it was asked, where that is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<ContactId, u64>,
    /// What would change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// The status that the contact would get, where it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ContactStatus>,
    /// What led to the contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<Match>,
    /// What we would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggested: Option<ReviewAction>,
    /// What led to it and what is planned, where the user left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub departure: Option<Box<Departure>>,
    /// Why it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a person can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The run that asked.
    pub run: String,
    /// Since when it waits in this list.
    pub since: Timestamp,
}

impl ReviewItem {
    /// Its id: a connection asks once about each user.
    pub fn id(&self) -> ReviewId {
        ReviewId::of(&self.user.object_id)
    }

    /// Whether both ask the same, whenever and however often, and of whichever versions.
    pub fn asks_as(&self, other: &Self) -> bool {
        let bare = |item: &Self| Self {
            version: 0,
            versions: BTreeMap::new(),
            run: String::new(),
            since: Timestamp::UNIX_EPOCH,
            ..item.clone()
        };
        bare(self) == bare(other)
    }
}

#[cfg(test)]
mod tests;
