//! A connection's schedule, kept as its settings, its account's zone and its state say.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::schedule::Timing;
use contact_sync_domain::settings::{Mode, Settings};
use jiff::Timestamp;

use super::{AdminError, Outside};
use crate::port::{ConnectionStore, Schedules, SettingsStore};

/// When a connection with these settings comes due next, if its schedule fires at all.
pub(super) fn next_run_at(
    settings: &Settings,
    account: &Account,
    now: Timestamp,
) -> Option<Timestamp> {
    match settings.mode {
        Mode::Automatic => {
            Timing::compile(&settings.schedule, &account.time_zone).ok().flatten()?.next_run(now)
        }
        Mode::Manual => None,
    }
}

/// Makes the schedule what it must be in the state `status`: firing while enabled, kept without
/// firing while paused or in manual mode, gone otherwise.
pub(super) async fn set_schedule(
    outside: &impl Outside,
    account: &Account,
    connection: &Connection,
    settings: &Settings,
    status: ConnectionStatus,
) -> Result<(), AdminError> {
    let timing = if status.keeps_cursors() {
        Timing::compile(&settings.schedule, &account.time_zone).map_err(AdminError::Invalid)?
    } else {
        None
    };
    match timing {
        Some(timing) => {
            let planned = timing.scheduler_expression();
            let fires = status == ConnectionStatus::Enabled && settings.mode == Mode::Automatic;
            outside
                .schedules()
                .put(&account.id, &connection.id, &planned.expression, &planned.time_zone, fires)
                .await?;
        }
        None => outside.schedules().delete(&connection.id).await?,
    }
    Ok(())
}

/// Moves the schedules of all the account's connections to its zone.
pub(super) async fn reschedule_account(
    outside: &impl Outside,
    account: &Account,
) -> Result<(), AdminError> {
    for connection in outside.store().connections(&account.id).await? {
        if connection.status.keeps_cursors() {
            let current = outside.store().settings(&account.id, &connection.id).await?;
            set_schedule(outside, account, &connection, &current.settings, connection.status)
                .await?;
        }
    }
    Ok(())
}
