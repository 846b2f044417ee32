//! Every URL the engine's Graph client calls is covered by the roles that consent asks for, and the
//! simulator asks for what Microsoft publishes.
//!
//! `permissions.tsv` has each call with the application roles of which one suffices, `roles.tsv` the
//! ids of roles: copied from Microsoft's permission map and its list of app roles, not from the
//! simulator's own table (`src/graph/permissions.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::subscription::SubscribedResource;
use contact_sync_engine::port::{
    AdministrativeUnits, Clock, Directory, Lane, NewSubscription, Subscriptions,
};
use contact_sync_graph_client::{
    ClientCredential, CredentialError, CredentialSource, Endpoints, GraphClient,
};
use entra_sim::{AppRegistration, DEFAULT_APP_ID, DEFAULT_APP_SECRET, SimClock};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::notifications::Receiver;

/// What consent asks for.
const ASKED: [&str; 2] = ["User.Read.All", "GroupMember.Read.All"];

/// What the engine does without where it is refused: it looks hourly instead, and finds the way
/// through a person's groups from above. Administrative units are only for settings that name some.
const OPTIONAL: [&str; 6] = [
    "POST /subscriptions groups",
    "GET /users/{id}/memberOf",
    "GET /directory/administrativeUnits",
    "GET /directory/administrativeUnits/{id}",
    "GET /directory/administrativeUnits/{id}/members",
    "GET /directory/administrativeUnits/{id}/members/microsoft.graph.user/$count",
];

/// Each call, as `METHOD endpoint` with the resource where it matters, and what suffices for it.
fn table() -> Vec<(&'static str, Vec<&'static str>)> {
    rows(include_str!("permissions.tsv"))
        .map(|(call, roles)| (call, roles.split(' ').collect()))
        .collect()
}

/// Each role with its id.
fn roles() -> BTreeMap<&'static str, &'static str> {
    rows(include_str!("roles.tsv")).collect()
}

fn rows(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    text.lines().filter_map(|line| line.split_once('\t'))
}

struct Simulated(SimClock);

impl Clock for Simulated {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep(&self, duration: SignedDuration) {
        self.0.advance(duration.try_into().unwrap_or_default());
    }
}

struct Secret;

impl CredentialSource for Secret {
    async fn current(&self) -> Result<ClientCredential, CredentialError> {
        Ok(ClientCredential::Secret(DEFAULT_APP_SECRET.to_owned().into()))
    }

    async fn forget(&self) {}
}

/// What there is to ask for.
struct Facts {
    person: ObjectId,
    group: ObjectId,
    unit: ObjectId,
    subscription: String,
    hook: String,
}

impl Facts {
    async fn gather(client: &Client) -> Self {
        let hook = Receiver::default().start().await;
        let (_, made) = client.post("/subscriptions", &wanted(client, "users", &hook)).await;
        let (_, groups) = client.get("/groups?$top=1&$select=id").await;
        let id = |value: &Value| ObjectId::parse(value.as_str().expect("an id")).expect("an id");
        Self {
            person: id(&json!(client.tenant.admin.as_ref().expect("an admin").id)),
            group: id(&groups["value"][0]["id"]),
            unit: id(&client.sim.units(client.tenant.id).expect("units")[0]["id"]),
            subscription: made["id"].as_str().expect("a subscription").to_owned(),
            hook,
        }
    }
}

fn wanted(client: &Client, resource: &str, hook: &str) -> Value {
    let expires_at = client.sim.clock().now() + SignedDuration::from_hours(48);
    json!({
        "changeType": "updated", "resource": resource, "notificationUrl": hook,
        "expirationDateTime": expires_at, "clientState": "state",
    })
}

/// Calls everything the engine's client can, whatever comes of it; answers whether groups could
/// be subscribed to.
async fn call_everything(sim: &Client, facts: &Facts) -> bool {
    let tenant = TenantId::parse(&sim.tenant.id.to_string()).expect("a tenant");
    let endpoints = Endpoints::parse(&sim.base(), &sim.base()).expect("endpoints");
    let clock = Simulated(sim.sim.clock().clone());
    let graph = GraphClient::new(endpoints, &DEFAULT_APP_ID.to_string(), Secret, clock);
    let graph = graph.expect("a client");
    let selection = UserSelection::default();
    let one = std::slice::from_ref(&facts.person);
    let delta = |of: &str| format!("{}/v1.0/{of}/delta", sim.base());
    let _ = graph.list_users(&tenant, &selection, None, Lane::Bulk).await;
    let _ = graph.latest_users_link(&tenant, &selection).await;
    let _ = graph.users_delta(&tenant, &delta("users")).await;
    let _ = graph.users_by_id(&tenant, &selection, one).await;
    let _ = graph.find_user(&tenant, &selection, &facts.person.to_string()).await;
    let _ = graph.search_users(&tenant, "a", 5).await;
    let _ = graph.count_users(&tenant).await;
    let _ = graph.count_groups(&tenant).await;
    let _ = graph.search_groups(&tenant, "", 5).await;
    let _ = graph.find_group(&tenant, &facts.group).await;
    let _ = graph.group_members(&tenant, &facts.group, false, None).await;
    let _ = graph.group_members(&tenant, &facts.group, true, None).await;
    let _ = graph.user_groups(&tenant, &facts.person, false, None).await;
    let _ = graph.user_groups(&tenant, &facts.person, true, None).await;
    let _ = graph.latest_groups_link(&tenant).await;
    let _ = graph.groups_delta(&tenant, &delta("groups")).await;
    let _ = graph.units(&tenant, None).await;
    let _ = graph.find_unit(&tenant, &facts.unit).await;
    let _ = graph.unit_members(&tenant, &facts.unit, None).await;
    let _ = graph.count_unit(&tenant, &facts.unit).await;
    let _ = graph.organization(&tenant).await;
    let expires_at = sim.sim.clock().now() + SignedDuration::from_hours(48);
    let new = |resource| NewSubscription {
        resource,
        notification_url: facts.hook.clone(),
        lifecycle_url: facts.hook.clone(),
        client_state: "state".to_owned(),
        expires_at,
    };
    let _ = graph.create(&tenant, &new(SubscribedResource::Users)).await;
    let _ = graph.renew(&tenant, &facts.subscription, expires_at).await;
    let _ = graph.list(&tenant).await;
    let _ = graph.delete(&tenant, &facts.subscription).await;
    graph.create(&tenant, &new(SubscribedResource::Groups)).await.is_ok()
}

/// The endpoints of Graph that were called, with the statuses they answered.
fn called(client: &Client) -> BTreeMap<String, BTreeSet<u16>> {
    let counts = client.sim.request_counts().endpoints.into_iter();
    counts
        .filter(|(endpoint, _)| !endpoint.contains("{tenant}"))
        .map(|(endpoint, counts)| (endpoint, counts.statuses.into_keys().collect()))
        .collect()
}

fn endpoint(call: &str) -> String {
    call.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn suffices(sufficient: &[&str], granted: &[&str]) -> bool {
    sufficient.iter().any(|role| granted.contains(role))
}

#[tokio::test]
async fn the_roles_that_consent_asks_for_cover_every_url_the_engine_calls_but_what_is_optional() {
    assert_eq!(AppRegistration::development().roles, ASKED, "what local stacks consent to");
    let client = Client::with_roles(60, &ASKED).await;
    let facts = Facts::gather(&client).await;
    client.sim.reset_requests();
    let groups_subscribed = call_everything(&client, &facts).await;
    assert!(!groups_subscribed, "notifications of groups need Group.Read.All, which is optional");
    let called = called(&client);
    let table = table();
    let known: BTreeSet<String> = table.iter().map(|(call, _)| endpoint(call)).collect();
    assert_eq!(called.keys().cloned().collect::<BTreeSet<_>>(), known, "calls and table");
    for (call, sufficient) in &table {
        assert_eq!(suffices(sufficient, &ASKED), !OPTIONAL.contains(call), "{call}");
        let refused = called[&endpoint(call)].contains(&403);
        let is_optional = OPTIONAL.iter().any(|one| endpoint(one) == endpoint(call));
        assert_eq!(refused, is_optional, "{call}: {called:?}");
    }
    assert!(!called.keys().any(|endpoint| endpoint == "GET unknown"));
}

#[tokio::test]
async fn neither_role_can_be_spared() {
    for missing in ASKED {
        let left: Vec<&str> = ASKED.into_iter().filter(|role| *role != missing).collect();
        let client = Client::with_roles(60, &ASKED).await;
        let facts = Facts::gather(&client).await;
        client.sim.remove_role(client.tenant.id, DEFAULT_APP_ID, missing).expect("removed");
        client.sim.reset_requests();
        call_everything(&client, &facts).await;
        let refused: BTreeSet<String> = called(&client)
            .into_iter()
            .filter(|(_, statuses)| statuses.contains(&403))
            .map(|(endpoint, _)| endpoint)
            .collect();
        let expected: BTreeSet<String> = table()
            .iter()
            .filter(|(call, sufficient)| !suffices(sufficient, &left) && !shows_ids_alone(call))
            .map(|(call, _)| endpoint(call))
            .collect();
        assert_eq!(refused, expected, "without {missing}");
        assert!(refused.len() >= 6, "without {missing}: {refused:?}");
    }
}

/// Objects of a type that one may not read come with type and id alone instead of a 403.
fn shows_ids_alone(call: &str) -> bool {
    call.ends_with("getByIds")
}

/// One request for each row; what it needs is what Microsoft says, role by role.
#[tokio::test]
async fn each_call_is_served_with_one_of_its_roles_and_refused_without() {
    let mut client = Client::with_roles(30, &ASKED).await;
    let facts = Facts::gather(&client).await;
    for (call, sufficient) in table() {
        for role in ["AuditLog.Read.All"].into_iter().chain(sufficient) {
            let granted = Some(vec![role.to_owned()]);
            let tenant = client.tenant.id;
            client.sim.revoke_consent(tenant, DEFAULT_APP_ID).expect("taken away");
            client.sim.grant_consent(tenant, DEFAULT_APP_ID, granted).expect("granted");
            client.token = client.fresh_token().await;
            let (status, answer) = ask(&client, &facts, call).await;
            if role != "AuditLog.Read.All" {
                // A subscription that is there already is no matter of permission.
                let served = status < 400 || status == 409 || status == 404;
                assert!(served, "{call} with {role}: {status} {answer}");
            } else if shows_ids_alone(call) {
                assert_eq!(answer["value"][0]["displayName"], Value::Null, "{call}: {answer}");
            } else {
                assert_eq!(status, 403, "{call} with {role}: {answer}");
            }
        }
    }
}

async fn ask(client: &Client, facts: &Facts, call: &str) -> (u16, Value) {
    let (person, group) = (facts.person.to_string(), facts.group.to_string());
    let (method, rest) = call.split_once(' ').expect("a method");
    let (path, resource) = rest.split_once(' ').unwrap_or((rest, "users"));
    let id = match path.split('/').nth(1) {
        Some("groups") => group,
        Some("directory") => facts.unit.to_string(),
        Some("subscriptions") => facts.subscription.clone(),
        _ => person.clone(),
    };
    let path = path.replace("{id}", &id);
    let body = match (method, path.as_str()) {
        ("POST", "/subscriptions") => Some(wanted(client, resource, &facts.hook)),
        ("POST", _) => Some(json!({"ids": [person], "types": ["user"]})),
        ("PATCH", _) => {
            let until = client.sim.clock().now() + SignedDuration::from_hours(48);
            Some(json!({"expirationDateTime": until}))
        }
        _ => None,
    };
    let method: Method = method.parse().expect("a method");
    let headers = [("consistencylevel", "eventual")];
    let answer = client.send(method, &path, &headers, body.as_ref()).await;
    (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
}

#[test]
fn roles_are_called_as_microsoft_calls_them_and_deployments_ask_for_two_by_their_ids() {
    let roles = roles();
    assert_eq!(roles.len(), 21);
    for (call, sufficient) in table() {
        assert!(sufficient.iter().all(|role| roles.contains_key(role)), "{call}: {sufficient:?}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let simulated = std::fs::read_to_string(root.join("src/graph/permissions.rs")).expect("source");
    let named: BTreeSet<&str> = simulated
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| text.contains(".Read"))
        // Of service principals, which the list does not have.
        .filter(|role| *role != "Application.Read.All")
        .collect();
    assert_eq!(named, roles.keys().copied().collect::<BTreeSet<_>>(), "what the simulator knows");
    let guide = std::fs::read_to_string(root.join("../../docs/deploy.md")).expect("the guide");
    let asked: BTreeSet<&str> =
        roles.iter().filter(|(_, id)| guide.contains(**id)).map(|(role, _)| *role).collect();
    assert_eq!(asked, BTreeSet::from(ASKED), "the ids in docs/deploy.md");
}

/// Every path written in the client's source is one the table covers: a new call must be added.
#[test]
fn the_source_of_the_client_names_no_path_beside_the_table() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/graph-client/src");
    let mut seen = BTreeSet::new();
    for file in
        ["administrative_units", "directory", "groups", "organization", "subscriptions", "users"]
    {
        let text = std::fs::read_to_string(source.join(format!("{file}.rs"))).expect("source");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        for literal in text.split('"').skip(1).step_by(2).filter(|literal| literal.starts_with('/'))
        {
            let path = literal.split('?').next().unwrap_or_default();
            let segments: Vec<&str> = path
                .split('/')
                .map(|segment| if segment.starts_with('{') { "*" } else { segment })
                .collect();
            seen.insert(segments.join("/"));
        }
    }
    assert!(seen.len() >= 10, "{seen:?}");
    for path in seen {
        let fits = |endpoint: &str| {
            let (_, known) = endpoint.split_once(' ').unwrap_or_default();
            let known: Vec<&str> = known.split('/').collect();
            let path: Vec<&str> = path.split('/').collect();
            known.len() == path.len()
                && known.iter().zip(&path).all(|(known, own)| *own == "*" || known == own)
        };
        assert!(table().iter().any(|(call, _)| fits(&endpoint(call))), "{path}");
    }
}
