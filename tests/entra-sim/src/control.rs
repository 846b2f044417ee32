//! The control API over HTTP, below `/_sim`.

mod directory_routes;
mod service_routes;
mod surroundings_routes;
mod tenancy_routes;
mod unit_routes;

use axum::Router;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use serde_json::json;

use crate::controls::Controls;
use crate::directory::CommandError;

/// All routes.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(controls: Controls) -> Router<S> {
    Router::new()
        .route("/", get(page))
        .merge(tenancy_routes::routes())
        .merge(directory_routes::routes())
        .merge(surroundings_routes::routes())
        .merge(unit_routes::routes())
        .merge(service_routes::routes())
        .with_state(controls)
}

/// The page for changing a directory by hand; it talks to this API.
pub(crate) async fn page() -> Html<&'static str> {
    Html(include_str!("control/page.html"))
}

/// A refusal of the control API: `{"error": "…"}`.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, axum::Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        let status = match &error {
            CommandError::NoTenant(_)
            | CommandError::NoUser(_)
            | CommandError::NoGroup(_)
            | CommandError::NoUnit(_)
            | CommandError::NoObject(_)
            | CommandError::NotInBin(_) => StatusCode::NOT_FOUND,
            CommandError::Taken(_) => StatusCode::CONFLICT,
            CommandError::UnknownProperty(_)
            | CommandError::WrongType(_)
            | CommandError::Required(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self(status, error.to_string())
    }
}

fn missing(what: &str) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, format!("there is no such {what}"))
}
