//! All simulated state behind one lock: tenants, apps, keys, subscriptions, what is under way.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::clock::shifted;
use crate::cloud::Cloud;
use crate::command::{Command, Entry};
use crate::delivery::DeliveryQueue;
use crate::directory::commands::Touched;
use crate::directory::{CommandError, DirectoryCommand};
use crate::generate;
use crate::journal::Journal;
use crate::login::authorize::AuthorizationCode;
use crate::login::sign_in::SignIn;
use crate::notices;
use crate::options::{AppRegistration, SimOptions};
use crate::settings::Settings;
use crate::signing::{SigningError, SigningKeys};
use crate::subscriptions::Subscription;
use crate::tenants::{Grant, Tenant};
use crate::throttle::Throttle;
use crate::tokens::TokenSeal;

/// The state of a simulator.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    /// Origin of the login service and of the control API.
    pub(crate) base_url: String,
    /// Origin of Graph; the same unless Graph has a host of its own.
    pub(crate) graph_url: String,
    pub(crate) cloud: Cloud,
    /// Tenants that live in another cloud, by id or domain.
    pub(crate) elsewhere: Vec<(String, Cloud)>,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) apps: Vec<AppRegistration>,
    pub(crate) keys: SigningKeys,
    pub(crate) seal: TokenSeal,
    pub(crate) settings: Settings,
    pub(crate) subscriptions: BTreeMap<Uuid, Subscription>,
    pub(crate) codes: HashMap<String, AuthorizationCode>,
    pub(crate) sign_ins: Vec<SignIn>,
    pub(crate) throttle: Throttle,
    pub(crate) deliveries: DeliveryQueue,
    pub(crate) journal: Option<Journal>,
}

/// Where clients reach the two services, without a slash at the end.
#[derive(Debug, Clone)]
pub(crate) struct Origins {
    pub(crate) login: String,
    pub(crate) graph: String,
}

impl World {
    /// Makes the tenants and their directories.
    pub(crate) fn generate(
        options: &SimOptions,
        origins: Origins,
        keys: &[String],
    ) -> Result<Self, SigningError> {
        let tenants = (0_u64..)
            .zip(&options.tenants)
            .map(|(index, spec)| Tenant {
                id: generate::tenant_id(options.seed, index, spec),
                spec: spec.clone(),
                directory: generate::directory(
                    options.seed,
                    index,
                    spec,
                    options.tenants.first().unwrap_or(spec),
                ),
                grants: BTreeMap::new(),
                delta_generation: 0,
                page_generation: 0,
                tokens_valid_from: Timestamp::MIN,
                deleted: false,
            })
            .collect();
        Ok(Self {
            seed: options.seed,
            base_url: origins.login,
            graph_url: origins.graph,
            cloud: options.cloud,
            elsewhere: options.elsewhere.clone(),
            tenants,
            apps: options.apps.clone(),
            keys: SigningKeys::from_pems(keys)?,
            seal: TokenSeal::new(options.seed).padded(options.settings.graph.link_padding),
            settings: options.settings.clone(),
            subscriptions: BTreeMap::new(),
            codes: HashMap::new(),
            sign_ins: Vec::new(),
            throttle: Throttle::default(),
            deliveries: DeliveryQueue::default(),
            journal: None,
        })
    }

    pub(crate) fn tenant(&self, id: Uuid) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.id == id)
    }

    pub(crate) fn tenant_mut(&mut self, id: Uuid) -> Option<&mut Tenant> {
        self.tenants.iter_mut().find(|tenant| tenant.id == id)
    }

    /// A tenant that is not deleted, by id or verified domain.
    pub(crate) fn tenant_named(&self, name: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| !tenant.deleted && tenant.is_named(name))
    }

    pub(crate) fn app(&self, id: Uuid) -> Option<&AppRegistration> {
        self.apps.iter().find(|app| app.app_id == id)
    }

    /// Applies a change made now: state, journal, notifications.
    pub(crate) fn execute(
        &mut self,
        now: Timestamp,
        command: Command,
    ) -> Result<Vec<Touched>, CommandError> {
        let touched = self.apply(now, &command)?;
        if let Command::Directory { tenant, .. } = &command {
            notices::raise(self, *tenant, &touched, now);
        }
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.append(&Entry { at: now, command })
        {
            tracing::error!(error = %error, "the journal could not be written");
        }
        Ok(touched)
    }

    /// Brings state up to `now`: ended subscriptions, overdue reauthorisations, the recycle bin.
    pub(crate) fn maintain(&mut self, now: Timestamp) {
        let ended: Vec<Uuid> = self
            .subscriptions
            .values()
            .filter(|subscription| subscription.expires_at <= now)
            .map(|subscription| subscription.id)
            .collect();
        for id in ended {
            let _ = self.execute(now, Command::RemoveSubscription { id });
        }
        let due: Vec<Subscription> = self
            .subscriptions
            .values()
            .filter(|subscription| {
                self.reauthorization_due(subscription).is_some_and(|at| at <= now)
            })
            .cloned()
            .collect();
        for subscription in due {
            notices::raise_reauthorization(self, subscription, now);
        }
        let mut overdue = Vec::new();
        for tenant in &self.tenants {
            let due = tenant.directory.bin_overdue(now);
            overdue.extend(due.into_iter().map(|(at, user)| (tenant.id, at, user)));
        }
        for (tenant, at, user) in overdue {
            let command = DirectoryCommand::DeleteUser { user: user.to_string(), permanent: true };
            let _ = self.execute(at, Command::Directory { tenant, command });
        }
    }

    /// The next instant at which [`Self::maintain`] or a delivery has something to do.
    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        let ends = self.subscriptions.values().map(|subscription| subscription.expires_at);
        let reminders = self.subscriptions.values().filter_map(|s| self.reauthorization_due(s));
        let bins = self.tenants.iter().filter_map(|tenant| tenant.directory.next_purge());
        ends.chain(reminders).chain(bins).chain(self.deliveries.next_due()).min()
    }

    fn reauthorization_due(&self, subscription: &Subscription) -> Option<Timestamp> {
        let hours = self.settings.notifications.reauthorize_hours_before_expiry;
        let wanted = hours > 0
            && !subscription.reauthorization_sent
            && subscription.lifecycle_notification_url.is_some();
        // A short subscription is reminded of in its last quarter.
        let life = subscription.expires_at.duration_since(subscription.renewed_at);
        let before = SignedDuration::from_hours(i64::from(hours)).min(life / 4);
        wanted.then(|| subscription.expires_at.saturating_sub(before).unwrap_or(Timestamp::MIN))
    }

    /// Applies a change without telling anybody, as when replaying the journal.
    pub(crate) fn apply(
        &mut self,
        at: Timestamp,
        command: &Command,
    ) -> Result<Vec<Touched>, CommandError> {
        match command {
            Command::Directory { tenant, command } => {
                return self.known_tenant(*tenant)?.directory.apply(command, at);
            }
            Command::GrantConsent { tenant, app, roles } => {
                let seed = self.seed;
                let tenant = self.known_tenant(*tenant)?;
                let scope = format!("service-principal/{}/{app}", tenant.id);
                let grant = tenant.grants.entry(*app).or_insert_with(|| Grant {
                    service_principal: crate::identifiers::seeded_guid(seed, &scope, 0),
                    roles: std::collections::BTreeSet::new(),
                    consented_at: at,
                    enabled: true,
                });
                grant.roles.extend(roles.iter().cloned());
            }
            Command::RevokeConsent { tenant, app } => {
                self.known_tenant(*tenant)?.grants.remove(app);
            }
            Command::RemoveRole { tenant, app, role } => {
                if let Some(grant) = self.known_tenant(*tenant)?.grants.get_mut(app) {
                    grant.roles.remove(role);
                }
            }
            Command::EnableApp { tenant, app, enabled } => {
                if let Some(grant) = self.known_tenant(*tenant)?.grants.get_mut(app) {
                    grant.enabled = *enabled;
                }
            }
            Command::RevokeTokens { tenant } => self.known_tenant(*tenant)?.tokens_valid_from = at,
            Command::ExpireDeltaTokens { tenant } => {
                self.known_tenant(*tenant)?.delta_generation += 1;
            }
            Command::ExpirePageTokens { tenant } => {
                self.known_tenant(*tenant)?.page_generation += 1;
            }
            Command::DeleteTenant { tenant, deleted } => {
                self.known_tenant(*tenant)?.deleted = *deleted;
            }
            Command::ChangeLicence { tenant, premium, intune } => {
                let spec = &mut self.known_tenant(*tenant)?.spec;
                spec.premium = premium.unwrap_or(spec.premium);
                spec.intune = intune.unwrap_or(spec.intune);
            }
            Command::PutApp { app } => {
                self.apps.retain(|known| known.app_id != app.app_id);
                self.apps.push((**app).clone());
            }
            Command::PutSubscription { subscription } => {
                self.subscriptions.insert(subscription.id, (**subscription).clone());
            }
            Command::RemoveSubscription { id } => {
                self.subscriptions.remove(id);
            }
            Command::RollKeys { private_key, retire_old } => {
                if let Err(error) = self.keys.roll(private_key, *retire_old) {
                    tracing::error!(error = %error, "a signing key could not be used");
                }
            }
            Command::ChangeSettings { settings } => {
                self.seal = self.seal.clone().padded(settings.graph.link_padding);
                self.settings = (**settings).clone();
            }
            // Moved by the owner of the clock.
            Command::MoveClock { .. } => {}
        }
        Ok(Vec::new())
    }

    fn known_tenant(&mut self, id: Uuid) -> Result<&mut Tenant, CommandError> {
        self.tenant_mut(id).ok_or_else(|| CommandError::NoTenant(id.to_string()))
    }

    /// When a consent made at `at` becomes visible.
    pub(crate) fn consent_visible(&self, at: Timestamp) -> Timestamp {
        let delay = i64::from(self.settings.login.consent_delay_seconds);
        shifted(at, SignedDuration::from_secs(delay))
    }
}
