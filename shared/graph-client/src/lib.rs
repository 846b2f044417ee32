//! Microsoft Graph and Entra's sign-in, behind the engine's ports.
//!
//! [`GraphClient`] implements [`Directory`], [`Subscriptions`] and [`Identity`]. Each call retries
//! within itself for about 25 seconds and then hands back; whatever Graph answers is mapped once,
//! here, to the ports' errors. Bulk reads take from a budget that all processes share; other calls
//! do not ask. Tokens are held in memory per tenant, links are followed only within
//! the configured Graph, and nothing secret or personal is logged.
//!
//! [`Directory`]: contact_sync_engine::port::Directory
//! [`Subscriptions`]: contact_sync_engine::port::Subscriptions
//! [`Identity`]: contact_sync_engine::port::Identity
#![warn(missing_docs)]

mod administrative_units;
mod assertion;
mod call;
mod client;
mod credential;
mod directory;
mod endpoints;
mod expiry;
mod groups;
mod id_token;
mod identity;
mod login;
mod organization;
mod page;
mod patience;
mod photos;
mod refusal;
mod shares;
mod signing_keys;
mod subscriptions;
mod tokens;
mod transport;
mod user_entry;
mod users;

pub use client::{GraphClient, GraphClientError};
pub use credential::{ClientCredential, CredentialError, CredentialSource};
pub use endpoints::{EndpointError, Endpoints};
pub use shares::Unshared;
