//! The local stack over a small template, with a function that does what it is told.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a broken test may panic"
)]

#[path = "stack/aws_services.rs"]
mod aws_services;
#[path = "stack/bus_and_schedules.rs"]
mod bus_and_schedules;
#[path = "stack/functions.rs"]
mod functions;
#[path = "stack/gateway.rs"]
mod gateway;
#[path = "stack/harness.rs"]
mod harness;
#[path = "stack/persistence.rs"]
mod persistence;
#[path = "stack/streams.rs"]
mod streams;
#[path = "stack/template.rs"]
mod template;
