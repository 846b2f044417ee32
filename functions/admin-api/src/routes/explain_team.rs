//! Why somebody is, or is not, in a team.

use std::sync::Arc;

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::contact::ContactField;
use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId, TeamId};
use contact_sync_domain::scope::Clause;
use contact_sync_domain::settings::OnLeave;
use contact_sync_domain::team::{ByHand, Ended, Evidence, Membership, Origin, Why};
use contact_sync_engine::admin::{
    GroupState, Holder, MappedGroup, Outside, TeamExplanation, Through, account, explain_team,
};
use jiff::Timestamp;
use serde::Serialize;

use super::Reply;
use super::directory::GroupShape;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TeamExplanationShape {
    team: NameShape<TeamId>,
    contact: Option<ContactNameShape>,
    is_member: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// The role that a person gave, which goes before the groups'.
    #[serde(skip_serializing_if = "Option::is_none")]
    role_by_hand: Option<String>,
    held_by: Vec<HolderShape>,
    left: Option<LeftShape>,
    connections: Vec<ThroughShape>,
}

#[derive(Serialize)]
struct NameShape<T> {
    id: T,
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContactNameShape {
    id: ContactId,
    display_name: Option<String>,
    email: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HolderShape {
    #[serde(flatten)]
    origin: Origin,
    who: Option<ByHand>,
    group: Option<GroupShape>,
    path: Vec<GroupShape>,
}

#[derive(Serialize)]
struct LeftShape {
    at: Timestamp,
    #[serde(flatten)]
    how: Option<Ended>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThroughShape {
    connection_id: ConnectionId,
    status: ConnectionStatus,
    object_id: Option<ObjectId>,
    why: Why,
    because: String,
    remedy: Option<String>,
    groups: Vec<MappedGroupShape>,
    refused_by: Vec<Clause>,
    members_as_of: Option<Timestamp>,
    next_run_at: Option<Timestamp>,
    look: LookShape,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LookShape {
    is_live: bool,
    requests: u32,
    trouble: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MappedGroupShape {
    group: GroupShape,
    on_leave: OnLeave,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    state: GroupState,
    stored: GroupState,
    path: Vec<GroupShape>,
    is_path_whole: bool,
}

pub(super) async fn show<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let Some(who) = call.query("person") else {
        let detail = "`person` is a contact's id, an object id, a user principal name or an \
                      e-mail address.";
        return Err(Problem::bad_query(detail));
    };
    let told = explain_team(&api.outside, &account, &call.team()?, who).await?;
    Ok(Answer::ok(&TeamExplanationShape::from(told)))
}

fn shapes(path: Vec<contact_sync_engine::port::Group>) -> Vec<GroupShape> {
    path.into_iter().map(GroupShape::from).collect()
}

impl From<TeamExplanation> for TeamExplanationShape {
    fn from(told: TeamExplanation) -> Self {
        let by_hand = told.membership.as_ref().and_then(|one| one.by_hand.clone());
        let holder = |one: Holder| HolderShape {
            who: by_hand.clone().filter(|_| one.origin == Origin::Manual),
            origin: one.origin,
            group: one.group.map(GroupShape::from),
            path: shapes(one.path),
        };
        let name = |contact: contact_sync_domain::contact::Contact| ContactNameShape {
            display_name: contact.fields.get(&ContactField::DisplayName).cloned(),
            email: contact.email().map(str::to_owned),
            id: contact.id,
        };
        Self {
            team: NameShape { id: told.team.id, name: told.team.name },
            is_member: told.membership.as_ref().is_some_and(Membership::stands),
            role: told.membership.as_ref().and_then(Membership::role).map(str::to_owned),
            role_by_hand: told.membership.and_then(|one| one.role_by_hand),
            contact: told.contact.map(name),
            held_by: told.held_by.into_iter().map(holder).collect(),
            left: told.left.map(|(at, how)| LeftShape { at, how }),
            connections: told.connections.into_iter().map(ThroughShape::from).collect(),
        }
    }
}

impl From<Through> for ThroughShape {
    fn from(one: Through) -> Self {
        Self {
            connection_id: one.connection_id,
            status: one.status,
            object_id: one.user,
            why: one.why,
            because: one.because,
            remedy: one.remedy,
            groups: one.groups.into_iter().map(MappedGroupShape::from).collect(),
            refused_by: one.refused_by,
            members_as_of: one.members_as_of,
            next_run_at: one.next_run_at,
            look: LookShape { is_live: one.is_live, requests: one.requests, trouble: one.trouble },
        }
    }
}

impl From<MappedGroup> for MappedGroupShape {
    fn from(one: MappedGroup) -> Self {
        Self {
            group: GroupShape::from(one.group),
            on_leave: one.on_leave,
            role: one.role,
            state: one.state,
            stored: match one.stored {
                Evidence::Member => GroupState::Member,
                Evidence::NotMember => GroupState::NotMember,
                Evidence::Unknown => GroupState::Unknown,
            },
            path: shapes(one.path),
            is_path_whole: one.is_path_whole,
        }
    }
}
