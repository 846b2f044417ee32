//! The rules of Entra Contact Sync: who is meant, what a contact gets, what may happen by itself.
//!
//! Pure: no AWS, no HTTP, no clock, no randomness. Every function answers from its arguments.
#![warn(missing_docs)]

pub mod account;
pub mod actor;
pub mod approval;
pub mod audit;
pub mod connection;
pub mod contact;
pub mod directory;
pub mod drift;
pub mod email;
pub mod erasure;
pub mod escrow;
pub mod event;
pub mod expression;
pub mod fingerprint;
pub mod graph_budget;
pub mod guard;
mod hand_edit;
pub mod history;
pub mod id;
pub mod latency;
pub mod mapping;
pub mod matching;
pub mod notice;
pub mod pause;
pub mod photo;
pub mod plan;
pub mod proof;
pub mod query_plan;
pub mod reconcile;
pub mod redaction;
pub mod report;
pub mod retention;
pub mod review;
pub mod routing;
pub mod run;
pub mod schedule;
pub mod scope;
pub mod segment;
pub mod settings;
pub mod silence;
pub mod standing;
pub mod subscription;
mod suggestion;
pub mod sync_state;
pub mod team;
pub mod trace;
pub mod undo;
pub mod value_counts;
pub mod welcome;
pub mod written;
