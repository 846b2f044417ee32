//! What the product costs, counted before it is timed, beside what it may cost.
//!
//! - `cargo run -p contact-sync-benches -- counts --users 10000`: what a first load, an unchanged
//!   full run, deltas and an idle look ask of Graph, DynamoDB and the bus, how much memory
//!   `full-sync` takes, and what that is in dollars. Counts are exact for fault-free runs.
//! - `… -- webhook`: how fast `graph-webhook` answers beside a handler that does nothing.
//! - `… -- programs --artefacts .aws-sam/build`: each function's zipped size, and the time from its
//!   start to its first poll of the Runtime API.
//! - `… -- mapping --callgrind`: what scope, mapping and fingerprint of one person take, in time on
//!   the processor and in instructions (needs valgrind). Builds its program for release.
//!
//! The exit code says whether every "must" was kept.
#![expect(clippy::print_stdout, reason = "the tables are the result")]

mod bare;
mod bill;
mod counts;
mod held_table;
mod mapping;
mod phase;
mod prices;
mod programs;
mod table;
mod webhook;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::table::{print, print_exact};

#[derive(Debug, Parser)]
#[command(about = "What runs cost, beside what they may cost")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Requests, units, events, memory and dollars of each kind of run.
    Counts {
        /// How many people the directory has.
        #[arg(long, default_value_t = 10_000)]
        users: u32,
    },
    /// The webhook's answer time beside a bare handler, in interleaved rounds.
    Webhook {
        /// Notifications a second.
        #[arg(long, default_value_t = 500)]
        rate: u32,
        /// How long each round of each handler lasts, in seconds.
        #[arg(long, default_value_t = 4)]
        seconds: u32,
        /// How many rounds.
        #[arg(long, default_value_t = 5)]
        rounds: u32,
        /// A folder of artefacts as `sam build` leaves it; otherwise what cargo builds.
        #[arg(long)]
        artefacts: Option<PathBuf>,
    },
    /// Users mapped a second and core, and instructions for each.
    Mapping {
        /// How many times the 999 people of a page are mapped.
        #[arg(long, default_value_t = 200)]
        rounds: u32,
        /// Count instructions too, with valgrind's callgrind.
        #[arg(long)]
        callgrind: bool,
    },
    /// Each program's zipped size and its time to the first poll.
    Programs {
        /// A folder of artefacts as `sam build` leaves it.
        #[arg(long, default_value = ".aws-sam/build")]
        artefacts: PathBuf,
        /// How often each is started.
        #[arg(long, default_value_t = 15)]
        starts: u32,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    // Started by a Runtime API, this program is the handler that does nothing.
    if bare::is_meant() {
        return bare::serve().await;
    }
    let kept = match Arguments::parse().what {
        What::Counts { users } => {
            let (rows, phases) = counts::measure(users).await;
            println!("{users} users\n");
            phase::print(&phases);
            println!();
            print_exact(&rows, users)
        }
        What::Webhook { rate, seconds, rounds, artefacts } => {
            print(&webhook::measure(rate, seconds, rounds, artefacts).await)
        }
        What::Mapping { rounds, callgrind } => print(&mapping::measure(rounds, callgrind)),
        What::Programs { artefacts, starts } => print(&programs::measure(&artefacts, starts).await),
    };
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
