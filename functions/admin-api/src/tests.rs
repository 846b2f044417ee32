//! The API as its clients meet it: API Gateway's payloads in, answers out, over an outside in memory.

mod access;
mod accounts;
mod answers;
mod audit;
mod connections;
mod contacts;
mod description;
mod explain_team;
mod harness;
mod ignoring;
mod large_groups;
mod leaving;
mod merging;
mod moving;
mod outside;
mod people;
mod questions;
mod reviews;
mod runs;
mod settings;
mod settings_forecast;
mod settings_validate;
mod settings_versions;
mod sharing;
mod teams;
mod tenants;
