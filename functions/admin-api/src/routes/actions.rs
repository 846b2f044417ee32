//! What starts, pauses and stops a connection.

use std::sync::Arc;

use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::RunId;
use contact_sync_engine::admin::{
    Outside, account, disable as disable_connection, disconnect as disconnect_connection,
    enable as enable_connection, overview, pause as pause_connection, read_tenant_id,
    resume as resume_connection,
};
use serde::Serialize;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::shape::ConnectionShape;

#[derive(Serialize)]
struct Started {
    run: RunId,
}

pub(super) async fn enable<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let id = call.connection()?;
    let tenant = read_tenant_id(&call.document()?)?;
    let run = enable_connection(&api.outside, &account, &id, &tenant).await?;
    Ok(Answer::accepted(&Started { run }))
}

pub(super) async fn resume<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let run = resume_connection(&api.outside, &account, &call.connection()?).await?;
    Ok(Answer::accepted(&Started { run }))
}

pub(super) async fn pause<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let changed = pause_connection(&api.outside, &account, &call.connection()?).await?;
    shown(&api, &call, changed).await
}

pub(super) async fn disable<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let changed = disable_connection(&api.outside, &call.account()?, &call.connection()?).await?;
    shown(&api, &call, changed).await
}

pub(super) async fn disconnect<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let changed =
        disconnect_connection(&api.outside, &call.account()?, &call.connection()?).await?;
    shown(&api, &call, changed).await
}

async fn shown<P: Outside>(api: &Api<P>, call: &Call, changed: Connection) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let overview = overview(&api.outside, &account, changed).await?;
    Ok(Answer::accepted(&ConnectionShape::from(overview)))
}
