//! What the engine's own Graph client reads of a tenant, as JSON: `engine_view ORIGIN TENANT`.
//!
//! `users` holds each person by the listing and by delta, `members` the direct people of each
//! group. Programs that hold the simulator to Microsoft's contract compare it with theirs.
#![expect(clippy::print_stdout, reason = "the answer goes to whoever started it")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use contact_sync_domain::directory::{DeltaEntry, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::segment::NextStep;
use contact_sync_engine::port::{Clock, Directory, Lane};
use contact_sync_graph_client::{
    ClientCredential, CredentialError, CredentialSource, Endpoints, GraphClient,
};
use entra_sim::{DEFAULT_APP_ID, DEFAULT_APP_SECRET, SimClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// The machine's clock.
struct Machine(SimClock);

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep(&self, duration: SignedDuration) {
        tokio::time::sleep(Duration::try_from(duration).unwrap_or_default()).await;
    }
}

struct Secret;

impl CredentialSource for Secret {
    async fn current(&self) -> Result<ClientCredential, CredentialError> {
        Ok(ClientCredential::Secret(DEFAULT_APP_SECRET.to_owned().into()))
    }

    async fn forget(&self) {}
}

type Client = GraphClient<Secret, Machine>;
type People = BTreeMap<String, Map<String, Value>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(origin), Some(tenant)) = (arguments.next(), arguments.next()) else {
        return Err("usage: engine_view ORIGIN TENANT".into());
    };
    let tenant = TenantId::parse(&tenant)?;
    let endpoints = Endpoints::parse(&origin, &origin)?;
    let clock = Machine(SimClock::default());
    let client = GraphClient::new(endpoints, &DEFAULT_APP_ID.to_string(), Secret, clock)?;
    let delta =
        format!("{origin}/v1.0/users/delta?$select={}", UserSelection::default().attributes());
    let view = json!({
        "users": { "listing": listing(&client, &tenant).await?,
                   "delta": changes(&client, &tenant, delta).await? },
        "members": members(&client, &tenant).await?,
    });
    println!("{view}");
    Ok(())
}

async fn listing(client: &Client, tenant: &TenantId) -> Result<People, Box<dyn Error>> {
    let (mut people, mut link) = (People::new(), None);
    loop {
        let page = client
            .list_users(tenant, &UserSelection::default(), link.as_deref(), Lane::Bulk)
            .await?;
        people.extend(page.users.into_iter().map(|user| (user.id.to_string(), user.attributes)));
        match page.next {
            NextStep::Next(next) => link = Some(next),
            NextStep::Delta(_) | NextStep::End => return Ok(people),
        }
    }
}

async fn changes(
    client: &Client,
    tenant: &TenantId,
    mut link: String,
) -> Result<People, Box<dyn Error>> {
    let mut people = People::new();
    loop {
        let page = client.users_delta(tenant, &link).await?;
        for entry in page.entries {
            match entry {
                DeltaEntry::Changed(user) => {
                    people.insert(user.id.to_string(), user.attributes);
                }
                DeltaEntry::Removed { id, .. } => {
                    people.remove(&id.to_string());
                }
            }
        }
        match page.next {
            NextStep::Next(next) => link = next,
            NextStep::Delta(_) | NextStep::End => return Ok(people),
        }
    }
}

async fn members(
    client: &Client,
    tenant: &TenantId,
) -> Result<BTreeMap<String, Vec<ObjectId>>, Box<dyn Error>> {
    let mut found = BTreeMap::new();
    for group in client.search_groups(tenant, "", 999).await? {
        let (mut people, mut link) = (Vec::new(), None);
        loop {
            let page = client.group_members(tenant, &group.id, false, link.as_deref()).await?;
            people.extend(page.users);
            match page.next {
                NextStep::Next(next) => link = Some(next),
                NextStep::Delta(_) | NextStep::End => break,
            }
        }
        found.insert(group.id.to_string(), people);
    }
    Ok(found)
}
