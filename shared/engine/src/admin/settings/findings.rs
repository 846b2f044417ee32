//! What looking at people with some settings shows.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::guard::LimitView;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::review::ReviewUser;
use contact_sync_domain::scope::Clause;
use serde::Serialize;

/// How many people are named for one reason.
const EXAMPLES: usize = 5;

/// Somebody by whom an admin recognises what is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// Who.
    pub object_id: ObjectId,
    /// The display name in the directory.
    pub display_name: Option<String>,
    /// The user principal name.
    pub user_principal_name: Option<String>,
}

impl Example {
    pub(super) fn of(user: &DirectoryUser) -> Self {
        Self {
            object_id: user.id.clone(),
            display_name: user.text("displayName").map(str::to_owned),
            user_principal_name: user.text("userPrincipalName").map(str::to_owned),
        }
    }

    /// Somebody of whom only the contact tells.
    pub(super) fn of_contact(user: &ObjectId, contact: &Contact) -> Self {
        let ReviewUser { object_id, display_name, user_principal_name } =
            ReviewUser::of_contact(user, contact);
        Self { object_id, display_name, user_principal_name }
    }
}

/// How many, and some of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

impl Counted {
    pub(super) fn add(&mut self, user: &DirectoryUser) {
        self.note(|| Example::of(user));
    }

    /// Somebody more; who it is, is asked only while there is room for examples.
    pub(super) fn note(&mut self, who: impl FnOnce() -> Example) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(who());
        }
    }
}

/// Why people would fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasonCount {
    /// A stable name of the rule.
    pub code: &'static str,
    /// Where in the document it comes from.
    pub pointer: String,
    /// Which field it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// What to correct, and where.
    pub remedy: String,
    /// How many, and some of them.
    #[serde(flatten)]
    pub people: Counted,
}

/// Whom a clause of the scope decides about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClauseCount {
    /// Which clause.
    pub clause: Clause,
    /// How many, and some of them.
    #[serde(flatten)]
    pub people: Counted,
}

/// People who want one e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedEmail {
    /// The address.
    pub email: String,
    /// How many, and some of them.
    #[serde(flatten)]
    pub people: Counted,
}

/// Contacts whose users left, by why and by what becomes of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeavingCount {
    /// Why, as `policies.removal` names it.
    pub cause: &'static str,
    /// What becomes of them, as `policies.removal` names it.
    pub action: &'static str,
    /// How many, and some of them.
    #[serde(flatten)]
    pub people: Counted,
}

/// What the guard would say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardForecast {
    /// Contacts that the run would take something from.
    pub removals: u64,
    /// How many the guard allows in its window.
    pub allowed: u64,
    /// How many of them are left.
    pub left: u64,
    /// Whether all of them would wait.
    pub would_stop: bool,
    /// What the limits of causes say.
    pub limits: Vec<LimitView>,
}

/// A mapping of a group to a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TeamCount {
    /// The group.
    pub group: ObjectId,
    /// The team; `None` of one that is not made yet.
    pub team: Option<String>,
    /// The name of one that is not made yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
    /// Members of the group who have a contact, or would get one.
    pub members: u64,
}

/// What would become of everybody that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surveyed {
    /// People read.
    pub seen: u64,
    /// Whether only some members of a group were read: who comes or goes is not known then.
    pub sampled: bool,
    /// People whom the scope means.
    pub in_scope: u64,
    /// People without a contact who would get one.
    pub would_create: u64,
    /// People whose contact would change.
    pub would_update: u64,
    /// People who would be linked to a contact that is there already.
    pub would_link: Counted,
    /// People whose contact is right.
    pub unchanged: u64,
    /// People who would wait for review.
    pub would_await: u64,
    /// People in scope for whom a policy does nothing.
    pub left_alone: u64,
    /// People in scope who would fail.
    pub would_fail: u64,
    /// People outside the scope, or left to another organisation of the tenant.
    pub would_skip: u64,
    /// Of them, those whom another organisation takes.
    pub of_others: Counted,
    /// Of them, those whom nobody takes, since another organisation means them too.
    pub contested: Counted,
    /// Why people would fail.
    pub by_reason: Vec<ReasonCount>,
    /// Which clauses keep people out.
    pub skipped_by: Vec<ClauseCount>,
    /// People whom the saved settings do not mean and these do, by the clause that kept them out.
    pub newly_in: Vec<ClauseCount>,
    /// People whom the saved settings mean and these do not, by the clause that keeps them out.
    pub newly_out: Vec<ClauseCount>,
    /// What becomes of contacts whose users left the scope or the directory.
    pub leaving: Vec<LeavingCount>,
    /// What the guard would say to those that take something away; absent where nobody knows
    /// which contacts are linked.
    pub guard: Option<GuardForecast>,
    /// How many people with a contact each mapping of a group to a team has.
    pub teams: Vec<TeamCount>,
    /// How many addresses several people want.
    pub shared_emails: u64,
    /// Some of them.
    pub shared: Vec<SharedEmail>,
}
