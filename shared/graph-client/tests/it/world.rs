//! A simulated Entra with one consented tenant, and the client beside it.

use contact_sync_domain::directory::{DeltaEntry, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::segment::NextStep;
use contact_sync_engine::port::{Clock, Directory, DirectoryError, Lane};
use contact_sync_graph_client::{
    ClientCredential, CredentialError, CredentialSource, Endpoints, GraphClient,
};
use entra_sim::{DEFAULT_APP_ID, DEFAULT_APP_SECRET, EntraSim, SimClock, SimOptions};
use jiff::{SignedDuration, Timestamp};

/// The simulator's clock, on which waiting takes no time.
#[derive(Clone)]
pub(crate) struct Shared(SimClock);

impl Clock for Shared {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep(&self, duration: SignedDuration) {
        self.0.advance(duration.try_into().unwrap_or_default());
    }
}

pub(crate) struct Holding(ClientCredential);

impl CredentialSource for Holding {
    async fn current(&self) -> Result<ClientCredential, CredentialError> {
        Ok(self.0.clone())
    }

    async fn forget(&self) {}
}

pub(crate) type Client = GraphClient<Holding, Shared>;

/// A simulator with one consented tenant and a client for it.
pub(crate) struct World {
    pub(crate) sim: EntraSim,
    pub(crate) client: Client,
    pub(crate) tenant: TenantId,
}

pub(crate) fn secret() -> ClientCredential {
    ClientCredential::Secret(DEFAULT_APP_SECRET.to_owned().into())
}

pub(crate) fn client(sim: &EntraSim, credential: ClientCredential) -> Client {
    let endpoints = Endpoints::parse(&sim.base_url(), &sim.base_url()).unwrap();
    let clock = Shared(sim.clock().clone());
    GraphClient::new(endpoints, &DEFAULT_APP_ID.to_string(), Holding(credential), clock).unwrap()
}

impl World {
    /// The administrator consents to what the app asks for.
    pub(crate) async fn with_users(users: u32) -> Self {
        Self::consenting_to(users, None).await
    }

    /// The administrator consents to these roles alone.
    pub(crate) async fn with_roles(users: u32, roles: &[&str]) -> Self {
        Self::consenting_to(users, Some(roles.iter().map(ToString::to_string).collect())).await
    }

    async fn consenting_to(users: u32, roles: Option<Vec<String>>) -> Self {
        let sim = EntraSim::start(SimOptions::with_users(users)).await.unwrap();
        let tenant = sim.tenants()[0].id;
        sim.grant_consent(tenant, DEFAULT_APP_ID, roles).unwrap();
        let client = client(&sim, secret());
        Self { sim, client, tenant: TenantId::parse(&tenant.to_string()).unwrap() }
    }

    /// Everybody, page by page.
    pub(crate) async fn everybody(&self) -> Result<Vec<ObjectId>, DirectoryError> {
        let mut ids = Vec::new();
        let mut link: Option<String> = None;
        loop {
            let page = self
                .client
                .list_users(&self.tenant, &UserSelection::default(), link.as_deref(), Lane::Bulk)
                .await?;
            ids.extend(page.users.into_iter().map(|user| user.id));
            match page.next {
                NextStep::Next(next) => link = Some(next),
                NextStep::End => return Ok(ids),
                NextStep::Delta(_) => panic!("a listing has no delta link"),
            }
        }
    }

    /// A whole round of changes.
    pub(crate) async fn changes(
        &self,
        link: &str,
    ) -> Result<(Vec<DeltaEntry>, String), DirectoryError> {
        let mut entries = Vec::new();
        let mut link = link.to_owned();
        loop {
            let page = self.client.users_delta(&self.tenant, &link).await?;
            entries.extend(page.entries);
            match page.next {
                NextStep::Next(next) => link = next,
                NextStep::Delta(delta) => return Ok((entries, delta)),
                NextStep::End => panic!("a round ends with a delta link"),
            }
        }
    }

    pub(crate) fn someone(&self, index: usize) -> ObjectId {
        let users = self.sim.users(&self.tenant).unwrap();
        ObjectId::parse(users[index]["id"].as_str().unwrap()).unwrap()
    }
}
