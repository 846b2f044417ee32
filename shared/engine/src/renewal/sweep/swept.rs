//! What a sweep did, counted connection by connection.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::event::Event;
use contact_sync_domain::id::{ConnectionId, TenantId};
use jiff::SignedDuration;

use crate::port::StoreError;
use crate::renewal::{RenewalError, Tended};

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    /// Connections for which a slice of work was asked for.
    pub requested: usize,
    /// Connections whose permissions were tried.
    pub tried: usize,
    /// Subscriptions made or taken over.
    pub made: usize,
    /// Subscriptions whose life was extended.
    pub renewed: usize,
    /// Subscriptions given up.
    pub released: usize,
    /// Subscriptions that Graph refused; polling covers them.
    pub refused: usize,
    /// Forgotten people of whom what runs left is gone through further.
    pub erasing: usize,
    /// Subscriptions that end within a day although half of their life is to be extended.
    pub expiring: usize,
    /// Connections whose turn it was that miss what should have come by now.
    pub silent: usize,
    /// How the connections stand whose turn it was; each has its turn once an hour.
    pub standing: Standing,
    /// For how long the oldest hint waits that no slice has dealt with.
    pub longest_wait: Option<SignedDuration>,
    /// Connections and tenants that could not be dealt with; the others were.
    pub troubles: Vec<Trouble>,
    /// What kept whole parts from being dealt with.
    pub failure: Option<RenewalError>,
    /// Whether time ran out; the next one begins elsewhere.
    pub cut_short: bool,
}

/// Connections by what an operator makes of their status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Not enabled yet: invited, authorized or ready.
    pub waiting: usize,
    /// Enabled.
    pub enabled: usize,
    /// Paused.
    pub paused: usize,
    /// In need of a person.
    pub attention: usize,
    /// Disabled or disconnected.
    pub off: usize,
}

impl Standing {
    fn add(&mut self, status: ConnectionStatus) {
        let count = match status {
            ConnectionStatus::Invited | ConnectionStatus::Authorized | ConnectionStatus::Ready => {
                &mut self.waiting
            }
            ConnectionStatus::Enabled => &mut self.enabled,
            ConnectionStatus::Paused => &mut self.paused,
            ConnectionStatus::Attention => &mut self.attention,
            ConnectionStatus::Disabled | ConnectionStatus::Disconnected => &mut self.off,
        };
        *count += 1;
    }
}

/// One connection or tenant that could not be dealt with.
#[derive(Debug)]
pub struct Trouble {
    /// Which.
    pub with: Party,
    /// Why.
    pub error: RenewalError,
}

/// With whom there is trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// A connection.
    Connection(ConnectionId),
    /// A tenant's subscription.
    Tenant(TenantId),
    /// An item that cannot be read; the error names it.
    Item,
}

/// What looking at one connection or subscription led to.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) request: Option<Event>,
    pub(super) tended: Vec<Tended>,
    pub(super) tried: bool,
    pub(super) out_of_time: bool,
    /// Whether it misses what should have come by now.
    pub(super) missed: bool,
    /// Of a connection whose turn it was.
    pub(super) status: Option<ConnectionStatus>,
    /// How long its oldest hint waits.
    pub(super) waited: Option<SignedDuration>,
}

impl Found {
    /// The same while everything is paused: nothing is asked for, and hints wait for a person.
    pub(super) fn at_rest(self) -> Self {
        Self { request: None, waited: None, ..self }
    }
}

impl Swept {
    /// Whether going on is of no use to anybody.
    pub(super) fn is_pointless(&self) -> bool {
        self.failure.as_ref().is_some_and(RenewalError::concerns_everybody)
    }

    /// Counts what a page held that cannot be read; answers the rest.
    pub(super) fn readable<T>(&mut self, items: Vec<Result<T, StoreError>>) -> Vec<T> {
        let mut readable = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Ok(item) => readable.push(item),
                Err(error) => {
                    self.troubles.push(Trouble { with: Party::Item, error: error.into() });
                }
            }
        }
        readable
    }

    /// Adds what was found, or the trouble there was; the event to publish is returned.
    pub(super) fn add(&mut self, with: Party, found: Result<Found, RenewalError>) -> Option<Event> {
        match found {
            Ok(Found { request, tended, tried, out_of_time, missed, status, waited }) => {
                self.silent += usize::from(missed);
                self.tried += usize::from(tried);
                self.longest_wait = self.longest_wait.max(waited);
                if let Some(status) = status {
                    self.standing.add(status);
                }
                for tended in tended {
                    match tended {
                        Tended::Kept | Tended::Waiting => {}
                        Tended::Made => self.made += 1,
                        Tended::Renewed => self.renewed += 1,
                        Tended::Released => self.released += 1,
                        Tended::Refused => self.refused += 1,
                    }
                }
                self.cut_short |= out_of_time;
                request
            }
            Err(error) if error.concerns_everybody() => {
                self.failure = Some(error);
                None
            }
            Err(error) => {
                self.troubles.push(Trouble { with, error });
                None
            }
        }
    }
}
