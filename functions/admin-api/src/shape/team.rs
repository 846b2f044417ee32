//! Teams and their members.

use std::collections::BTreeSet;

use contact_sync_domain::contact::ContactField;
use contact_sync_domain::id::{AccountId, ContactId, TeamId};
use contact_sync_domain::team::{HeldBy, Origin, Team};
use contact_sync_engine::admin::{Member, TeamOf};
use jiff::Timestamp;
use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TeamShape {
    id: TeamId,
    account_id: AccountId,
    name: String,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Team> for TeamShape {
    fn from(team: Team) -> Self {
        Self {
            id: team.id,
            account_id: team.account_id,
            name: team.name,
            version: team.version,
            created_at: team.created_at,
            updated_at: team.updated_at,
        }
    }
}

/// A team, as the contact that is in it shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TeamOfShape {
    id: TeamId,
    name: String,
    origin: HeldBy,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

impl From<TeamOf> for TeamOfShape {
    fn from(team: TeamOf) -> Self {
        Self { id: team.id, name: team.name, origin: team.origin, role: team.role }
    }
}

/// A member, with everything that holds the membership.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MemberShape {
    contact_id: ContactId,
    display_name: Option<String>,
    email: Option<String>,
    origin: HeldBy,
    origins: BTreeSet<Origin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_by_hand: Option<String>,
    updated_at: Timestamp,
}

impl From<Member> for MemberShape {
    fn from(member: Member) -> Self {
        let field = |field| member.contact.fields.get(&field).cloned();
        Self {
            display_name: field(ContactField::DisplayName),
            email: field(ContactField::Email),
            origin: member.membership.held_by().unwrap_or(HeldBy::Manual),
            role: member.membership.role().map(str::to_owned),
            contact_id: member.membership.contact_id,
            origins: member.membership.origins,
            role_by_hand: member.membership.role_by_hand,
            updated_at: member.membership.updated_at,
        }
    }
}
