//! Connections and their consent links.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::ContactId;
use contact_sync_domain::settings;
use contact_sync_engine::admin::{
    AdminError, ConnectionDeleted, Move, Moved, NewConnection, Outside, Page, account, connection,
    create_connection, delete_connection, move_connection, overview, overviews,
};
use contact_sync_engine::consent::open_invitation;
use jiff::Timestamp;
use serde::Serialize;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;
use crate::shape::ConnectionShape;

/// A consent link. It is told once and stored nowhere.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LinkShape {
    url: String,
    expires_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MadeShape {
    #[serde(flatten)]
    connection: ConnectionShape,
    consent_url: String,
    consent_url_expires_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MoveShape {
    dry_run: bool,
    done: bool,
    contacts_removed: u64,
    contacts_unlinked: u64,
    contacts_protected: u64,
    memberships_ended: u64,
    reviews_dropped: u64,
    emails_taken: TakenShape,
    warnings: Vec<settings::Problem>,
}

#[derive(Serialize)]
struct TakenShape {
    count: u64,
    examples: Vec<ContactId>,
}

impl MoveShape {
    fn new(dry_run: bool, moved: Moved) -> Self {
        Self {
            dry_run,
            done: moved.is_done,
            contacts_removed: moved.removed,
            contacts_unlinked: moved.unlinked,
            contacts_protected: moved.protected,
            memberships_ended: moved.memberships_ended,
            reviews_dropped: moved.reviews,
            emails_taken: TakenShape { count: moved.emails_taken, examples: moved.taken_examples },
            warnings: moved.warnings,
        }
    }
}

pub(super) async fn create<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let new = NewConnection::read(call.optional_document()?.as_ref())?;
    let made = create_connection(&api.outside, &account, new, call.key_bits).await?;
    let link = open_link(&api, &call, &made).await?;
    let location = format!("/v1/accounts/{}/connections/{}", account.id, made.id);
    let connection = overview(&api.outside, &account, made).await?.into();
    let shape =
        MadeShape { connection, consent_url: link.url, consent_url_expires_at: link.expires_at };
    Ok(Answer::created(location, &shape))
}

pub(super) async fn list<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let items = overviews(&api.outside, &call.account()?).await?;
    Ok(Answer::list(Page { items, next: None }, ConnectionShape::from))
}

pub(super) async fn show<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let found = connection(api.outside.store(), &account.id, &call.connection()?).await?;
    let overview = overview(&api.outside, &account, found).await?;
    Ok(Answer::ok(&ConnectionShape::from(overview)))
}

pub(super) async fn delete<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    Ok(match delete_connection(&api.outside, &call.account()?, &call.connection()?).await? {
        ConnectionDeleted::Whole => Answer::empty(StatusCode::NO_CONTENT),
        ConnectionDeleted::Partly => {
            Answer::empty(StatusCode::ACCEPTED).with_header(header::RETRY_AFTER, "1".to_owned())
        }
    })
}

/// Gives a connection to another account. What there was no time for is done by sending it again.
pub(super) async fn relocate<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (from, id) = (call.account()?, call.connection()?);
    let dry_run = call.flag("dryRun")?;
    let wanted = Move::read(&call.document()?, dry_run)?;
    let moved = move_connection(&api.outside, &call.caller, &from, &id, &wanted).await?;
    let is_done = moved.is_done;
    let shape = MoveShape::new(dry_run, moved);
    if dry_run {
        return Ok(Answer::ok(&shape));
    }
    let answer = Answer::accepted(&shape);
    Ok(if is_done {
        let location = format!("/v1/accounts/{}/connections/{id}", wanted.account);
        answer.with_header(header::LOCATION, location)
    } else {
        answer.with_header(header::RETRY_AFTER, "1".to_owned())
    })
}

pub(super) async fn consent_link<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let link = link_of_request(&api, &call).await?;
    Ok(Answer::created(link.url.clone(), &link))
}

/// Asks for consent again: after consent was lost, permissions changed or a disconnection.
pub(super) async fn reauthorize<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    Ok(Answer::accepted(&link_of_request(&api, &call).await?))
}

async fn link_of_request<P: Outside>(api: &Api<P>, call: &Call) -> Result<LinkShape, Problem> {
    let found = connection(api.outside.store(), &call.account()?, &call.connection()?).await?;
    open_link(api, call, &found).await
}

async fn open_link<P: Outside>(
    api: &Api<P>,
    call: &Call,
    connection: &Connection,
) -> Result<LinkShape, Problem> {
    let (store, clock, chance) =
        (api.outside.store(), api.outside.clock(), api.outside.randomness());
    let opened =
        open_invitation(store, clock, chance, connection).await.map_err(AdminError::from)?;
    Ok(LinkShape { url: opened.url(&call.base_url), expires_at: opened.expires_at })
}
