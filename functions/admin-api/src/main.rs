//! The REST API: accounts, connections, settings, runs, reports and contacts.

mod answer;
mod api;
mod call;
mod claims;
mod config;
#[cfg(test)]
mod fakes;
mod problem;
mod routes;
mod shape;
#[cfg(test)]
mod tests;

fn main() {}
