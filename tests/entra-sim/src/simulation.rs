//! The running simulator: state, clock, faults and log, and how a request passes through them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::clock::SimClock;
use crate::command::Command;
use crate::exchange::{Incoming, Reply};
use crate::faults::{Effect, FaultBook};
use crate::request_log::{LoggedRequest, RequestLog, shortened};
use crate::world::World;
use crate::{graph, login};

/// What the listener, the delivery task and the handle share.
#[derive(Debug)]
pub(crate) struct Sim {
    pub(crate) clock: SimClock,
    pub(crate) client: reqwest::Client,
    world: Mutex<World>,
    faults: Mutex<FaultBook>,
    log: Mutex<RequestLog>,
}

impl Sim {
    pub(crate) fn new(world: World, clock: SimClock, client: reqwest::Client) -> Arc<Self> {
        Arc::new(Self {
            clock,
            client,
            world: Mutex::new(world),
            faults: Mutex::new(FaultBook::default()),
            log: Mutex::new(RequestLog::default()),
        })
    }

    /// The state; hold it briefly and never across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, FaultBook> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, RequestLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a durable change made now and wakes the delivery task.
    pub(crate) fn execute(
        &self,
        command: Command,
    ) -> Result<Vec<crate::directory::commands::Touched>, crate::directory::CommandError> {
        let now = self.clock.now();
        let mut world = self.world();
        world.maintain(now);
        let touched = world.execute(now, command);
        drop(world);
        self.clock.nudge();
        touched
    }

    /// Answers a login or Graph request, with the faults that strike it, and logs it.
    pub(crate) async fn answer(&self, incoming: Incoming) -> Reply {
        let reply = self.serve(&incoming).await;
        let request = LoggedRequest {
            number: 0,
            at: self.clock.now(),
            method: incoming.method.to_string(),
            endpoint: reply.template.clone(),
            url: shortened(&incoming.described()),
            status: reply.status.as_u16(),
            tenant: reply.tenant,
            resource_units: reply.units,
            bytes: reply.body.len(),
        };
        self.log().add(request);
        reply
    }

    /// Serves a request or an item of a batch; not logged.
    pub(crate) async fn serve(&self, incoming: &Incoming) -> Reply {
        let effects = self.effects(incoming);
        for effect in &effects {
            if let Effect::Delay { ms } = effect {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
            }
            if let Effect::Mutate { tenant, commands } = effect {
                self.mutate(tenant, commands);
            }
        }
        let now = self.clock.now();
        self.world().maintain(now);
        let is_graph = is_graph(incoming);
        let base_url = self.world().base_url.clone();
        let replaced =
            effects.iter().find_map(|effect| effect.replacement(incoming, &base_url, now));
        let mut reply = match replaced {
            Some(reply) => {
                let tenant = graph::token::claimed_tenant(incoming);
                Reply { tenant, ..reply }.at(&graph::route::fault_template(incoming))
            }
            None if is_graph => graph::answer(self, incoming).await,
            None => login::answer(self, incoming),
        };
        let url = incoming.url(&base_url);
        for effect in &effects {
            reply = effect.spoil(reply, &url);
        }
        if is_graph { graph::reply::complete(reply, incoming) } else { reply }
    }

    fn effects(&self, incoming: &Incoming) -> Vec<Effect> {
        if self.faults().is_empty() {
            return Vec::new();
        }
        let claimed = graph::token::claimed_tenant(incoming);
        let first = incoming.segments().first().cloned().unwrap_or_default();
        let names: Vec<Vec<String>> = {
            let world = self.world();
            let concerned = world.tenants.iter().filter(|tenant| {
                claimed == Some(tenant.id) || (claimed.is_none() && tenant.is_named(&first))
            });
            concerned
                .map(|tenant| {
                    let mut names = tenant.domains().to_vec();
                    names.push(tenant.id.to_string());
                    names
                })
                .collect()
        };
        let is_tenant =
            |name: &str| names.iter().flatten().any(|known| known.eq_ignore_ascii_case(name));
        self.faults().strike(incoming, &is_tenant)
    }

    fn mutate(&self, tenant: &str, commands: &[crate::directory::DirectoryCommand]) {
        let Some(tenant) = self.tenant_id(tenant) else {
            tracing::warn!("a mutating fault names an unknown tenant");
            return;
        };
        for command in commands {
            let command = Command::Directory { tenant, command: command.clone() };
            if let Err(error) = self.execute(command) {
                tracing::warn!(error = %error, "a mutating fault could not change the directory");
            }
        }
    }

    /// The id behind a tenant's id or domain, deleted tenants included.
    pub(crate) fn tenant_id(&self, name: &str) -> Option<Uuid> {
        self.world().tenants.iter().find(|tenant| tenant.is_named(name)).map(|tenant| tenant.id)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Whether a request is for Graph rather than for the login service.
pub(crate) fn is_graph(incoming: &Incoming) -> bool {
    incoming.path.starts_with("/v1.0/") || incoming.path == "/v1.0"
}
