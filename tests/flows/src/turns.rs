//! Hourly turns: the sweep looks at each connection's subscriptions and silence once in an hour, by
//! the machine's clock. No test can wait for that, so connections are made until one has its turn
//! soon.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::customer::Customer;
use crate::scene::Scene;

/// Seconds between two sweeps, and so the length of a turn.
const PERIOD: i64 = 300;

/// How many turns an hour has.
const TURNS: i64 = 12;

/// Of its turn a test needs so many seconds.
const NEEDED: i64 = 150;

/// Nobody is so unlucky that none of so many connections has a given turn.
const MOST: usize = 400;

impl Scene {
    /// A customer whose admin has consented for Contoso and whose connection has its hourly turn
    /// now, or in the next minutes: [`Self::turn_of`] waits for it.
    pub async fn connected_with_its_turn_soon(&self) -> Customer<'_> {
        let second = now().as_second();
        let left = PERIOD - second.rem_euclid(PERIOD);
        let wanted = if left >= NEEDED { second } else { second + left };
        for number in 0..MOST {
            let customer = self.customer(&format!("acme-{number}")).await;
            if has_turn(&customer.connection, wanted) {
                customer.connect_tenant().await;
                return customer;
            }
        }
        panic!("none of {MOST} connections has its turn soon");
    }

    /// Waits until a connection has its hourly turn.
    pub async fn turn_of(&self, connection: &str) {
        let second = now().as_second();
        let slots = (0..TURNS).map(|slot| second - second.rem_euclid(PERIOD) + slot * PERIOD);
        let begins = slots.into_iter().find(|begins| has_turn(connection, *begins));
        let wait = (begins.expect("every connection has a turn") - second).max(0);
        assert!(wait <= PERIOD, "its turn is over; it comes again in {wait} s\n{}", self.story());
        tokio::time::sleep(Duration::from_secs(wait.unsigned_abs())).await;
    }
}

/// Whether a connection has its turn at this second: by the hash of its id, as the engine's sweep.
fn has_turn(connection: &str, second: i64) -> bool {
    let first = Sha256::digest(connection.as_bytes()).first().copied().unwrap_or_default();
    i64::from(first) % TURNS == second.div_euclid(PERIOD).rem_euclid(TURNS)
}

/// The functions' clock.
fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the functions' clock is the machine's")]
    Timestamp::now()
}
