//! Tenants that several accounts share.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId};
use contact_sync_domain::run::GraphCost;
use contact_sync_engine::admin::{
    Meaning, Overlap, PersonName, Shared, SharedPerson, TenantUse, Unclaimed, UnclaimedPerson,
};
use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TenantUseShape {
    account_id: AccountId,
    granted: bool,
    connection_id: Option<ConnectionId>,
    status: Option<ConnectionStatus>,
}

impl From<TenantUse> for TenantUseShape {
    fn from(one: TenantUse) -> Self {
        let (connection_id, status) = one.connection.unzip();
        Self { account_id: one.account_id, granted: one.granted, connection_id, status }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverlapShape {
    connections: Vec<MeaningShape>,
    people: u64,
    complete: bool,
    shared: SharedShape,
    unclaimed: UnclaimedShape,
    undecided: u64,
    next_cursor: Option<String>,
    graph: GraphCost,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MeaningShape {
    account_id: AccountId,
    connection_id: ConnectionId,
    means: Option<u64>,
    unknown: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SharedShape {
    count: u64,
    contested: u64,
    examples: Vec<SharedPersonShape>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UnclaimedShape {
    count: u64,
    active_members: u64,
    examples: Vec<UnclaimedPersonShape>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PersonShape {
    object_id: ObjectId,
    display_name: Option<String>,
    user_principal_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SharedPersonShape {
    #[serde(flatten)]
    person: PersonShape,
    meant_by: Vec<AccountId>,
    taken_by: Vec<AccountId>,
    kept_by: Vec<AccountId>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UnclaimedPersonShape {
    #[serde(flatten)]
    person: PersonShape,
    because: Vec<BecauseShape>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BecauseShape {
    account_id: AccountId,
    because: String,
}

impl From<Overlap> for OverlapShape {
    fn from(report: Overlap) -> Self {
        Self {
            connections: report.connections.into_iter().map(MeaningShape::from).collect(),
            people: report.people,
            complete: report.complete,
            shared: report.shared.into(),
            unclaimed: report.unclaimed.into(),
            undecided: report.undecided,
            next_cursor: report.next,
            graph: report.graph,
        }
    }
}

impl From<Meaning> for MeaningShape {
    fn from(one: Meaning) -> Self {
        let Meaning { account_id, connection_id, means, unknown } = one;
        Self { account_id, connection_id, means, unknown }
    }
}

impl From<Shared> for SharedShape {
    fn from(shared: Shared) -> Self {
        let Shared { count, contested, examples } = shared;
        Self { count, contested, examples: examples.into_iter().map(Into::into).collect() }
    }
}

impl From<Unclaimed> for UnclaimedShape {
    fn from(unclaimed: Unclaimed) -> Self {
        let Unclaimed { count, active_members, examples } = unclaimed;
        Self { count, active_members, examples: examples.into_iter().map(Into::into).collect() }
    }
}

impl From<PersonName> for PersonShape {
    fn from(person: PersonName) -> Self {
        let PersonName { object_id, display_name, user_principal_name } = person;
        Self { object_id, display_name, user_principal_name }
    }
}

impl From<SharedPerson> for SharedPersonShape {
    fn from(one: SharedPerson) -> Self {
        let SharedPerson { person, meant_by, taken_by, kept_by } = one;
        Self { person: person.into(), meant_by, taken_by, kept_by }
    }
}

impl From<UnclaimedPerson> for UnclaimedPersonShape {
    fn from(one: UnclaimedPerson) -> Self {
        let because = one.because.into_iter();
        let because =
            because.map(|(account_id, because)| BecauseShape { account_id, because }).collect();
        Self { person: one.person.into(), because }
    }
}
