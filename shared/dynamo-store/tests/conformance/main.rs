//! The engine's ports, as the adapter keeps their promises on a DynamoDB-compatible engine.
//!
//! Each test has an engine and two tables of its own.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a broken test may panic")]

mod accounts;
mod audit;
mod claims;
mod connections;
mod consent;
mod contacts;
mod contacts_listed;
mod contention;
mod erasures;
mod event_log;
mod forgetting;
mod graph_budget;
mod history;
mod idempotency;
mod notices;
mod pause;
mod photos;
mod reviews;
mod runs;
mod samples;
mod streams;
mod sync_states;
mod tables;
mod teams;
mod tenants;
mod waiting_runs;
mod welcomes;
