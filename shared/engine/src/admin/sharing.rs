//! What one organisation of a shared tenant sets up concerns the others.

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::run::{RunKind, Trigger};
use contact_sync_domain::settings::Settings;

use super::runs::queue_run;
use super::{AdminError, Outside};
use crate::port::SyncStateStore;
use crate::split::{claims_people, sharers};

/// Asks the tenant's other connections to look at everybody once more, where it matters to them who
/// else means somebody. One full run that waits already is enough, and a run asks nobody in turn.
///
/// What the caller did stands by now: where this fails the others find it out at their next look,
/// or with their next full run.
pub(super) async fn ask_sharers(outside: &impl Outside, changed: &Connection) {
    if let Err(error) = try_asking(outside, changed).await {
        tracing::warn!(
            connection.id = %changed.id,
            %error,
            "those who share the tenant of connection {} were not asked to look again",
            changed.id
        );
    }
}

/// The same after settings were saved, where they mean other people now.
pub(super) async fn ask_sharers_after(
    outside: &impl Outside,
    connection: &Connection,
    before: &Settings,
    after: &Settings,
) {
    let means_others =
        before.scope != after.scope || before.routing.priority != after.routing.priority;
    if means_others && claims_people(connection.status) {
        ask_sharers(outside, connection).await;
    }
}

async fn try_asking(outside: &impl Outside, changed: &Connection) -> Result<(), AdminError> {
    let Some(tenant) = &changed.tenant else { return Ok(()) };
    let store = outside.store();
    for other in sharers(store, &tenant.id, Some(&changed.id)).await? {
        let syncs = other.status == ConnectionStatus::Enabled;
        if !syncs || !other.settings.routing.heeds_anybody() {
            continue;
        }
        let (account, id) = (&other.account_id, &other.connection_id);
        let state = store.sync_state(account, id).await?;
        let waits = state
            .is_some_and(|state| state.queue.iter().any(|queued| queued.kind == RunKind::Full));
        if !waits {
            queue_run(outside, account, id, RunKind::Full, Trigger::Settings).await?;
        }
    }
    Ok(())
}
