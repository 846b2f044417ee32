//! Plans: what a run would do, found out without doing any of it, with a hash that binds whoever
//! approves it to exactly that.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::actor::Actor;
use crate::drift::Moved;
use crate::guard::LimitView;
use crate::id::{ObjectId, TeamId};
use crate::reconcile::GoneCause;
use crate::report::Happened;
use crate::segment::{MembershipChange, Outcome, SegmentItem};
use crate::team::role_of;

/// How long a plan can be applied.
pub const PLAN_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// What a run would do. Its pages are the first of the run; what is applied of it follows them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Digest of all that it would do (64 hexadecimal digits).
    pub hash: String,
    /// How many pages it has.
    pub pages: u32,
    /// From what it was made.
    pub basis: Basis,
    /// What it comes to.
    pub summary: Summary,
    /// When it was made.
    pub made_at: Timestamp,
    /// Until when it can be applied.
    pub expires_at: Timestamp,
    /// Who approved it; absent while it only shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
}

/// From what a plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// The settings that were current.
    pub settings_version: u64,
    /// Whether it was made under a draft that goes beyond them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
}

/// Who approved a plan, or the removals that the guard held back in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approved {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// The number of removals that they confirmed, where there are more than the guard allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removals: Option<u64>,
    /// The people about whom it is applied, where that is not everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<ObjectId>>,
}

/// What a plan comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// How many people each thing would happen to.
    pub by_kind: BTreeMap<Happened, u64>,
    /// How many contacts would get another value in a field, by the field's name.
    pub by_field: BTreeMap<String, u64>,
    /// The sentences that say why, the most frequent first.
    pub by_reason: Vec<Reason>,
    /// Removals by what led to them.
    pub removals: BTreeMap<GoneCause, u64>,
    /// How many linked people would be meant no more, by what led to it: whatever becomes of their
    /// contacts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub leaving: BTreeMap<GoneCause, u64>,
    /// What the removal guard says to them.
    pub guard: GuardView,
    /// How many memberships in teams would begin and end.
    pub teams: TeamsView,
    /// How many people would be welcomed by mail at most: nobody is welcomed twice.
    #[serde(skip_serializing_if = "is_none")]
    pub welcomes: u64,
    /// Of the contacts that taking back would delete: how many were to be welcomed when they were
    /// made. A mail is not taken back.
    #[serde(skip_serializing_if = "is_none")]
    pub welcomed: u64,
    /// How many people would come off the ignore list, on which decisions had put them that taking
    /// back takes back.
    #[serde(skip_serializing_if = "is_none")]
    pub unignored: u64,
    /// Teams that applying it makes first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub new_teams: Vec<NewTeam>,
    /// Of a drift audit: how many differences came of which side.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub moved: BTreeMap<Moved, u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes by reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// A team that is made when a plan is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewTeam {
    /// The id that it gets.
    pub id: TeamId,
    /// Its name.
    pub name: String,
}

/// How many memberships in teams a plan would begin and end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TeamsView {
    /// Contacts that would join a team, each once for each team.
    pub joins: u64,
    /// Contacts that would leave one.
    pub leaves: u64,
    /// Contacts that would stay, with another role by the groups.
    pub roles: u64,
}

impl TeamsView {
    /// Counts what changes of a membership.
    pub fn add(&mut self, change: &MembershipChange) {
        match change.stands() {
            (false, true) => self.joins += 1,
            (true, false) => self.leaves += 1,
            (true, true) => self.roles += u64::from(role_of(&change.old) != role_of(&change.new)),
            (false, false) => {}
        }
    }
}

/// A sentence that says why something would happen to people, or would not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The sentence.
    pub reason: String,
    /// What a person can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// How many people it concerns.
    pub count: u64,
}

/// What the removal guard says to a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GuardView {
    /// How many contacts the plan would unlink, deactivate or delete.
    pub count: u64,
    /// How many one window allows.
    pub allowed: u64,
    /// How many of them are left.
    pub left: u64,
    /// Whether the guard would hold them back, or some of them.
    pub holds: bool,
    /// What the limits of causes and groups say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitView>,
}

/// What a plan intends for one person, after what earlier pages of it intended (0 = nothing yet):
/// the leading 128 bits of a digest. Where nothing would happen and nobody is asked, and where
/// the end of the plan decides, nothing is added.
///
/// # Errors
/// When the intention cannot be written as JSON.
pub fn intention(
    before: u128,
    item: &SegmentItem,
    outcome: Outcome,
) -> Result<u128, serde_json::Error> {
    if !item.memberships().is_empty() {
        return digested(before, &(&item.contact_id, item.memberships()));
    }
    let quiet = matches!(outcome, Outcome::Unchanged | Outcome::Skipped | Outcome::Keep);
    if (quiet && item.question.is_none()) || outcome == Outcome::Deferred {
        return Ok(before);
    }
    let told = (
        (&item.contact_id, outcome, item.version, item.adopted),
        (&item.fields, &item.pending, &item.link, &item.status),
        item.question.as_deref().map(|question| (question.list, &question.candidates)),
    );
    match item.trace.as_ref().and_then(|trace| trace.after.as_ref()) {
        Some(after) => digested(before, &(told, after)),
        None => digested(before, &told),
    }
}

fn digested(before: u128, told: &impl Serialize) -> Result<u128, serde_json::Error> {
    let digest = Sha256::new()
        .chain_update(before.to_be_bytes())
        .chain_update(serde_json::to_vec(told)?)
        .finalize();
    let leading = digest.iter().take(16);
    Ok(leading.fold(0, |bits, byte| (bits << 8) | u128::from(*byte)))
}

/// The hash of a plan (64 hexadecimal digits): what it was made from, what it intends for whom, each
/// by the 128 bits of the object id, and how many people it read. On how many pages it came about
/// does not matter.
pub fn plan_hash(basis: &Basis, mut intentions: Vec<(u128, u128)>, people: u64) -> String {
    intentions.sort_unstable();
    let mut digest = Sha256::new()
        .chain_update(basis.settings_version.to_be_bytes())
        .chain_update([u8::from(basis.draft)])
        .chain_update(people.to_be_bytes());
    for (person, intended) in intentions {
        digest.update(person.to_be_bytes());
        digest.update(intended.to_be_bytes());
    }
    let digest = digest.finalize();
    digest.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ContactId, ObjectId};
    use crate::reconcile::blank_item;

    fn item(user: u128, outcome: Outcome) -> SegmentItem {
        let contact = ContactId::from_bits(user);
        blank_item(&ObjectId::from_u128(user), Some(contact), outcome)
    }

    fn hash(items: &[SegmentItem], basis: &Basis) -> String {
        let intended = items
            .iter()
            .map(|item| (item.object_id.as_u128(), intention(0, item, item.outcome).unwrap()));
        let intended = intended.filter(|(_, intended)| *intended != 0).collect();
        plan_hash(basis, intended, u64::try_from(items.len()).unwrap())
    }

    #[test]
    fn a_plan_that_would_do_anything_else_has_another_hash() {
        let basis = Basis { settings_version: 3, draft: false };
        let planned = [item(1, Outcome::Create), item(2, Outcome::Unchanged)];
        let same = hash(&planned, &basis);
        assert_eq!(same.len(), 64);
        assert_eq!(hash(&planned, &basis), same);
        let others = [
            vec![item(1, Outcome::Create)],
            vec![item(1, Outcome::Delete), item(2, Outcome::Unchanged)],
            vec![item(3, Outcome::Create), item(2, Outcome::Unchanged)],
            vec![
                SegmentItem { version: 4, ..item(1, Outcome::Create) },
                item(2, Outcome::Unchanged),
            ],
        ];
        for other in others {
            assert_ne!(hash(&other, &basis), same, "{other:?}");
        }
        assert_ne!(hash(&planned, &Basis { draft: true, ..basis }), same);
    }
}
