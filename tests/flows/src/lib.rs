//! Flows: what customers and their admins go through, played against the function binaries that
//! would be deployed.
//!
//! A [`Scene`] is one simulated Entra and one installation of the product beside it, both in this
//! process, on loopback, with a temporary folder; the functions run as processes of their own. A
//! [`Customer`] is an account with one connection in it, and has the verbs of the product: connect
//! the tenant like a browser does, enable, sync, read contacts and reports.
//!
//! Nothing here waits without a limit, and what took too long is told with the failed invocations,
//! the dead letters and the last warnings of every function.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a harness fails the test it is used in"
)]

mod aging;
mod binaries;
mod browser;
mod canary;
mod customer;
mod directory;
mod events;
mod history;
mod nasty;
mod patience;
mod report;
mod rest;
mod scene;
mod turns;

pub use binaries::repository;
pub use browser::{Browser, Page};
pub use canary::{Secret, assert_untold};
pub use customer::{Customer, merge};
pub use directory::{Person, in_default_scope, wanted_fields};
pub use events::{assert_gapless, of_contact};
pub use history::{CallsOf, function_logs};
pub use nasty::{anew, read_badly, spoil, stir};
pub use patience::{PATIENCE, eventually, within};
pub use report::{EXTENDED_COLUMNS, ReportRow, SIMPLE_COLUMNS};
pub use rest::{Reply, Rest};
pub use scene::{Scene, SceneOptions, register_certificate};
