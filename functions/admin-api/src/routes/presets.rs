//! Settings that reproduce known products' behaviours.

use std::sync::Arc;

use contact_sync_domain::settings::presets::presets;
use contact_sync_engine::admin::{Outside, Page};

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;

pub(super) async fn list<P: Outside>(_: Arc<Api<P>>, _: Call) -> Reply {
    Ok(Answer::list(Page { items: presets(), next: None }, |preset| preset))
}
