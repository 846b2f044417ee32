//! Settings of one mailbox.

use http::StatusCode;
use serde_json::{Value, json};

use crate::directory::User;
use crate::directory::derived;
use crate::directory::properties::Catalogue;
use crate::exchange::Reply;
use crate::graph::Call;
use crate::graph::errors::GraphError;
use crate::graph::permissions::{MAILBOX_SETTINGS, require};
use crate::graph::users::tenant;
use crate::world::World;

/// `GET /users/{id}/mailboxSettings`
pub(super) fn settings(
    world: &World,
    call: &Call<'_>,
    reference: &str,
) -> Result<Reply, GraphError> {
    require(call.claims, MAILBOX_SETTINGS)?;
    let user = owner(world, call, reference)?;
    let catalogue = Catalogue::users(&[]);
    let by_hand = catalogue.find("mailboxSettings").and_then(|id| user.object.json(id));
    let stored = by_hand.and_then(|json| serde_json::from_str::<Value>(json).ok());
    let mut body = stored.or_else(|| derived::mailbox_settings(&user.object)).unwrap_or(json!({}));
    let base = &world.graph_url;
    let context = format!("{base}/v1.0/$metadata#users('{}')/mailboxSettings", user.object.id);
    if let Some(members) = body.as_object_mut() {
        members.insert("@odata.context".to_owned(), json!(context));
    }
    Ok(Reply::graph(StatusCode::OK, body.to_string()))
}

/// The person, if there is a mailbox; the code of the refusal varies.
pub(super) fn owner<'w>(
    world: &'w World,
    call: &Call<'_>,
    reference: &str,
) -> Result<&'w User, GraphError> {
    let directory = &tenant(world, call)?.directory;
    let missing = || {
        GraphError::new(
            StatusCode::NOT_FOUND,
            "ErrorInvalidUser",
            &format!("The requested user '{reference}' is invalid."),
        )
    };
    let user = directory.live_user(reference).ok_or_else(missing)?;
    let by_hand = Catalogue::users(&[]).find("mailboxSettings");
    let has_settings = by_hand.is_some_and(|id| user.object.json(id).is_some());
    if has_settings || derived::has_mailbox(&user.object) {
        return Ok(user);
    }
    let (code, message) = if user.object.id.as_u128() & 1 == 0 {
        ("MailboxNotEnabledForRESTAPI", "REST API is not yet supported for this mailbox.")
    } else {
        ("ResourceNotFound", "Resource could not be discovered.")
    };
    Err(GraphError::new(StatusCode::NOT_FOUND, code, message))
}
