//! A simulated Microsoft Entra ID and Microsoft Graph, for tests and local runs.
//!
//! One listener serves the login service (`/{tenant}/oauth2/v2.0/…`, `/{tenant}/v2.0/…`), Graph
//! (`/v1.0/…`) and a control API with a small page (`/_sim/`). All links it hands out carry its
//! own origin, so a client needs only this one base URL for both.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use entra_sim::{EntraSim, SignIn, SimOptions};
//! use serde_json::json;
//!
//! let sim = EntraSim::start(SimOptions::with_users(500)).await?;
//! let contoso = sim.tenants().remove(0);
//! // The next consent page and the next sign-in page answer by themselves.
//! sim.next_sign_in(SignIn::admin(contoso.id).times(2));
//! // … drive the product against sim.base_url() …
//! let people = sim.users(contoso.id)?;
//! let id = people[0]["id"].as_str().unwrap_or_default();
//! sim.update_user(contoso.id, id, json!({"jobTitle": "Director"}))?;
//! sim.advance_clock(std::time::Duration::from_hours(8 * 24));
//! println!("{} Graph requests", sim.request_counts().graph_requests);
//! sim.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! - [`EntraSim::start`] with [`SimOptions`] starts one; it stops when dropped.
//! - [`Controls`] (which [`EntraSim`] dereferences to) holds every lever: directory changes,
//!   consents, sign-ins, faults, clock, settings, counters.
//! - [`Fault`] and [`Effect`] script what goes wrong; [`Settings`] say how the service behaves.

mod clock;
mod cloud;
mod command;
mod control;
mod controls;
mod delivery;
mod directory;
mod exchange;
mod faults;
mod generate;
mod graph;
mod handle;
mod identifiers;
mod journal;
mod login;
mod notices;
mod options;
mod request_log;
mod server;
mod settings;
mod signing;
mod simulation;
mod subscriptions;
mod tenants;
mod throttle;
mod tokens;
mod world;

pub use clock::SimClock;
pub use cloud::Cloud;
pub use controls::{ClockReading, Controls, PersonSummary, SettingsError, TenantSummary};
pub use delivery::DeliveryCounts;
pub use directory::{CalendarEvent, CommandError, DirectoryCommand};
pub use faults::{Action, BodyKind, Effect, Fault, Target};
pub use generate::{GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR};
pub use handle::{EntraSim, StartError};
pub use journal::JournalError;
pub use login::sign_in::{Decision, SignIn, StateEcho, Step};
pub use options::{
    AppRegistration, ClientSecret, DEFAULT_APP_ID, DEFAULT_APP_SECRET, FederatedCredential,
    SimOptions, TenantSpec,
};
pub use request_log::{EndpointCounts, LoggedRequest, RequestCounts};
pub use settings::{
    ConsentDelayShows, DeltaSettings, ExpiredAnswer, GraphSettings, HiddenMembers, LoginSettings,
    NotificationSettings, OrganizationFields, RemovedManager, RetryAfterForm, Settings,
    ThrottlingSettings,
};
pub use signing::SigningError;
pub use subscriptions::Subscription;
