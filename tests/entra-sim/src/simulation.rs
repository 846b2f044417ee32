//! The running simulator: state, clock, faults and log, and how a request passes through them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::clock::{SimClock, shifted};
use crate::command::Command;
use crate::controls::Controls;
use crate::exchange::{Incoming, Reply};
use crate::faults::{Effect, FaultBook, Subject};
use crate::request_log::{LoggedRequest, RequestLog, shortened};
use crate::world::World;
use crate::{graph, login};

/// Headers that change how Graph serves a request.
const SERVING_HEADERS: [&str; 4] =
    ["accept", "consistencylevel", "prefer", "x-ms-throttle-priority"];

/// What the listener, the delivery task and the handle share.
#[derive(Debug)]
pub(crate) struct Sim {
    pub(crate) clock: SimClock,
    pub(crate) client: reqwest::Client,
    world: Mutex<World>,
    faults: Mutex<FaultBook>,
    log: Mutex<RequestLog>,
    me: Weak<Self>,
}

impl Sim {
    pub(crate) fn new(world: World, clock: SimClock, client: reqwest::Client) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            clock,
            client,
            world: Mutex::new(world),
            faults: Mutex::new(FaultBook::default()),
            log: Mutex::new(RequestLog::default()),
            me: Weak::clone(me),
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
        let date = self.date(&incoming);
        let reply = reply.with_header("date", date);
        let request = LoggedRequest {
            number: 0,
            at: self.clock.now(),
            method: incoming.method.to_string(),
            endpoint: reply.template.clone(),
            url: shortened(&incoming.described()),
            status: reply.status.as_u16(),
            tenant: reply.tenant,
            headers: SERVING_HEADERS
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), incoming.header(name)?.to_owned())))
                .collect(),
            credential: reply.credential.clone(),
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
            if let (Effect::Act { actions }, Some(sim)) = (effect, self.me.upgrade()) {
                let controls = Controls { sim };
                for action in actions {
                    action.take(&controls);
                }
            }
            if let Effect::IdToken { claims, foreign_key } = effect {
                self.spoil_code(incoming, claims, *foreign_key);
            }
        }
        let now = self.clock.now();
        self.world().maintain(now);
        let is_graph = is_graph(incoming);
        let base_url = {
            let world = self.world();
            if is_graph { world.graph_url.clone() } else { world.base_url.clone() }
        };
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
        let subject = Subject {
            method: incoming.method.as_str(),
            described: &incoming.described(),
            delivery: false,
        };
        self.faults().strike(&subject, &is_tenant)
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

    /// What Graph's own clock shows.
    pub(crate) fn graph_now(&self) -> Timestamp {
        let skew = self.world().settings.graph.clock_skew_seconds;
        shifted(self.now(), SignedDuration::from_secs(skew))
    }

    /// The `Date` of an answer, by the clock of the host that gives it.
    fn date(&self, incoming: &Incoming) -> String {
        let at = if is_graph(incoming) {
            self.graph_now()
        } else {
            login::skewed(&self.world(), self.now())
        };
        at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// Effects that strike a POST of notifications.
    pub(crate) fn delivery_effects(&self, url: &str, tenants: &[Uuid]) -> Vec<Effect> {
        if self.faults().is_empty() {
            return Vec::new();
        }
        let concerned = {
            let world = self.world();
            let tenants = tenants.iter().filter_map(|id| world.tenant(*id));
            let names = tenants.flat_map(|tenant| {
                let mut names = tenant.domains().to_vec();
                names.push(tenant.id.to_string());
                names
            });
            names.collect::<Vec<String>>()
        };
        let is_tenant = |name: &str| concerned.iter().any(|own| own.eq_ignore_ascii_case(name));
        let subject = Subject { method: "POST", described: url, delivery: true };
        self.faults().strike(&subject, &is_tenant)
    }

    /// Puts claims into the id token that the code of a token request will buy.
    fn spoil_code(
        &self,
        incoming: &Incoming,
        claims: &serde_json::Map<String, serde_json::Value>,
        foreign_key: bool,
    ) {
        let form = incoming.form();
        let Some((_, code)) = form.iter().find(|(name, _)| name == "code") else { return };
        if let Some(known) = self.world().codes.get_mut(code) {
            known.sign_in.claims.extend(claims.clone());
            known.sign_in.foreign_key |= foreign_key;
        }
    }
}

/// Whether a request is for Graph rather than for the login service.
pub(crate) fn is_graph(incoming: &Incoming) -> bool {
    incoming.path.starts_with("/v1.0/") || incoming.path == "/v1.0"
}
