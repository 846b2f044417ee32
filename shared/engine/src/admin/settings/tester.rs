//! One person through the settings, step by step, without a write.

use contact_sync_domain::account::Account;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{ConnectionId, ContactId};
use contact_sync_domain::mapping::{ExplainedRow, FieldFailure};
use contact_sync_domain::reconcile::View;
use contact_sync_domain::scope::ClauseVerdict;
use contact_sync_domain::settings::check::check;
use contact_sync_domain::settings::{Problem, Settings};
use serde_json::Value;

use super::findings::Example;
use crate::admin::directory::connected;
use crate::admin::document::Members;
use crate::admin::grounds::Grounds;
use crate::admin::{AdminError, Outside};
use crate::port::{ContactStore, SettingsStore};
use crate::sync::{bearers, contacts_of_users, present};

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
    /// Whether a run would take the person: the scope means him, and no other organisation of the
    /// tenant goes first or means him, too, unless he is linked already.
    pub in_scope: bool,
    /// Why not.
    pub because: Option<String>,
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
    let grounds = Grounds::of(outside, account, id, &tenant.id, &settings).await?;
    let Some(user) = grounds.find_user(outside, &trial.user).await? else {
        return Err(AdminError::invalid("/user", "the directory has no such person"));
    };
    let ids = std::slice::from_ref(&user.id);
    let own = contacts_of_users(store, &account.id, &tenant.id, ids).await?;
    let stored = store.get_many(&account.id, &own).await?.into_iter().next().flatten();
    let contact = present(stored.as_ref());
    let (rules, now) = (&grounds.rules, grounds.rules.now());
    let mapping = rules.mapping();
    let mapped = mapping.map(&user, now);
    let taken = bearers(store, &account.id, mapped.choices()).await?;
    let mapped = mapped.choosing(contact.and_then(Contact::email), |key| taken.contains_key(key));
    let failures = mapping.changes(&mapped, contact).err();
    let (in_scope, because) = match grounds.terms().view(&user) {
        View::In(_) => match grounds.terms().contested(&user, contact) {
            Some(item) => (false, item.reason),
            None => (true, None),
        },
        View::Out { because, .. } | View::Failed { because } => (false, Some(because)),
        View::Unknown { attribute } => {
            (false, Some(format!("Entra did not tell `{attribute}` of this person")))
        }
    };
    Ok(Tried {
        in_scope,
        because,
        scope: rules.scope().explain(&user, &grounds.memberships, now),
        rows: mapping.explain(&user, &mapped, contact, now),
        failures: failures.unwrap_or_default(),
        contact: contact.map(|contact| contact.id.clone()),
        user: Example::of(&user),
    })
}
