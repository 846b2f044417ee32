//! The welcome mail as people set it up: its template, how it reads, and those mails of which
//! nobody knows whether they were sent.

use contact_sync_domain::contact::{Contact, ContactField};
use contact_sync_domain::email::is_plausible_email;
use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::settings::{Problem, Settings};
use contact_sync_domain::welcome::{Rendered, Values, Welcome, WelcomeState, WelcomeTemplate};
use jiff::Timestamp;
use serde_json::Value;

use super::document::Members;
use super::{AdminError, Outside, Page, Precondition, account, contact};
use crate::port::{Clock, Mail, Mailer, WelcomeFilter, WelcomeStore};
use crate::welcome::{AT_WORK, Post, WelcomeError, Welcomed};

/// Why nothing is sent by an installation without a sender.
const NO_SENDER: &str =
    "this installation sends no mail; have its operator set MailFrom to a verified sender";

/// Whom a preview is about where nobody is named.
const NOBODY: (&str, &str) = ("Ada Lovelace", "ada.lovelace@example.com");

/// Reads a template; what is wrong with its words is told by [`save_welcome`].
pub fn read_welcome(document: &Value) -> Result<WelcomeTemplate, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let subject = words(&mut members, "subject");
    let text = words(&mut members, "text");
    let html = match members.value("html") {
        None | Some(Value::Null) => None,
        Some(_) => words(&mut members, "html"),
    };
    let problems = members.finish();
    match (subject, text) {
        (Some(subject), Some(text)) if problems.is_empty() => Ok(WelcomeTemplate {
            subject: subject.trim().to_owned(),
            text,
            html,
            version: 0,
            updated_at: Timestamp::UNIX_EPOCH,
        }),
        _ => Err(AdminError::Invalid(problems)),
    }
}

/// A text of any length and any lines.
fn words(members: &mut Members<'_>, name: &'static str) -> Option<String> {
    match members.value(name) {
        Some(Value::String(text)) => return Some(text.clone()),
        None | Some(Value::Null) => members.problem(name, "this member is needed"),
        Some(_) => members.problem(name, "expected a text"),
    }
    None
}

/// An account's template.
pub async fn welcome_template(
    outside: &impl Outside,
    id: &AccountId,
) -> Result<WelcomeTemplate, AdminError> {
    account(outside.store(), id).await?;
    let found = outside.store().welcome_template(id).await?;
    found.ok_or(AdminError::NotFound("welcome template"))
}

/// Saves an account's template over the one that stands.
pub async fn save_welcome(
    outside: &impl Outside,
    id: &AccountId,
    template: WelcomeTemplate,
    precondition: &Precondition,
) -> Result<WelcomeTemplate, AdminError> {
    account(outside.store(), id).await?;
    let problems = template.problems(outside.portal_url().is_some());
    if !problems.is_empty() {
        return Err(AdminError::Invalid(problems));
    }
    let standing = outside.store().welcome_template(id).await?.map_or(0, |one| one.version);
    if *precondition != Precondition::None && !precondition.holds(standing) {
        return Err(AdminError::Stale);
    }
    let updated_at = outside.clock().now();
    let template = WelcomeTemplate { version: standing + 1, updated_at, ..template };
    if outside.store().put_welcome_template(id, &template).await? {
        Ok(template)
    } else {
        Err(AdminError::Moved)
    }
}

/// For whom a template is to be shown, and who is to get it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trial {
    /// Somebody of the account; a person who does not exist without one.
    pub contact: Option<ContactId>,
    /// To whom the mail goes.
    pub to: Option<String>,
}

/// Reads whom a template is to be shown for, and with `sends` who is to get it.
pub fn read_trial(document: &Value, sends: bool) -> Result<Trial, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let contact = members.changed_text("contactId", 64).map(|id| ContactId::parse(&id));
    if let Some(Err(_)) = contact {
        members.problem("contactId", "expected the id of a contact");
    }
    let to = if sends { members.text("to", 320) } else { None };
    if to.as_deref().is_some_and(|to| !is_plausible_email(to)) {
        members.problem("to", "expected an e-mail address");
    }
    let problems = members.finish();
    if !problems.is_empty() {
        return Err(AdminError::Invalid(problems));
    }
    Ok(Trial { contact: contact.and_then(Result::ok), to })
}

/// The mail as somebody would get it.
pub async fn preview_welcome(
    outside: &impl Outside,
    id: &AccountId,
    trial: &Trial,
) -> Result<Rendered, AdminError> {
    let template = welcome_template(outside, id).await?;
    let account = account(outside.store(), id).await?;
    let person = match &trial.contact {
        Some(id) => Some(contact(outside.store(), &account.id, id).await?),
        None => None,
    };
    let name = |person: &Contact| person.fields.get(&ContactField::DisplayName).cloned();
    let (display_name, email) = match &person {
        Some(person) => (name(person), person.email().unwrap_or_default()),
        None => (Some(NOBODY.0.to_owned()), NOBODY.1),
    };
    Ok(template.render(&Values {
        display_name: display_name.as_deref(),
        email,
        account_name: &account.name,
        portal_url: outside.portal_url(),
    }))
}

/// Sends the mail to whoever wants to see it. It welcomes nobody.
pub async fn test_welcome(
    outside: &impl Outside,
    id: &AccountId,
    trial: &Trial,
) -> Result<Rendered, AdminError> {
    let mailer = outside.mailer().ok_or(AdminError::RequirementUnmet(NO_SENDER))?;
    let written = preview_welcome(outside, id, trial).await?;
    let to = trial.to.as_deref().unwrap_or_default().trim().to_owned();
    let Rendered { subject, text, html } = written.clone();
    mailer.send(&Mail { to, subject, text, html }).await?;
    Ok(written)
}

/// Which welcomes people look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WelcomesIn {
    /// The mail service took the mail.
    Sent,
    /// Nobody knows whether the mail was sent.
    Uncertain,
    /// The mail service did not take it.
    Failed,
}

/// A page of an account's welcomes.
pub async fn welcomes(
    outside: &impl Outside,
    id: &AccountId,
    state: WelcomesIn,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<Welcome>, AdminError> {
    account(outside.store(), id).await?;
    let now = outside.clock().now();
    let filter = match state {
        WelcomesIn::Sent => WelcomeFilter { state: WelcomeState::Sent, until: now },
        WelcomesIn::Failed => WelcomeFilter { state: WelcomeState::Failed, until: now },
        // Of a younger one somebody is still to say.
        WelcomesIn::Uncertain => WelcomeFilter {
            state: WelcomeState::Claimed,
            until: now.checked_sub(AT_WORK).unwrap_or(now),
        },
    };
    match outside.store().welcomes(id, &filter, cursor, limit).await? {
        Some(page) => Ok(Page { items: page.welcomes, next: page.cursor }),
        None => Err(AdminError::BadCursor),
    }
}

/// Sends a welcome that came to nothing, or of which nobody knows: a person says so, and may send it
/// twice.
pub async fn welcome_again(
    outside: &impl Outside,
    account: &AccountId,
    id: &ContactId,
) -> Result<Welcome, AdminError> {
    let store = outside.store();
    let mailer = outside.mailer().ok_or(AdminError::RequirementUnmet(NO_SENDER))?;
    let person = contact(store, account, id).await?;
    let before = store.welcome(account, id).await?.ok_or(AdminError::NotFound("welcome"))?;
    let post = Post {
        stores: store,
        mailer,
        clock: outside.clock(),
        randomness: outside.randomness(),
        portal_url: outside.portal_url(),
    };
    let impossible = |why: &str| Err(AdminError::ReviewImpossible(why.to_owned()));
    match post.welcome_again(&person, before).await {
        Ok(Welcomed::Sent | Welcomed::Uncertain) => {}
        Ok(Welcomed::Known) | Err(WelcomeError::AtWork) => {
            return impossible("the mail was sent, or somebody is at it");
        }
        Ok(Welcomed::AddressKnown) => {
            return impossible("another contact was welcomed under this address");
        }
        Ok(Welcomed::Unwanted(why)) => return impossible(why),
        Err(WelcomeError::Store(error)) => return Err(error.into()),
        Err(WelcomeError::Mail(error)) => return Err(error.into()),
    }
    store.welcome(account, id).await?.ok_or(AdminError::NotFound("welcome"))
}

/// What keeps an installation, or an account, from the welcome mails that settings ask for.
pub(super) async fn unready(
    outside: &impl Outside,
    id: &AccountId,
    settings: &Settings,
) -> Result<Vec<Problem>, AdminError> {
    if !settings.welcome_email {
        return Ok(Vec::new());
    }
    let problem = |message: String| Problem { pointer: "/welcomeEmail".to_owned(), message };
    let mut problems = Vec::new();
    if outside.mailer().is_none() {
        problems.push(problem(NO_SENDER.to_owned()));
    }
    if outside.store().welcome_template(id).await?.is_none() {
        let path = format!("save one first: PUT /v1/accounts/{id}/welcome");
        problems.push(problem(format!("the account has no template for the mail; {path}")));
    }
    Ok(problems)
}
