//! Why somebody is, or is not, among the contacts: each step that a run would take with this one
//! person, decided by the very rules of the runs. Nothing is written.

use contact_sync_domain::account::Account;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::expression::TraceStep;
use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId, TenantId};
use contact_sync_domain::mapping::FieldOutcome;
use contact_sync_domain::reconcile::{Claimant, Found, GoneCause, Rules, Tie, View, Wanted};
use contact_sync_domain::routing::{Rivals, Route};
use contact_sync_domain::scope::{ClauseVerdict, Memberships};
use contact_sync_domain::segment::SegmentItem;
use contact_sync_domain::settings::Settings;
use serde_json::Value;

use super::directory::connected;
use super::{AdminError, Outside};
use crate::port::{Clock, ContactStore, Directory, SettingsStore, StoredContact};
use crate::split::{Sharer, SplitError, sharers};
use crate::sync::lookup::Lookup;
use crate::sync::{GroupsError, MemberSets, read_groups, scope_groups};

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
    /// What a run would do; `None` when it could not tell.
    pub decision: Option<SegmentItem>,
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

/// Explains one person, named by object id, UPN or e-mail.
pub async fn explain(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    who: &str,
) -> Result<Explanation, AdminError> {
    let store = outside.store();
    let tenant = connected(outside, &account.id, id).await?.id;
    let settings = store.settings(&account.id, id).await?.settings;
    let now = outside.clock().now();
    let rules =
        Rules::compile(&settings, &account.custom_fields, now).map_err(AdminError::Invalid)?;
    let mut told = Explanation {
        user: None,
        scope: Vec::new(),
        condition: Vec::new(),
        routing: None,
        mapping: Vec::new(),
        contact: None,
        decision: None,
    };
    let selection = UserSelection::of(&settings);
    let found = outside.directory().find_user(&tenant, &selection, who).await?;
    let Some(user) = found else { return Ok(told) };
    let memberships = memberships(outside, account, id, &tenant, &settings).await?;
    told.scope = rules.scope().explain(&user, &memberships, now);
    told.condition = rules.scope().trace_condition(&user, now);
    let view = rules.view(&user, &memberships);
    let existing = own_contact(outside, account, &tenant, &user.id).await?;
    let tie = Tie { connection: id, tenant: &tenant };
    match view {
        View::Unknown { .. } | View::Failed { .. } => {}
        View::Out { cause, because } => {
            let item = rules.decide_gone(&user.id, existing.as_ref(), cause, &because, tie);
            told.decision = Some(item);
        }
        View::In(wanted) => {
            told.mapping = mapped(&settings, &wanted);
            let route = route(outside, &tenant, id, &settings, &user, &rules).await?;
            told.routing = route.because();
            told.decision = match route {
                Route::Theirs => Some(rules.decide_gone(
                    &user.id,
                    existing.as_ref(),
                    GoneCause::OutOfScope,
                    told.routing.unwrap_or_default(),
                    tie,
                )),
                Route::Unknown { .. } => None,
                Route::Contested if !is_linked(existing.as_ref(), id, &user.id) => None,
                Route::Contested | Route::Ours => {
                    let existing = existing.as_ref();
                    Some(decide(outside, account, &rules, &user, &wanted, existing, tie).await?)
                }
            };
        }
    }
    let taken = told.decision.as_ref().and_then(|item| item.contact_id.clone());
    told.contact = match (existing, taken) {
        (Some(contact), _) => Some(contact),
        (None, Some(taken)) => contact(outside, account, &taken).await?,
        (None, None) => None,
    };
    told.user = Some(user);
    Ok(told)
}

async fn memberships(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    tenant: &TenantId,
    settings: &Settings,
) -> Result<Memberships, AdminError> {
    let groups = scope_groups(&settings.scope);
    let sets = match MemberSets::load(outside.blobs(), &account.id, id, &groups).await? {
        Some(sets) => sets,
        None => match read_groups(outside.directory(), tenant, &groups).await {
            Ok(read) => read.members,
            // Nobody is a member of a group that is gone.
            Err(GroupsError::Missing(_)) => MemberSets::default(),
            Err(GroupsError::Directory(error)) => return Err(error.into()),
        },
    };
    Ok(sets.memberships(&settings.scope))
}

async fn route(
    outside: &impl Outside,
    tenant: &TenantId,
    id: &ConnectionId,
    settings: &Settings,
    user: &DirectoryUser,
    rules: &Rules,
) -> Result<Route, AdminError> {
    let found =
        sharers(outside.store(), outside.directory(), outside.blobs(), tenant, Some(id)).await;
    let (others, _) = found.map_err(|error| match error {
        SplitError::Store(error) => AdminError::from(error),
        SplitError::Directory(error) => AdminError::from(error),
    })?;
    let others = others.into_iter().map(Sharer::into_rival).collect();
    Ok(Rivals::new(settings.routing, others).route(user, rules.now()))
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

async fn own_contact(
    outside: &impl Outside,
    account: &Account,
    tenant: &TenantId,
    user: &ObjectId,
) -> Result<Option<Contact>, AdminError> {
    let users = std::slice::from_ref(user);
    let adopted = outside.store().adopted(&account.id, tenant, users).await?;
    let id = adopted
        .into_iter()
        .flatten()
        .next()
        .unwrap_or_else(|| ContactId::derived(&account.id, tenant, user));
    contact(outside, account, &id).await
}

async fn contact(
    outside: &impl Outside,
    account: &Account,
    id: &ContactId,
) -> Result<Option<Contact>, AdminError> {
    let stored = outside.store().get_many(&account.id, std::slice::from_ref(id)).await?;
    Ok(match stored.into_iter().flatten().next() {
        Some(StoredContact::Present(contact)) => Some(*contact),
        Some(StoredContact::Tombstone { .. }) | None => None,
    })
}

fn is_linked(contact: Option<&Contact>, id: &ConnectionId, user: &ObjectId) -> bool {
    contact.is_some_and(|contact| contact.is_linked_to(id, user))
}

#[expect(clippy::too_many_arguments, reason = "who, what, by which rules and for whom")]
async fn decide(
    outside: &impl Outside,
    account: &Account,
    rules: &Rules,
    user: &DirectoryUser,
    wanted: &Wanted,
    existing: Option<&Contact>,
    tie: Tie<'_>,
) -> Result<SegmentItem, AdminError> {
    let store = outside.store();
    let owner = match rules.wanted_email_key(wanted, existing) {
        Some(key) => {
            let owners = store.claims(&account.id, std::slice::from_ref(&key)).await?;
            match owners.into_iter().flatten().next() {
                Some(owner) => contact(outside, account, &owner).await?,
                None => None,
            }
        }
        None => None,
    };
    let digests = rules.lookup_digests(user, wanted);
    let mut led_to = Vec::new();
    if existing.is_none_or(|contact| contact.link.is_none()) && !digests.is_empty() {
        let lookup = Lookup::load(store, &account.id, rules.keys()).await?;
        for id in lookup.find(&digests) {
            led_to.extend(contact(outside, account, &id).await?);
        }
    }
    let candidates: Vec<&Contact> = led_to.iter().collect();
    let claimant = owner.as_ref().map_or(Claimant::Nobody, Claimant::Contact);
    let derived = ContactId::derived(&account.id, tie.tenant, &user.id);
    let contact_id = existing.map_or(&derived, |contact| &contact.id);
    let found = Found { contact_id, existing, claimant, candidates: &candidates };
    Ok(rules.decide(user, wanted, found, tie))
}
