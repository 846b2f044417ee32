//! The product end to end, group by group. Each test says what a user would lose.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken flow may panic"
)]

mod access;
mod answers;
mod audit;
mod bundles;
mod changes;
mod codes;
mod consent;
mod control;
mod deliveries;
mod delta;
mod drift;
mod erasure;
mod event_stream;
mod failures;
mod fairness;
mod federation;
mod full_sync;
mod graph_faults;
mod groups;
mod interruption;
mod isolation;
mod large_report;
mod leavers;
mod limits;
mod lists;
mod mapping;
mod matching;
mod modes;
mod notices;
mod one_by_one;
mod permissions;
mod photos;
mod pitfalls;
mod plans;
mod policies;
mod presets;
mod products;
mod proof;
mod questions;
mod reconnect;
mod removals;
mod report_files;
mod reports;
mod resets;
mod returning;
mod returns;
mod reviews;
mod rotation;
mod schedules;
mod scope;
mod settings_files;
mod settings_product;
mod silence;
mod split_tenant;
mod storm;
mod story;
mod subscription_codes;
mod subscriptions;
mod teams;
mod throttling;
mod undo;
mod undo_parts;
mod units;
mod variants;
mod webhook;
mod welcome;
