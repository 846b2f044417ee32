//! Segments: what one page of a run intended, stored before any contact is written.
//!
//! Report, timeline, provenance and undo read them, and a slice that takes over replays them
//! instead of deciding again.

mod membership;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actor::Actor;
use crate::contact::{LinkState, Target};
use crate::drift::Moved;
use crate::id::{ContactId, HistoryId, ObjectId, RunId, TeamId};
use crate::matching::Match;
use crate::reconcile::GoneCause;
use crate::review::Question;
use crate::settings::RemovalAction;
use crate::trace::Image;

pub use membership::MembershipChange;

/// One page of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    /// Which page of the run, counted from 0 over all its phases.
    pub page: u32,
    /// Raised each time a listing had to start again; older generations prove nothing.
    pub generation: u32,
    /// From what the page came.
    pub phase: Phase,
    /// The fence at which the page was requested: the `sourceVersion` of what it writes.
    pub fence: u64,
    /// Digest of the link that was called (hexadecimal).
    pub link_hash: String,
    /// Where the pass goes on after this page.
    pub next: NextStep,
    /// Everyone on the page, each once.
    pub items: Vec<SegmentItem>,
    /// Who of the round so far is still to be read by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<ObjectId>,
}

impl Segment {
    /// A page of these people that proves nothing of the directory: a first page on which nothing
    /// follows. What differs is set on it.
    pub fn of(page: u32, phase: Phase, fence: u64, items: Vec<SegmentItem>) -> Self {
        Self {
            page,
            generation: 0,
            phase,
            fence,
            link_hash: String::new(),
            next: NextStep::End,
            items,
            unclear: Vec::new(),
        }
    }
}

/// From what a page came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// A page of the user listing.
    List,
    /// A delta page that closes the listing, from the token taken before it.
    Drain,
    /// A delta page.
    Delta,
    /// Users read by id: joiners of a group, entries that lacked attributes.
    Reread,
    /// Removals judged at the end, and collisions resolved.
    Judgement,
    /// Memberships of teams that follow the mapped groups; its people are counted elsewhere.
    Teams,
    /// What is taken back of an earlier run.
    Undo,
    /// What is applied of a plan that somebody approved.
    Apply,
}

/// Where a pass goes on. Links are opaque and called verbatim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "step", content = "link")]
pub enum NextStep {
    /// Follow this next link.
    Next(String),
    /// The round is complete; this delta link continues from here.
    Delta(String),
    /// Nothing follows.
    End,
}

/// One person on a page and what was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentItem {
    /// The directory user.
    pub object_id: ObjectId,
    /// The contact concerned; absent for people without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// What was decided.
    pub outcome: Outcome,
    /// The contact's version before, 0 for a new one; the write's condition.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: u64,
    /// Field by field, old and new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Changes of fields whose policy is `review`: a person decides on each, whatever becomes of
    /// `fields`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<FieldChange>,
    /// The user's manager, where he had no contact when this was decided: looked for once more at
    /// the end of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits: Option<ObjectId>,
    /// Why: the scope clause, the failed field, the link state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a person can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The user's e-mail where no contact bears it: failed, skipped and waiting people's report row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The link's state and UPN after the change, where they change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkChange>,
    /// Digest of what the decision took from the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Whether the contact existed before and is taken over by this change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// Contacts that existed before and to which a key led this user: nobody gets one that others
    /// want, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wants: Vec<ContactId>,
    /// The status the contact gets, where it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<crate::contact::ContactStatus>,
    /// What led to a contact that existed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<Box<Match>>,
    /// What only a person can decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Box<Question>>,
    /// Where the change comes from and what it replaces; only on items that write a contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Box<Trace>>,
}

/// Where a change comes from and what it replaces.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Trace {
    /// The page that wrote the contact before: the history of a contact is a chain of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
    /// What led to a removal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<GoneCause>,
    /// Who approved of a removal that would have waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved: Option<ApprovedRemoval>,
    /// What changes of memberships in teams; on pages of phase `teams`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memberships: Vec<MembershipChange>,
    /// What stood before beyond the fields that change, where more than fields changes; with all
    /// values where the contact itself goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<Image>>,
    /// What stands again after a restoration, beyond the fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Box<Image>>,
    /// In which version each membership stands that is taken back beside the contact: one that moved
    /// since keeps all of it as it is. 0 where none stood.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub teams: BTreeMap<TeamId, u64>,
    /// What a person did that a restoration takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deed: Option<HistoryId>,
    /// The version of the settings by which the decision that a restoration takes back had put the
    /// user on the ignore list: he comes off it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored_in: Option<u64>,
    /// Which side moved, as a drift audit found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
    /// Whether the contact is protected, so that only people may do what the policies name.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// Digest of what the decision took from the directory, where the contact gets no mark of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
    /// The groups with a limit of removals to which a removal counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limited: Vec<ObjectId>,
}

/// Who approved of a removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovedRemoval {
    /// Who.
    pub by: Actor,
    /// Until when it may be done.
    pub until: Timestamp,
}

impl SegmentItem {
    /// Why the user is no longer meant, where that led to the change.
    pub fn cause(&self) -> Option<GoneCause> {
        self.trace.as_ref().and_then(|trace| trace.cause)
    }

    /// Who approved of the removal, where somebody had to.
    pub fn approved(&self) -> Option<&ApprovedRemoval> {
        self.trace.as_ref().and_then(|trace| trace.approved.as_ref())
    }

    /// Which sides moved, as a drift audit found out: of the contact, or of each membership.
    pub fn sides(&self) -> impl Iterator<Item = Moved> {
        let of_contact = self.trace.as_ref().and_then(|trace| trace.moved);
        of_contact.into_iter().chain(self.memberships().iter().filter_map(|change| change.moved))
    }

    /// What changes of the contact's memberships in teams.
    pub fn memberships(&self) -> &[MembershipChange] {
        self.trace.as_ref().map_or(&[], |trace| &trace.memberships)
    }
}

/// One page of a run, as the place where a change stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prior {
    /// The run.
    pub run: RunId,
    /// Its page.
    pub page: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What was decided about one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// A contact is made.
    Create,
    /// A contact changes.
    Update,
    /// The contact is right already.
    Unchanged,
    /// The scope does not mean this user.
    Skipped,
    /// The contact cannot be written.
    Failed,
    /// A person must decide.
    AwaitingReview,
    /// The address is another contact's at the moment, or somebody else may want the same contact:
    /// decided at the end of the run.
    Deferred,
    /// The user left the directory or the scope and the contact keeps its fields: only the link
    /// changes.
    StopUpdating,
    /// The tie to the user is cut.
    Unlink,
    /// The contact becomes inactive.
    Deactivate,
    /// The contact is deleted.
    Delete,
    /// The user left and the policy keeps everything as it is.
    Keep,
    /// A contact that was deleted, or a tie that was cut, comes back.
    Restore,
    /// It moved since the plan was made: nothing is done.
    Left,
}

/// One field of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// Which field.
    pub field: Target,
    /// Its value before; null when it had none.
    pub old: Value,
    /// Its value after; null when it is cleared.
    pub new: Value,
    /// The mapping source that gave it.
    pub source: String,
    /// The rule that decided: the row's policy.
    pub rule: String,
}

/// What a change makes of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkChange {
    /// The state before; absent when there was no link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<LinkState>,
    /// The state after.
    pub new: LinkState,
    /// The user's UPN as seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_principal_name: Option<String>,
    /// When the days of grace end, where the user left and more than this is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_at: Option<Timestamp>,
    /// What is planned for then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<RemovalAction>,
    /// Why the user is no longer meant, where he is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<GoneCause>,
}

impl LinkChange {
    /// From one state to another; of the UPN nothing is known.
    pub fn new(old: Option<LinkState>, new: LinkState) -> Self {
        Self { old, new, user_principal_name: None, acts_at: None, planned: None, cause: None }
    }
}

/// What became of an item when it was applied, where that differs from the intention.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deviation {
    /// The directory user.
    pub object_id: ObjectId,
    /// What it became.
    pub outcome: Outcome,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a person can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// What was written in its place, where it was decided anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Box<SegmentItem>>,
}

impl Deviation {
    /// What was done in an item's place, with what is left to tell beside it: where it was decided
    /// anew, that decision alone.
    pub fn instead(item: SegmentItem, went: Option<&Self>) -> (SegmentItem, Option<&Self>) {
        match went.and_then(|went| went.item.as_deref()) {
            Some(written) => (written.clone(), None),
            None => (item, went),
        }
    }

    /// That an item came to this outcome, for the item's reasons.
    pub fn of(item: &SegmentItem, outcome: Outcome) -> Self {
        Self {
            object_id: item.object_id.clone(),
            outcome,
            reason: item.reason.clone(),
            remedy: item.remedy.clone(),
            item: None,
        }
    }
}
