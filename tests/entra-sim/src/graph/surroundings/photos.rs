//! Photos of people.

use http::StatusCode;
use serde_json::{Value, json};

use super::jpeg;
use crate::directory::User;
use crate::directory::derived;
use crate::exchange::Reply;
use crate::graph::Call;
use crate::graph::errors::GraphError;
use crate::graph::permissions::{PHOTOS, require};
use crate::graph::users::tenant;
use crate::world::World;

/// Sizes a photo comes in; the largest without a size.
const SIZES: [u16; 8] = [48, 64, 96, 120, 240, 360, 504, 648];

/// `GET /users/{id}/photo`, `/photo/$value`, `/photos/{size}` and `/photos/{size}/$value`
pub(super) fn one(
    world: &World,
    call: &Call<'_>,
    reference: &str,
    size: Option<&str>,
    bytes: bool,
) -> Result<Reply, GraphError> {
    let user = shown(world, call, reference)?;
    let side = match size {
        None => SIZES.last().copied(),
        Some(size) => SIZES.into_iter().find(|side| size == format!("{side}x{side}")),
    };
    let side = side.ok_or_else(|| missing(user))?;
    if bytes {
        let mut reply =
            Reply::empty(StatusCode::OK).with_header("content-type", "image/jpeg".to_owned());
        let seed = derived::photo_seed(&tenant(world, call)?.directory, user);
        reply.body = jpeg::square(side, seed.as_bytes()).into();
        return Ok(reply.with_header("etag", format!("\"{}\"", seed.simple())));
    }
    let mut body = metadata(side);
    let base = &world.graph_url;
    let context = match size {
        None => format!("{base}/v1.0/$metadata#users('{}')/photo/$entity", user.object.id),
        Some(_) => format!("{base}/v1.0/$metadata#users('{}')/photos/$entity", user.object.id),
    };
    if let Some(members) = body.as_object_mut() {
        members.insert("@odata.context".to_owned(), json!(context));
    }
    Ok(Reply::graph(StatusCode::OK, body.to_string()))
}

/// `GET /users/{id}/photos`
pub(super) fn list(world: &World, call: &Call<'_>, reference: &str) -> Result<Reply, GraphError> {
    let user = shown(world, call, reference)?;
    let sizes: Vec<Value> = SIZES.into_iter().map(metadata).collect();
    let base = &world.graph_url;
    let context = format!("{base}/v1.0/$metadata#users('{}')/photos", user.object.id);
    let body = json!({ "@odata.context": context, "value": sizes });
    Ok(Reply::graph(StatusCode::OK, body.to_string()))
}

fn metadata(side: u16) -> Value {
    json!({
        "@odata.mediaContentType": "image/jpeg",
        "id": format!("{side}x{side}"),
        "height": side,
        "width": side,
    })
}

fn shown<'w>(world: &'w World, call: &Call<'_>, reference: &str) -> Result<&'w User, GraphError> {
    require(call.claims, PHOTOS)?;
    let directory = &tenant(world, call)?.directory;
    let user = directory.live_user(reference).ok_or_else(|| GraphError::not_found(reference))?;
    if derived::has_photo(directory, user) { Ok(user) } else { Err(missing(user)) }
}

/// The code for a missing photo varies.
fn missing(user: &User) -> GraphError {
    let code = match user.object.id.as_u128() % 3 {
        0 => "ErrorItemNotFound",
        1 => "ImageNotFound",
        _ => "GetUserPhoto",
    };
    GraphError::new(StatusCode::NOT_FOUND, code, "The photo wasn't found.")
}
