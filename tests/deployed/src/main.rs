//! `deployed`: the unmodified template by `sam deploy` in a third party's AWS, and the main job on
//! it. `docs/decisions` says what that AWS lacks and how it is bridged.

mod aws;
mod by_hand;
mod canary;
mod cli;
mod events;
mod fires;
mod front_door;
mod gate;
mod granted;
mod heard;
mod installation;
mod operators;
mod reading;
mod redelivery;
mod round;
mod routes;
mod sam;
mod stack;
mod storm;
mod table;
mod translation;

use std::process::ExitCode;

use clap::Parser as _;
use entra_contact_sync_local::console;

use cli::Cli;
use round::{Ground, Place, Round, RoundError};
use sam::Sam;
use storm::Storm;
use table::Table;

#[tokio::main]
async fn main() -> ExitCode {
    // Nothing but this chooses the process's cryptography.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    match run(Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            console::progress(&format!("error: {}", console::told(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Holds the rounds; whether all was well.
async fn run(cli: Cli) -> Result<bool, RoundError> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let sam = Sam { bin: cli.sam.clone() };
    let storm = Storm::new(http.clone(), cli.faults.trim_end_matches('/').to_owned());
    let translation = sam.translate(&cli.template, "dev").await?;
    let prod = sam.translate(&cli.template, "prod").await?;
    canary::check(&translation, &prod)?;
    granted::check("dev", &translation)?;
    granted::check("prod", &prod)?;
    let ground = Ground { cli, http, sam, storm, translation };
    let cli = &ground.cli;
    let mut table = Table::default();
    console::result("In calm, every caller held to its role");
    let place = Place::at(ground.http.clone(), &cli.aws).await?;
    Round::open(&ground, &place, "contact-sync-calm", &mut table).await?.calm(&mut table).await?;
    if !cli.calm_only && table.is_verified() {
        console::result("In a storm of throttles, errors, resets, delays and lost answers");
        let place = Place::at(ground.http.clone(), &cli.stormy_aws).await?;
        let round = Round::open(&ground, &place, "contact-sync-storm", &mut table).await?;
        round.stormy(&mut table).await?;
    }
    Ok(table.is_verified())
}
