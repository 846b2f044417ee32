//! Every URL the engine's Graph client calls is covered by the roles that consent asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::subscription::SubscribedResource;
use contact_sync_engine::port::{Clock, Directory, Lane, NewSubscription, Subscriptions};
use contact_sync_graph_client::{
    ClientCredential, CredentialError, CredentialSource, Endpoints, GraphClient,
};
use entra_sim::{AppRegistration, DEFAULT_APP_ID, DEFAULT_APP_SECRET, SimClock};
use jiff::{SignedDuration, Timestamp};

use crate::client::Client;
use crate::notifications::Receiver;

/// What consent asks for.
const ASKED: [(&str, &str); 2] = [
    ("User.Read.All", "df021288-bdef-4463-88db-98f22de89214"),
    ("GroupMember.Read.All", "98830695-27a2-44f7-8c18-0c3ebc9698f6"),
];

const USERS: &[&str] = &["User.Read.All", "Directory.Read.All"];
const LISTED: &[&str] = &["User.Read.All", "Directory.Read.All", "User.ReadBasic.All"];
const GROUPS: &[&str] =
    &["Group.ReadBasic.All", "GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"];
const MEMBERS: &[&str] =
    &["GroupMember.ReadBasic.All", "GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"];

/// Each call with the roles of which one suffices, as Microsoft publishes them.
const TABLE: &[(&str, &[&str])] = &[
    ("GET /users", LISTED),
    ("GET /users/$count", LISTED),
    // `User.ReadBasic.All` is not accepted here.
    ("GET /users/delta", USERS),
    ("GET /users/{id}", LISTED),
    ("POST /directoryObjects/getByIds", USERS),
    ("GET /groups", GROUPS),
    ("GET /groups/$count", GROUPS),
    ("GET /groups/delta", GROUPS),
    ("GET /groups/{id}", GROUPS),
    ("GET /groups/{id}/members", MEMBERS),
    ("GET /groups/{id}/transitiveMembers", MEMBERS),
    ("GET /organization", &["Organization.Read.All", "User.Read.All", "Directory.Read.All"]),
    // The read permission of the resource: here that of users.
    ("GET /subscriptions", USERS),
    ("POST /subscriptions", USERS),
    ("PATCH /subscriptions/{id}", USERS),
    ("DELETE /subscriptions/{id}", USERS),
];

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

/// Calls everything the client can.
async fn call_everything(sim: &Client, hook: &str) {
    let tenant = TenantId::parse(&sim.tenant.id.to_string()).expect("a tenant");
    let endpoints = Endpoints::parse(&sim.base(), &sim.base()).expect("endpoints");
    let clock = Simulated(sim.sim.clock().clone());
    let graph = GraphClient::new(endpoints, &DEFAULT_APP_ID.to_string(), Secret, clock);
    let graph = graph.expect("a client");
    let page = graph
        .list_users(&tenant, &UserSelection::default(), None, Lane::Bulk)
        .await
        .expect("users");
    let someone = page.users[0].id.clone();
    let (link, _) =
        graph.latest_users_link(&tenant, &UserSelection::default()).await.expect("a link");
    graph.users_delta(&tenant, &link).await.expect("changes");
    graph
        .users_by_id(&tenant, &UserSelection::default(), std::slice::from_ref(&someone))
        .await
        .expect("by id");
    graph
        .find_user(&tenant, &UserSelection::default(), &someone.to_string())
        .await
        .expect("a user");
    graph.search_users(&tenant, "a", 5).await.expect("a search");
    graph.count_users(&tenant).await.expect("a count");
    graph.count_groups(&tenant).await.expect("a count");
    let group = graph.search_groups(&tenant, "", 5).await.expect("groups").remove(0).id;
    graph.find_group(&tenant, &group).await.expect("a group");
    graph.group_members(&tenant, &group, false, None).await.expect("members");
    graph.group_members(&tenant, &group, true, None).await.expect("nested members");
    let (link, _) = graph.latest_groups_link(&tenant).await.expect("a link");
    graph.groups_delta(&tenant, &link).await.expect("changes");
    graph.organization(&tenant).await.expect("the organisation");
    let _: ObjectId = someone;
    let expires_at = sim.sim.clock().now() + SignedDuration::from_hours(48);
    let new = NewSubscription {
        resource: SubscribedResource::Users,
        notification_url: hook.to_owned(),
        lifecycle_url: hook.to_owned(),
        client_state: "state".to_owned(),
        expires_at,
    };
    let made = graph.create(&tenant, &new).await.expect("a subscription");
    graph.renew(&tenant, &made.id, expires_at).await.expect("renewed");
    graph.list(&tenant).await.expect("listed");
    graph.delete(&tenant, &made.id).await.expect("deleted");
}

#[tokio::test]
async fn the_roles_that_consent_asks_for_cover_every_url_the_engine_calls() {
    let names: Vec<&str> = ASKED.iter().map(|(name, _)| *name).collect();
    assert_eq!(AppRegistration::development().roles, names, "what local stacks consent to");
    let client = Client::with_roles(60, &names).await;
    let hook = Receiver::default().start().await;
    client.sim.reset_requests();
    call_everything(&client, &hook).await;
    let counts = client.sim.request_counts();
    let called: BTreeMap<&str, BTreeSet<u16>> = counts
        .endpoints
        .iter()
        .filter(|(endpoint, _)| !endpoint.contains("{tenant}"))
        .map(|(endpoint, counts)| (endpoint.as_str(), counts.statuses.keys().copied().collect()))
        .collect();
    for (endpoint, statuses) in &called {
        let row = TABLE.iter().find(|(known, _)| known == endpoint);
        let (_, sufficient) = row.unwrap_or_else(|| panic!("{endpoint} is not in the table"));
        assert!(sufficient.iter().any(|role| names.contains(role)), "{endpoint}");
        assert!(statuses.iter().all(|status| *status < 400), "{endpoint}: {statuses:?}");
    }
    let missed: Vec<&str> =
        TABLE.iter().map(|(endpoint, _)| *endpoint).filter(|e| !called.contains_key(e)).collect();
    assert!(missed.is_empty(), "in the table, but not called: {missed:?}");
    assert!(counts.endpoints.keys().all(|endpoint| endpoint != "GET unknown"));
}

#[tokio::test]
async fn neither_role_can_be_spared() {
    for (missing, _) in ASKED {
        let names: Vec<&str> =
            ASKED.iter().map(|(name, _)| *name).filter(|name| *name != missing).collect();
        let refused = TABLE
            .iter()
            .filter(|(_, sufficient)| !sufficient.iter().any(|role| names.contains(role)));
        assert!(refused.count() > 0, "{missing}");
    }
}

/// Every path written in the client's source is one the table covers: a new call must be added.
#[test]
fn the_source_of_the_client_names_no_path_beside_the_table() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/graph-client/src");
    let mut seen = BTreeSet::new();
    for file in ["directory", "groups", "organization", "subscriptions", "users"] {
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
        assert!(TABLE.iter().any(|(endpoint, _)| fits(endpoint)), "{path}");
    }
}
