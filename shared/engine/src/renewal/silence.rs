//! The dead man's alarm: what a connection should have heard by now and did not.

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::schedule::Timing;
use contact_sync_domain::silence::{Missed, Silence, may_be_silent, silence_of};
use contact_sync_domain::sync_state::SyncState;
use jiff::{SignedDuration, Timestamp};

use super::{ATTEMPTS, Renewal, RenewalError, RenewalStores};
use crate::port::{Clock, Directory, EventPublisher, Randomness, Subscriptions};

/// So long after a pause of everything, looks and runs that did not come meanwhile are caught up
/// with.
const AFTER_PAUSE: SignedDuration = SignedDuration::from_hours(3);

impl<S, G, E, C, R> Renewal<S, G, E, C, R>
where
    S: RenewalStores,
    G: Directory + Subscriptions,
    E: EventPublisher,
    C: Clock,
    R: Randomness,
{
    /// Notes on a connection what it misses, or that it misses nothing any more; the stream of its
    /// item tells. Answers whether it misses anything.
    pub(super) async fn listen(
        &self,
        connection: &Connection,
        state: &SyncState,
    ) -> Result<bool, RenewalError> {
        let (enabled_at, now) = (enabled_at(connection), self.clock.now());
        if connection.silence.is_none() && !may_be_silent(state, enabled_at, now) {
            return Ok(false);
        }
        let missed = self.missed(connection, state).await?;
        let what = |silence: Option<Silence>| silence.map(|silence| silence.what);
        let mut connection = connection.clone();
        for _ in 0..ATTEMPTS {
            if what(connection.silence) == what(missed) {
                return Ok(missed.is_some());
            }
            let next = Connection {
                silence: missed,
                version: connection.version + 1,
                updated_at: self.clock.now(),
                ..connection
            };
            if self.stores.update_connection(&next).await? {
                return Ok(missed.is_some());
            }
            let found = self.stores.connection(&state.account_id, &state.connection_id).await?;
            let Some(found) = found else { return Ok(false) };
            connection = found;
        }
        Err(RenewalError::Contended("the connection"))
    }

    async fn missed(
        &self,
        connection: &Connection,
        state: &SyncState,
    ) -> Result<Option<Silence>, RenewalError> {
        // Of the others nothing is expected, or a person knows why nothing comes.
        if connection.status != ConnectionStatus::Enabled {
            return Ok(None);
        }
        let (account, id) = (&connection.account_id, &connection.id);
        let settings = self.stores.settings(account, id).await?.settings;
        let Some(account) = self.stores.account(account).await? else { return Ok(None) };
        let timing = Timing::compile(&settings.schedule, &account.time_zone);
        let timing = timing.unwrap_or_default();
        let now = self.clock.now();
        let found = silence_of(state, &settings, timing.as_ref(), enabled_at(connection), now);
        // What stands is not taken back by a pause, and notifications are missed by looks that came.
        let came_of_pause = connection.silence.is_none()
            && matches!(found, Some(Silence { what: Missed::Run | Missed::Look, .. }));
        if came_of_pause
            && let Some(resumed) = self.stores.resumed_at().await?
            && now.duration_since(resumed) < AFTER_PAUSE
        {
            return Ok(None);
        }
        Ok(found)
    }
}

/// When a connection was enabled or resumed, or touched by a person since: nothing else writes to one
/// that syncs but the end of a full run, and that it is silent, which keeps the moment.
fn enabled_at(connection: &Connection) -> Timestamp {
    connection.silence.map_or(connection.updated_at, |silence| silence.since)
}
