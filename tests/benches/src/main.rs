//! Counts what a first load, an unchanged full run, deltas and an idle look ask of Graph and
//! DynamoDB, and how much memory `full-sync` takes, beside what they may.
//!
//! `cargo run -p contact-sync-benches -- --users 10000`. Counts are exact for fault-free runs; the
//! exit code says whether every "must" was kept.
#![expect(clippy::print_stdout, reason = "the table is the result")]

mod measure;
mod table;

use clap::Parser;

use crate::measure::measure;
use crate::table::print;

#[derive(Debug, Parser)]
#[command(about = "Counts what runs cost, beside what they may cost")]
struct Arguments {
    /// How many people the directory has.
    #[arg(long, default_value_t = 10_000)]
    users: u32,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let rows = measure(arguments.users).await;
    println!("{} users\n", arguments.users);
    if print(&rows) { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}
