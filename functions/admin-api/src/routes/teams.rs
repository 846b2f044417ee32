//! Teams and their members.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use contact_sync_engine::admin::{
    Outside, RoleByHand, TeamDeleted, add_member, create_team, delete_team, read_team,
    remove_member, rename_team, team, team_members, teams,
};

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::shape::{MemberShape, TeamShape};

pub(super) async fn list<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let page = teams(&api.outside, &call.account()?, call.cursor(), call.limit()?).await?;
    Ok(Answer::list(page, TeamShape::from))
}

pub(super) async fn create<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let name = read_team(&call.document()?)?;
    let made = create_team(&api.outside, &call.account()?, name).await?;
    let location = format!("/v1/accounts/{}/teams/{}", made.account_id, made.id);
    let version = made.version;
    Ok(Answer::created(location, &TeamShape::from(made)).with_version(version))
}

pub(super) async fn show<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let found = team(api.outside.store(), &call.account()?, &call.team()?).await?;
    let version = found.version;
    Ok(Answer::ok(&TeamShape::from(found)).with_version(version))
}

pub(super) async fn change<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let name = read_team(&call.document()?)?;
    let (account, id, precondition) = (call.account()?, call.team()?, call.precondition()?);
    let changed = rename_team(&api.outside, &account, &id, &name, &precondition).await?;
    let version = changed.version;
    Ok(Answer::ok(&TeamShape::from(changed)).with_version(version))
}

pub(super) async fn delete<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, id, precondition) = (call.account()?, call.team()?, call.precondition()?);
    Ok(match delete_team(&api.outside, &account, &id, &precondition).await? {
        TeamDeleted::Whole => Answer::empty(StatusCode::NO_CONTENT),
        TeamDeleted::Partly => {
            Answer::empty(StatusCode::ACCEPTED).with_header(header::RETRY_AFTER, "1".to_owned())
        }
    })
}

pub(super) async fn members<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, id) = (call.account()?, call.team()?);
    let page = team_members(&api.outside, &account, &id, call.cursor(), call.limit()?).await?;
    Ok(Answer::list(page, MemberShape::from))
}

pub(super) async fn add<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, id, contact) = (call.account()?, call.team()?, call.contact()?);
    let role = match call.optional_document()? {
        Some(document) => RoleByHand::read(&document)?,
        None => RoleByHand::AsIs,
    };
    let member = add_member(&api.outside, &call.caller, &account, &id, &contact, role).await?;
    Ok(Answer::ok(&MemberShape::from(member)))
}

pub(super) async fn remove<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, id, contact) = (call.account()?, call.team()?, call.contact()?);
    remove_member(&api.outside, &call.caller, &account, &id, &contact).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}
