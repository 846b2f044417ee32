#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod accounts;
mod audit;
mod batch;
mod connections;
mod consent;
mod contacts;
mod cursor;
mod erasures;
mod event_log;
mod failure;
mod graph_budget;
mod idempotency;
mod item;
mod keys;
mod merges;
mod notices;
mod pause;
mod pending;
mod photos;
mod records;
mod reviews;
mod runs;
mod segments;
mod settings;
pub mod stream;
mod subscriptions;
mod sync_states;
mod table;
mod teams;
mod tenants;
mod transaction;
mod welcomes;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use contact_sync_domain::sync_state::Lane;
use contact_sync_engine::port::StoreError;
use serde::de::DeserializeOwned;

use crate::failure::{Answer, Contention};
use crate::table::Table;

/// The two tables.
#[derive(Debug, Clone)]
pub struct DynamoStore {
    state: Table,
    contacts: Table,
    lane: Lane,
}

impl DynamoStore {
    /// The store in these two tables.
    pub fn connect(config: &SdkConfig, state_table: &str, contacts_table: &str) -> Self {
        let config =
            aws_sdk_dynamodb::config::Builder::from(config).retry_classifier(Contention).build();
        let client = Client::from_conf(config);
        Self {
            state: Table::new(client.clone(), state_table),
            contacts: Table::new(client, contacts_table),
            lane: Lane::Main,
        }
    }
}

/// Whether `ours` stands after a conditional write of a whole object: it was written now, or
/// earlier by a call whose answer got lost.
fn stands<T: DeserializeOwned + PartialEq>(
    kind: &'static str,
    answer: Answer<()>,
    ours: &T,
) -> Result<bool, StoreError> {
    match answer {
        Answer::Done(()) => Ok(true),
        Answer::Refused(None) => Ok(false),
        Answer::Refused(Some(standing)) => Ok(item::read_document::<T>(kind, standing)? == *ours),
    }
}
