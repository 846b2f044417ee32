//! Whether the API works.

use std::sync::Arc;

use contact_sync_domain::id::AccountId;
use contact_sync_engine::admin::{AdminError, Outside};
use contact_sync_engine::port::AccountStore;
use serde::Serialize;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
}

/// One read of the store: an API that cannot reach it is not healthy.
pub(super) async fn show<P: Outside>(api: Arc<Api<P>>, _: Call) -> Reply {
    let nobody = AccountId::from_bits(0);
    api.outside.store().account(&nobody).await.map_err(AdminError::from)?;
    Ok(Answer::ok(&Health { status: "ok", version: env!("CARGO_PKG_VERSION") }))
}
