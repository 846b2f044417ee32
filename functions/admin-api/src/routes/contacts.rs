//! Contacts.

use std::sync::Arc;

use axum::http::StatusCode;
use contact_sync_domain::contact::ContactSource;
use contact_sync_engine::admin::{
    ContactEdit, Outside, account, contact, contacts, create_contact, delete_contact, edit_contact,
};
use contact_sync_engine::port::ContactQuery;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;
use crate::shape::ContactShape;

pub(super) async fn list<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let source = match call.query("source") {
        None => None,
        Some("entra") => Some(ContactSource::Entra),
        Some("local") => Some(ContactSource::Local),
        Some(_) => return Err(Problem::bad_query("`source` is entra or local.")),
    };
    let query = ContactQuery {
        email: call.query("email").map(str::to_owned),
        prefix: call.query("query").map(str::to_owned),
        source,
    };
    let store = api.outside.store();
    let page = contacts(store, &account.id, &query, call.cursor(), call.limit()?).await?;
    Ok(Answer::list(page, ContactShape::from))
}

pub(super) async fn create<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let edit = ContactEdit::read(&call.document()?, &account.custom_fields)?;
    let made = create_contact(&api.outside, &account, &edit).await?;
    let location = format!("/v1/accounts/{}/contacts/{}", account.id, made.id);
    let version = made.version;
    Ok(Answer::created(location, &ContactShape::from(made)).with_version(version))
}

pub(super) async fn show<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let found = contact(api.outside.store(), &call.account()?, &call.contact()?).await?;
    let version = found.version;
    Ok(Answer::ok(&ContactShape::from(found)).with_version(version))
}

pub(super) async fn change<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let id = call.contact()?;
    let edit = ContactEdit::read(&call.document()?, &account.custom_fields)?;
    let changed = edit_contact(&api.outside, &account, &id, &edit, &call.precondition()?).await?;
    let version = changed.version;
    Ok(Answer::ok(&ContactShape::from(changed)).with_version(version))
}

pub(super) async fn delete<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, id) = (call.account()?, call.contact()?);
    let precondition = call.precondition()?;
    delete_contact(&api.outside, &call.caller, &account, &id, &precondition).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}
