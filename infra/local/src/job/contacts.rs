//! Every field of every contact, against the directory.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::error::ensure;
use super::expected::{self, ExpectedContact, email_key};
use super::first_sync::CUSTOM_FIELD;
use super::rest::text;
use super::{Installation, Job, Problem, Step};

pub(super) async fn run(job: &mut Job<'_, impl Installation>) -> Result<Vec<String>, Problem> {
    if job.breaks(Step::Contacts) {
        alter_a_contact(job).await?;
    }
    let checked = check(job).await?;
    let Checked { contacts, fields, shared } = checked;
    let mut facts = vec![format!("{contacts} contacts, {fields} fields compared")];
    if shared > 0 {
        facts.push(format!("{shared} users share another's e-mail and wait for a decision"));
    }
    Ok(facts)
}

/// What was compared.
pub(super) struct Checked {
    pub(super) contacts: usize,
    fields: usize,
    /// Users that have no contact because another user's has their e-mail.
    shared: usize,
}

/// Compares all contacts of the account with the directory as it is now.
pub(super) async fn check(job: &Job<'_, impl Installation>) -> Result<Checked, Problem> {
    let users = job.sim.users(job.tenant.id)?;
    let expected: BTreeMap<String, ExpectedContact> = users
        .iter()
        .filter(|user| expected::is_in_scope(user))
        .map(expected::contact)
        .map(|contact| (contact.object_id.clone(), contact))
        .collect();
    let contacts = job.rest.list(&format!("/v1/accounts/{}/contacts", job.account)).await?;
    let mut fields = 0;
    let mut emails = BTreeSet::new();
    let mut found = BTreeSet::new();
    for contact in &contacts {
        let object_id = text(contact, "/link/objectId");
        let expected = expected.get(object_id).ok_or_else(|| {
            Problem::wrong(format!("contact {} stands for nobody in scope", text(contact, "/id")))
        })?;
        fields += compare(contact, expected)?;
        ensure(emails.insert(email_key(text(contact, "/fields/email"))), || {
            format!("two contacts share the e-mail of contact {}", text(contact, "/id"))
        })?;
        ensure(found.insert(object_id.to_owned()), || {
            format!("user {object_id} has two contacts")
        })?;
    }
    // Whoever has no contact must share the e-mail of somebody who has.
    let missing: Vec<_> =
        expected.values().filter(|contact| !found.contains(&contact.object_id)).collect();
    for contact in &missing {
        let email = contact.fields.get("email").map(|email| email_key(email));
        ensure(email.is_some_and(|email| emails.contains(&email)), || {
            format!("user {} has no contact", contact.object_id)
        })?;
    }
    Ok(Checked { contacts: contacts.len(), fields, shared: missing.len() })
}

/// Compares one contact; answers how many fields it has.
fn compare(contact: &Value, expected: &ExpectedContact) -> Result<usize, Problem> {
    let id = text(contact, "/id");
    let none = serde_json::Map::new();
    let actual = contact.get("fields").and_then(Value::as_object).unwrap_or(&none);
    let names: BTreeSet<&str> = actual
        .keys()
        .map(String::as_str)
        .chain(expected.fields.keys().map(String::as_str))
        .collect();
    for name in &names {
        let (is, must_be) = (actual.get(*name).and_then(Value::as_str), expected.fields.get(*name));
        ensure(is == must_be.map(String::as_str), || {
            // Ids and field names only: values are people's data.
            format!("{name} of contact {id} is not what the directory says")
        })?;
    }
    let custom = contact.pointer(&format!("/custom/{}", CUSTOM_FIELD.0)).and_then(Value::as_str);
    ensure(custom == expected.custom.as_deref(), || {
        format!("custom.{} of contact {id} is not what the directory says", CUSTOM_FIELD.0)
    })?;
    ensure(text(contact, "/link/state") == "linked", || format!("contact {id} is not linked"))?;
    Ok(names.len() + 1)
}

/// Spoils one contact behind the product's back.
async fn alter_a_contact(job: &Job<'_, impl Installation>) -> Result<(), Problem> {
    let items = job.installation.table("ContactsTable", "Scan", json!({})).await?;
    let items = items.get("Items").and_then(Value::as_array).cloned().unwrap_or_default();
    for item in items {
        let mut document = item.to_string();
        // Whatever the item's layout, its display name is in it as text.
        let contacts = job.rest.list(&format!("/v1/accounts/{}/contacts", job.account)).await?;
        let Some(name) = contacts
            .iter()
            .map(|contact| text(contact, "/fields/displayName"))
            .find(|name| name.len() > 4 && document.contains(&format!("\"{name}\"")))
        else {
            continue;
        };
        document = document.replace(&format!("\"{name}\""), "\"Somebody Else\"");
        let item: Value = serde_json::from_str(&document).unwrap_or_default();
        job.installation.table("ContactsTable", "PutItem", json!({"Item": item})).await?;
        return Ok(());
    }
    Err(Problem::wrong("there is no contact to alter"))
}
