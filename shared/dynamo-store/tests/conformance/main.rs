//! The engine's ports, as the adapter keeps their promises on a DynamoDB-compatible engine.
//!
//! Each test has an engine and two tables of its own.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a broken test may panic")]
#![expect(clippy::panic, clippy::indexing_slicing, reason = "a broken test may panic")]

mod samples;
mod sync_states;
mod tables;
