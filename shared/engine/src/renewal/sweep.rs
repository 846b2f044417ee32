//! Every five minutes: what nobody works on, what has not been looked at for an hour, and the
//! subscriptions that need something.

mod swept;

use std::sync::atomic::{AtomicUsize, Ordering};

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::event::{Event, RequestTrigger, SCHEMA_VERSION, SyncRequested};
use contact_sync_domain::id::ConnectionId;
use contact_sync_domain::run::RunKind;
use contact_sync_domain::settings::BetweenRuns;
use contact_sync_domain::subscription::{Subscriber, Subscription};
use contact_sync_domain::sync_state::{Lane, SyncState};
use futures::future::try_join_all;
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use self::swept::Found;
pub use self::swept::{Party, Swept, Trouble};
use super::ensure::{Claim, claim, is_in_the_making};
use super::{AT_A_TIME, Renewal, RenewalError, RenewalStores, Tended, shards_from};
use crate::port::{Clock, Directory, EventPublisher, Randomness, Subscriptions};
use crate::publish::announce;

/// How often the sweep comes.
pub(super) const PERIOD: SignedDuration = SignedDuration::from_mins(5);

/// A directory is looked at hourly at least; the sweep after this one would come too late.
const LONGEST_SILENCE: SignedDuration = SignedDuration::from_mins(55);

/// Each connection's subscriptions are compared with its settings once in so many sweeps: hourly.
const TURNS: u8 = 12;

impl<S, G, E, C, R> Renewal<S, G, E, C, R>
where
    S: RenewalStores,
    G: Directory + Subscriptions,
    E: EventPublisher,
    C: Clock,
    R: Randomness,
{
    /// Sweeps until everything was looked at or `deadline` came. Trouble with one connection never
    /// stops the others.
    pub async fn sweep(&self, deadline: Timestamp) -> Swept {
        let mut swept = Swept::default();
        match self.stores.pause().await {
            Ok(pause) => self.sweep_states(deadline, pause.is_some(), &mut swept).await,
            Err(error) => swept.failure = Some(error.into()),
        }
        match self.sweep_erasures().await {
            Ok(erasing) => swept.erasing = erasing,
            Err(error) => swept.failure = Some(error),
        }
        let now = self.clock.now();
        let expiring = AtomicUsize::new(0);
        let look_after = async |record: &Subscription| {
            let tended = self.look_after(record).await?;
            if tended == [Tended::Kept] && ends_soon(record, now) {
                expiring.fetch_add(1, Ordering::Relaxed);
            }
            Ok(tended)
        };
        self.each_record(PERIOD, deadline, &mut swept, look_after).await;
        swept.expiring = expiring.into_inner();
        swept
    }

    async fn sweep_states(&self, deadline: Timestamp, is_paused: bool, swept: &mut Swept) {
        for shard in shards_from(self.clock.now(), PERIOD) {
            let mut cursor = None;
            loop {
                if self.is_over(deadline) {
                    swept.cut_short = true;
                    return;
                }
                match self.stores.sync_states(shard, cursor.as_deref()).await {
                    Ok(page) => {
                        let states = swept.readable(page.items);
                        self.sweep_page(&states, deadline, is_paused, swept).await;
                        cursor = page.cursor;
                    }
                    Err(error) => {
                        swept.failure = Some(error.into());
                        break;
                    }
                }
                if cursor.is_none() {
                    break;
                }
            }
        }
    }

    /// Has people forgotten whom runs may still tell of, where nobody is at it; answers how many.
    async fn sweep_erasures(&self) -> Result<usize, RenewalError> {
        let now = self.clock.now();
        let open = self.stores.open_erasures().await?;
        let left = open.into_iter().filter(|open| open.is_left(now));
        let events: Vec<Event> = left.map(|open| Event::ErasureRequested(open.into())).collect();
        announce(&self.bus, &events).await?;
        Ok(events.len())
    }

    async fn sweep_page(
        &self,
        states: &[SyncState],
        deadline: Timestamp,
        is_paused: bool,
        swept: &mut Swept,
    ) {
        let found: Vec<_> = stream::iter(states)
            .map(|state| async move { (state, self.look_at(state, is_paused, deadline).await) })
            .map(|looked| async move {
                let (state, found) = looked.await;
                (state, if is_paused { found.map(Found::at_rest) } else { found })
            })
            .buffer_unordered(AT_A_TIME)
            .collect()
            .await;
        let events: Vec<Event> = found
            .into_iter()
            .filter_map(|(state, found)| {
                swept.add(Party::Connection(state.connection_id.clone()), found)
            })
            .collect();
        match announce(&self.bus, &events).await {
            Ok(()) => swept.requested += events.len(),
            Err(error) => swept.failure = Some(error.into()),
        }
    }

    async fn look_at(
        &self,
        state: &SyncState,
        is_paused: bool,
        deadline: Timestamp,
    ) -> Result<Found, RenewalError> {
        let now = self.clock.now();
        let is_undone = state.is_stranded(now);
        let is_due = state.is_free(now) && state.work.next_due.is_some_and(|at| at <= now);
        if state.lane == Lane::Plan {
            // What is planned beside what syncs is only gone on with, or ended when nobody approved
            // it: all else is told by the other lane.
            let request = (is_undone || is_due).then(|| request(state));
            return Ok(Found { request, ..Found::default() });
        }
        let is_silent = is_silent(state, now);
        let is_its_turn = is_turn_of(&state.connection_id, now);
        // Only what has never synced can be waiting for its permissions to work.
        let is_untouched = state.work.last_checked_at.is_none() && !is_undone;
        if !(is_undone || is_silent || is_due || is_its_turn || is_untouched) {
            // Whoever has hints that wait and is not undone is being worked on.
            return Ok(Found { waited: state.waited(now), ..Found::default() });
        }
        if now >= deadline {
            return Ok(Found { out_of_time: true, ..Found::default() });
        }
        let found = self.stores.connection(&state.account_id, &state.connection_id).await?;
        let Some(connection) = found else { return Ok(Found::default()) };
        let mut found = Found {
            status: is_its_turn.then_some(connection.status),
            // What waits elsewhere waits for a person.
            waited: state.waited(now).filter(|_| connection.status == ConnectionStatus::Enabled),
            ..Found::default()
        };
        // A first run that never began, or never reached its end, is tried again every hour.
        let is_undone = is_undone || (is_untouched && is_its_turn);
        // A paused one that has let its cursor go has nothing that could grow old.
        let is_silent = is_silent
            && (connection.status != ConnectionStatus::Paused || state.work.users_delta.is_some());
        // What takes back goes on while a connection rests.
        let goes_on = connection.status.rests() && is_undone && state.undoes();
        if goes_on
            || self.wants_work(&connection, is_undone, is_silent).await?
            || (is_due && self.applies_now(&connection).await?)
        {
            found.request = Some(request(state));
        }
        // While everything is paused, nothing is expected of anybody.
        if is_its_turn && !is_paused {
            found.missed = self.listen(&connection, state).await?;
        }
        match connection.status {
            ConnectionStatus::Authorized => found.tried = self.try_again(&connection).await?,
            // Its admin may have mended it without our link.
            ConnectionStatus::Attention if is_its_turn => {
                found.tried = self.try_again(&connection).await?;
            }
            ConnectionStatus::Invited
            | ConnectionStatus::Ready
            | ConnectionStatus::Enabled
            | ConnectionStatus::Paused
            | ConnectionStatus::Attention
            | ConnectionStatus::Disabled
            | ConnectionStatus::Disconnected => {
                if is_its_turn {
                    found.tended = self.ensure(&connection).await?;
                }
            }
        }
        Ok(found)
    }

    async fn try_again(&self, connection: &Connection) -> Result<bool, RenewalError> {
        self.try_authorized(&connection.account_id, &connection.id).await?;
        Ok(true)
    }

    /// Whether what comes due between runs is done then.
    async fn applies_now(&self, connection: &Connection) -> Result<bool, RenewalError> {
        if connection.status != ConnectionStatus::Enabled {
            return Ok(false);
        }
        let settings = self.stores.settings(&connection.account_id, &connection.id).await?;
        Ok(settings.settings.schedule.between_runs == BetweenRuns::Apply)
    }

    /// Whether somebody should work on a connection.
    async fn wants_work(
        &self,
        connection: &Connection,
        is_undone: bool,
        is_silent: bool,
    ) -> Result<bool, RenewalError> {
        match connection.status {
            ConnectionStatus::Enabled if is_undone => Ok(true),
            // What waits while it is paused goes on waiting; only a cursor is let go of.
            ConnectionStatus::Enabled | ConnectionStatus::Paused if is_silent => {
                let settings = self.stores.settings(&connection.account_id, &connection.id).await?;
                Ok(match settings.settings.schedule.between_runs {
                    BetweenRuns::Apply | BetweenRuns::List => true,
                    BetweenRuns::Ignore => false,
                })
            }
            ConnectionStatus::Enabled
            | ConnectionStatus::Paused
            | ConnectionStatus::Invited
            | ConnectionStatus::Authorized
            | ConnectionStatus::Ready
            | ConnectionStatus::Attention
            | ConnectionStatus::Disabled
            | ConnectionStatus::Disconnected => Ok(false),
        }
    }

    /// Deals with each subscription's record, in the store's order beginning at this period's part.
    pub(super) async fn each_record(
        &self,
        period: SignedDuration,
        deadline: Timestamp,
        swept: &mut Swept,
        deal: impl AsyncFn(&Subscription) -> Result<Vec<Tended>, RenewalError>,
    ) {
        let deal = async |record: Subscription| {
            let found = if self.is_over(deadline) {
                Ok(Found { out_of_time: true, ..Found::default() })
            } else {
                let tended = deal(&record).await;
                tended.map(|tended| Found { tended, ..Found::default() })
            };
            (Party::Tenant(record.tenant_id), found)
        };
        for shard in shards_from(self.clock.now(), period) {
            let mut cursor = None;
            loop {
                let page = match self.stores.subscriptions(shard, cursor.as_deref()).await {
                    Ok(page) => page,
                    Err(error) => {
                        swept.failure = Some(error.into());
                        break;
                    }
                };
                let records = swept.readable(page.items);
                let found: Vec<_> =
                    stream::iter(records).map(&deal).buffer_unordered(AT_A_TIME).collect().await;
                for (with, found) in found {
                    swept.add(with, found);
                }
                if swept.is_pointless() || self.is_over(deadline) {
                    swept.cut_short = true;
                    return;
                }
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
    }

    /// Takes off who needs a subscription no longer, and gives it what it needs for the others.
    pub(super) async fn look_after(
        &self,
        record: &Subscription,
    ) -> Result<Vec<Tended>, RenewalError> {
        if is_in_the_making(record, self.clock.now()) {
            return Ok(vec![Tended::Waiting]);
        }
        let claims = try_join_all(
            record.connections.iter().map(|subscriber| self.claim_of(record, subscriber)),
        )
        .await?;
        let with_claim = |wanted: Claim| {
            let pairs = record.connections.iter().zip(&claims);
            pairs.filter(move |(_, claim)| **claim == wanted).map(|(subscriber, _)| subscriber)
        };
        let leaving: Vec<Subscriber> = with_claim(Claim::LetsGo).cloned().collect();
        let mut tended = Vec::new();
        if !leaving.is_empty() || record.connections.is_empty() {
            tended.push(self.drop_subscribers(record, &leaving).await?);
        }
        if with_claim(Claim::Keeps).next().is_some() {
            tended.push(self.tend(record).await?);
        }
        Ok(tended)
    }

    async fn claim_of(
        &self,
        record: &Subscription,
        subscriber: &Subscriber,
    ) -> Result<Claim, RenewalError> {
        let found =
            self.stores.connection(&subscriber.account_id, &subscriber.connection_id).await?;
        let of_this_tenant = found.filter(|connection| {
            connection.tenant.as_ref().is_some_and(|tenant| tenant.id == record.tenant_id)
        });
        Ok(of_this_tenant.as_ref().map_or(Claim::LetsGo, claim))
    }
}

/// Whether a subscription that should have been extended long ago has less than a day left.
fn ends_soon(record: &Subscription, now: Timestamp) -> bool {
    record.is_due(now)
        && record
            .expires_at
            .is_some_and(|end| end.duration_since(now) < SignedDuration::from_hours(24))
}

/// Whether a directory that has been read was not looked at for too long, and nobody is at it.
fn is_silent(state: &SyncState, now: Timestamp) -> bool {
    let Some(last) = state.work.last_checked_at else { return false };
    state.is_free(now) && now.duration_since(last) >= LONGEST_SILENCE
}

fn is_turn_of(connection: &ConnectionId, now: Timestamp) -> bool {
    let turn = now.as_second() / PERIOD.as_secs();
    i64::from(connection.shard(TURNS)) == turn.rem_euclid(i64::from(TURNS))
}

fn request(state: &SyncState) -> Event {
    let begun = state.work.checkpoint.as_ref().map(|point| point.kind);
    let waiting = state.queue.first().map(|run| run.kind);
    Event::SyncRequested(SyncRequested {
        schema_version: SCHEMA_VERSION,
        account_id: state.account_id.clone(),
        connection_id: state.connection_id.clone(),
        kind: begun.or(waiting).unwrap_or(RunKind::Delta),
        trigger: RequestTrigger::Sweep,
        run_id: None,
        checkpoint: None,
        slot: None,
        lane: state.lane,
    })
}

#[cfg(test)]
mod tests;
