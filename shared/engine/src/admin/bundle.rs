//! What support may receive of a run or a contact: how things went, without anybody's data.
//!
//! A bundle is put together member by member, so that nothing is in it that nobody thought of. Values
//! are told by kind, length and a digest under a key that is drawn for the bundle and kept nowhere.

mod contact;
mod run;
mod settings;
mod surroundings;
mod veil;

use contact_sync_domain::account::Account;
use contact_sync_domain::id::ContactId;
use contact_sync_domain::run::Run;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{AdminError, Outside};
use crate::port::{Clock, Randomness};
use veil::Veil;

/// The form of the document; raised where a member changes its meaning.
const FORM: u32 = 1;

/// After so long a bundle says what it had no time for: HTTP APIs give up after 30 seconds.
const TIME: SignedDuration = SignedDuration::from_secs(15);

/// What answers: its version and its stage.
#[derive(Debug, Clone, Copy)]
pub struct Product<'a> {
    /// The version of the program.
    pub version: &'a str,
    /// The installation's stage.
    pub stage: &'a str,
}

/// A run for support: the run with its proof, its pages, why records failed, what it changed, the
/// settings it ran under and how the connection stands.
pub async fn run_bundle(
    outside: &impl Outside,
    product: Product<'_>,
    account: &Account,
    run: &Run,
) -> Result<Value, AdminError> {
    let mut veil = begin(outside);
    let told = run::told(outside, &mut veil, run).await?;
    let place = (&run.connection_id, Some(run.settings_version));
    let settings = settings::told(outside, &mut veil, account, place).await?;
    let connection = surroundings::told(outside, &mut veil, account, &run.connection_id).await?;
    let document = json!({
        "form": FORM,
        "about": "run",
        "product": {"version": product.version, "stage": product.stage},
        "madeAt": outside.clock().now(),
        "account": account_told(&mut veil, account),
        "run": told,
        "settings": settings,
        "connection": connection,
    });
    Ok(veil.over(document))
}

/// A contact for support: how it stands, what happened to it and where its values come from, with
/// the settings and the state of the connection that it is linked through.
pub async fn contact_bundle(
    outside: &impl Outside,
    product: Product<'_>,
    account: &Account,
    id: &ContactId,
) -> Result<Value, AdminError> {
    let mut veil = begin(outside);
    let (told, linked) = contact::told(outside, &mut veil, account, id).await?;
    let (mut settings, mut connection) = (Value::Null, Value::Null);
    if let Some((linked, version)) = linked {
        settings = settings::told(outside, &mut veil, account, (&linked, version)).await?;
        connection = surroundings::told(outside, &mut veil, account, &linked).await?;
    }
    let document = json!({
        "form": FORM,
        "about": "contact",
        "product": {"version": product.version, "stage": product.stage},
        "madeAt": outside.clock().now(),
        "account": account_told(&mut veil, account),
        "contact": told,
        "settings": settings,
        "connection": connection,
    });
    Ok(veil.over(document))
}

fn begin(outside: &impl Outside) -> Veil {
    let chance = outside.randomness();
    Veil::new([chance.bits(), chance.bits()])
}

fn account_told(veil: &mut Veil, account: &Account) -> Value {
    let fields = account.custom_fields.iter().map(|field| {
        for text in field.options.iter().chain([&field.label]) {
            veil.text_value(Some(text));
        }
        json!({
            "key": field.key,
            "type": field.kind,
            "required": field.required,
            "options": field.options.len(),
        })
    });
    let fields: Vec<Value> = fields.collect();
    json!({"id": account.id, "customFields": fields, "retention": account.retention})
}

/// The document with one more member.
fn with(mut document: Value, name: &str, value: Value) -> Value {
    if let Some(members) = document.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    document
}
