//! Why somebody is, or is not, among the contacts: each step that a run would take with this one
//! person, decided by the very rules of the runs. Nothing is written.

mod steps;
mod units;

use contact_sync_domain::account::Account;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::expression::TraceStep;
use contact_sync_domain::id::ConnectionId;
use contact_sync_domain::mapping::FieldOutcome;
use contact_sync_domain::reconcile::{View, Wanted};
use contact_sync_domain::scope::ClauseVerdict;
use contact_sync_domain::segment::SegmentItem;
use contact_sync_domain::settings::Settings;
use serde_json::Value;

pub use steps::Step;

use steps::About;
use units::name_units;

use super::directory::connected;
use super::explain_team::find_person;
use super::grounds::Grounds;
use super::{AdminError, Caller, Outside, Role};
use crate::port::SettingsStore;
use crate::sync::{Batch, Decided, Person, contacts_of_users, decide_batch, present};

/// Everything about one person.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The person as Graph tells it now; `None` when there is nobody of that name.
    pub user: Option<DirectoryUser>,
    /// What each clause of the scope says.
    pub scope: Vec<ClauseVerdict>,
    /// How the scope's condition came to its answer, part by part.
    pub condition: Vec<TraceStep>,
    /// Why another organisation of the tenant stands in the way.
    pub routing: Option<&'static str>,
    /// What the mapping gives.
    pub mapping: Vec<MappedBy>,
    /// The contact that is the person's, or would be taken over.
    pub contact: Option<Contact>,
    /// What a run would do, with what led to the contact.
    pub decision: Option<SegmentItem>,
    /// Whether the person is the account's: in scope and nobody else's, or with a contact here.
    pub is_ours: bool,
    /// The same as five steps, also of somebody whom the directory does not find.
    pub steps: Vec<Step>,
}

impl Explanation {
    /// The same for who may see the account's contacts and not the directory: of people who are
    /// not the account's only what each clause says, without anything about them.
    fn without_strangers(mut self) -> Self {
        if self.is_ours {
            return self;
        }
        let hidden = "told to operators only: the person is not in the account's scope";
        for clause in &mut self.scope {
            hidden.clone_into(&mut clause.because);
        }
        for step in &mut self.steps {
            hidden.clone_into(&mut step.because);
            step.details = Value::Null;
        }
        let decision = self.decision.map(|item| SegmentItem {
            reason: item.reason.as_ref().map(|_| hidden.to_owned()),
            fields: Vec::new(),
            pending: Vec::new(),
            ..item
        });
        Self { user: None, condition: Vec::new(), mapping: Vec::new(), decision, ..self }
    }
}

/// What a row of the mapping gives.
#[derive(Debug, Clone, PartialEq)]
pub struct MappedBy {
    /// The field.
    pub target: String,
    /// The row's expression.
    pub source: String,
    /// What becomes of the field: `write`, `clear`, `keep`, `unknown`, `fail`.
    pub outcome: &'static str,
    /// The value, where one is written.
    pub value: Option<Value>,
    /// Why it fails.
    pub reason: Option<String>,
}

/// Explains one person, named by object id, UPN or e-mail, to a caller: callers who may only look
/// learn nothing about people of the directory who are not the account's.
pub async fn explain_to(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    id: &ConnectionId,
    who: &str,
) -> Result<Explanation, AdminError> {
    let mut told = explain(outside, account, id, who).await?;
    let tenant = connected(outside, &account.id, id).await?.id;
    let settings = outside.store().settings(&account.id, id).await?;
    let about = About { account, connection: id, tenant: &tenant, settings: &settings };
    let user = told.user.as_ref().map(|user| user.id.clone());
    told.steps = if let Some(user) = user {
        steps::of_present(outside, about, &told, &user).await?
    } else {
        let person = find_person(outside, account, who).await?;
        told.is_ours = person.contact().is_some_and(|contact| {
            contact.link.as_ref().is_some_and(|link| link.connection_id == *id)
        });
        told.contact = person.contact().filter(|_| told.is_ours).cloned();
        steps::of_gone(outside, about, &person, who).await?
    };
    let sees_all = caller.has(Role::Operator).is_ok();
    Ok(if sees_all { told } else { told.without_strangers() })
}

/// Explains one person.
pub(super) async fn explain(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    who: &str,
) -> Result<Explanation, AdminError> {
    let store = outside.store();
    let tenant = connected(outside, &account.id, id).await?.id;
    let settings = store.settings(&account.id, id).await?.settings;
    let mut told = Explanation {
        user: None,
        scope: Vec::new(),
        condition: Vec::new(),
        routing: None,
        mapping: Vec::new(),
        contact: None,
        decision: None,
        is_ours: false,
        steps: Vec::new(),
    };
    let grounds = Grounds::of(outside, account, id, &tenant, &settings).await?;
    let Some(user) = grounds.find_user(outside, who).await? else { return Ok(told) };
    let (rules, terms) = (&grounds.rules, grounds.terms());
    told.scope = rules.scope().explain(&user, &grounds.memberships, rules.now());
    let members = (&grounds.memberships, &user.id);
    name_units(outside.directory(), &tenant, &settings.scope, members, &mut told.scope).await;
    told.condition = rules.scope().trace_condition(&user, rules.now());
    if let View::In(wanted) = rules.view(&user, &grounds.memberships) {
        told.mapping = mapped(&settings, &wanted);
        told.routing = grounds.rivals.route(&user, rules.now()).because();
        told.is_ours = told.routing.is_none();
    }
    let users = std::slice::from_ref(&user.id);
    let own = contacts_of_users(store, &account.id, &tenant, users).await?;
    let people = own.iter().map(|own| (Person::Here(user.clone(), terms.view(&user)), own.clone()));
    let mut decided = Decided::default();
    let batch = Batch::unknown(people.collect());
    decide_batch(store, terms, &mut None, batch, &mut decided).await?;
    told.decision = decided.items.pop();
    let taken = told.decision.as_ref().and_then(|item| item.contact_id.as_ref());
    let mut contacts = own.iter().chain(taken).map(|id| decided.stored.get(id));
    told.contact = contacts.find_map(|stored| present(stored).cloned());
    let is_his = |contact: &Contact| contact.is_linked_to(id, &user.id);
    told.is_ours |= told.contact.as_ref().is_some_and(is_his);
    told.user = Some(user);
    Ok(told)
}

fn mapped(settings: &Settings, wanted: &Wanted) -> Vec<MappedBy> {
    let source = |target: &str| {
        let row = settings.mapping.iter().rev().find(|row| row.target == target);
        row.map(|row| row.source.clone()).unwrap_or_default()
    };
    let tell = |target: String, outcome: &FieldOutcome| {
        let (outcome, value, reason) = match outcome {
            FieldOutcome::Write(value) => ("write", Some(value.clone()), None),
            FieldOutcome::Clear => ("clear", None, None),
            FieldOutcome::Keep => ("keep", None, None),
            FieldOutcome::Absent => ("unknown", None, None),
            FieldOutcome::Fail { reason, .. } => ("fail", None, Some(reason.clone())),
        };
        MappedBy { source: source(&target), target, outcome, value, reason }
    };
    let fields = wanted.mapped().values.iter();
    fields.map(|field| tell(field.target.to_string(), &field.outcome)).collect()
}
