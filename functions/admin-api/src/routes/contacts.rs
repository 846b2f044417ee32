//! Contacts.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use contact_sync_domain::contact::{Contact, ContactSource};
use contact_sync_domain::id::ContactId;
use contact_sync_engine::admin::{
    ContactEdit, Outside, Page, account, contact, contact_as_of, contact_photo, contacts,
    create_contact, delete_contact, edit_contact, photo_address, protect_contact, teams_of,
    unlink_contact,
};
use contact_sync_engine::port::ContactQuery;
use jiff::Timestamp;

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
    let ids: Vec<ContactId> = page.items.iter().map(|contact| contact.id.clone()).collect();
    let teams = teams_of(store, &account.id, &ids).await?;
    let items = page.items.into_iter().zip(teams).collect();
    let page = Page { items, next: page.next };
    Ok(Answer::list(page, |(contact, teams)| ContactShape::with_teams(contact, teams)))
}

pub(super) async fn create<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let edit = ContactEdit::read(&call.document()?, &account.custom_fields)?;
    let made = create_contact(&api.outside, &call.caller, &account, &edit).await?;
    let location = format!("/v1/accounts/{}/contacts/{}", account.id, made.id);
    let version = made.version;
    let shape = ContactShape::with_teams(made, Vec::new());
    Ok(Answer::created(location, &shape).with_version(version))
}

pub(super) async fn show<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    if let Some(at) = call.query("at") {
        let wrong = "`at` is an instant, as RFC 3339 writes it: 2026-11-22T14:30:00Z.";
        let moment: Timestamp = at.parse().ok().ok_or_else(|| Problem::bad_query(wrong))?;
        let outside = &api.outside;
        let was = contact_as_of(outside, &call.account()?, &call.contact()?, moment).await?;
        return Ok(Answer::ok(&ContactShape::from(was)));
    }
    let found = contact(api.outside.store(), &call.account()?, &call.contact()?).await?;
    shown(&api.outside, found).await
}

pub(super) async fn change<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let id = call.contact()?;
    let edit = ContactEdit::read(&call.document()?, &account.custom_fields)?;
    let (outside, precondition) = (&api.outside, call.precondition()?);
    let changed = edit_contact(outside, &call.caller, &account, &id, &edit, &precondition).await?;
    shown(&api.outside, changed).await
}

/// Where the photo can be read for a few minutes.
pub(super) async fn photo<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let url = photo_address(&api.outside, &call.account()?, &call.contact()?).await?;
    Ok(Answer::empty(StatusCode::TEMPORARY_REDIRECT).with_header(header::LOCATION, url))
}

async fn shown(outside: &impl Outside, contact: Contact) -> Reply {
    let ids = std::slice::from_ref(&contact.id);
    let teams = teams_of(outside.store(), &contact.account_id, ids).await?;
    let version = contact.version;
    let teams = teams.into_iter().flatten().collect();
    let photo = contact_photo(outside, &contact).await?;
    let shape = ContactShape::with_teams(contact, teams).with_photo(photo);
    Ok(Answer::ok(&shape).with_version(version))
}

pub(super) async fn delete<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, id) = (call.account()?, call.contact()?);
    let precondition = call.precondition()?;
    delete_contact(&api.outside, &call.caller, &account, &id, &precondition).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn protect<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    protected(&api, &call, true).await
}

pub(super) async fn unprotect<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    protected(&api, &call, false).await
}

async fn protected<P: Outside>(api: &Api<P>, call: &Call, protected: bool) -> Reply {
    let (account, id) = (call.account()?, call.contact()?);
    let changed = protect_contact(&api.outside, &call.caller, &account, &id, protected).await?;
    let version = changed.version;
    Ok(Answer::accepted(&ContactShape::from(changed)).with_version(version))
}

pub(super) async fn unlink<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let (id, precondition) = (call.contact()?, call.precondition()?);
    let changed = unlink_contact(&api.outside, &call.caller, &account, &id, &precondition).await?;
    let version = changed.version;
    Ok(Answer::accepted(&ContactShape::from(changed)).with_version(version))
}
