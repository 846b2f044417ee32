//! One person through the settings, step by step, without a write.

use contact_sync_domain::account::Account;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::id::{ConnectionId, ContactId};
use contact_sync_domain::mapping::{ExplainedRow, FieldFailure};
use contact_sync_domain::reconcile::Rules;
use contact_sync_domain::scope::{ClauseVerdict, ScopeDecision};
use contact_sync_domain::settings::check::check;
use contact_sync_domain::settings::{Problem, Settings};
use jiff::Timestamp;
use serde_json::Value;

use super::people::People;
use super::survey::Example;
use crate::admin::directory::connected;
use crate::admin::document::Members;
use crate::admin::{AdminError, Outside};
use crate::port::{Clock, ContactStore, Directory, SettingsStore, StoredContact};

/// Whom to try which settings on.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Object id, UPN or mail.
    pub user: String,
    /// Settings that nobody saved yet; absent: the saved ones.
    pub settings: Option<Value>,
}

/// What the settings do with one person.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// Who it is.
    pub user: Example,
    /// Whether the scope means the person.
    pub in_scope: bool,
    /// What each clause of the scope says.
    pub scope: Vec<ClauseVerdict>,
    /// Field by field, from the source to the contact.
    pub rows: Vec<ExplainedRow>,
    /// Why the record would fail.
    pub failures: Vec<FieldFailure>,
    /// The contact that is the person's.
    pub contact: Option<ContactId>,
}

impl Trial {
    /// Reads `{user, settings?}`.
    pub fn read(document: &Value) -> Result<Self, AdminError> {
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        let user = members.text("user", 320);
        let settings = members.value("settings").filter(|settings| !settings.is_null()).cloned();
        let problems = members.finish();
        match user {
            Some(user) if problems.is_empty() => Ok(Self { user, settings }),
            _ => Err(AdminError::Invalid(problems)),
        }
    }

    fn settings(&self, account: &Account) -> Result<Option<Settings>, AdminError> {
        let Some(document) = &self.settings else { return Ok(None) };
        let moved = |Problem { pointer, message }: Problem| Problem {
            pointer: format!("/settings{pointer}"),
            message,
        };
        check(document, &account.custom_fields, &account.time_zone)
            .map(Some)
            .map_err(|problems| AdminError::Invalid(problems.into_iter().map(moved).collect()))
    }
}

/// Tries settings on one person. Nothing is written.
pub async fn try_settings(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    trial: &Trial,
) -> Result<Tried, AdminError> {
    let tenant = connected(outside, &account.id, id).await?;
    let store = outside.store();
    let settings = match trial.settings(account)? {
        Some(settings) => settings,
        None => store.settings(&account.id, id).await?.settings,
    };
    let now: Timestamp = outside.clock().now();
    let rules =
        Rules::compile(&settings, &account.custom_fields, now).map_err(AdminError::Invalid)?;
    let selection = UserSelection::of(&settings);
    let found = outside.directory().find_user(&tenant.id, &selection, &trial.user).await?;
    let Some(user) = found else {
        return Err(AdminError::invalid("/user", "the directory has no such person"));
    };
    let mut people = People::of(outside.directory(), outside.clock(), &tenant.id, selection);
    let members = people.read_members(&[&settings.scope]).await?.into_iter().next();
    let members = members.unwrap_or_default();
    let ids = std::slice::from_ref(&user.id);
    let adopted = store.adopted(&account.id, &tenant.id, ids).await?.into_iter().next().flatten();
    let contact_id =
        adopted.unwrap_or_else(|| ContactId::derived(&account.id, &tenant.id, &user.id));
    let contact: Option<Contact> = match ContactStore::get(store, &account.id, &contact_id).await? {
        Some(StoredContact::Present(contact)) => Some(*contact),
        Some(StoredContact::Tombstone { .. }) | None => None,
    };
    let mapping = rules.mapping();
    let mapped = mapping.map(&user, now);
    let failures = mapping.changes(&mapped, contact.as_ref()).err();
    Ok(Tried {
        in_scope: matches!(rules.scope().decide(&user, &members, now), ScopeDecision::In { .. }),
        scope: rules.scope().explain(&user, &members, now),
        rows: mapping.explain(&user, &mapped, contact.as_ref(), now),
        failures: failures.unwrap_or_default(),
        contact: contact.map(|contact| contact.id),
        user: Example::of(&user),
    })
}
