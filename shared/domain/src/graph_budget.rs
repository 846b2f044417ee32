//! How much of Graph's limits bulk reads may use.
//!
//! Whoever reads a whole directory asks before; notifications, looks at what changed and what people
//! wait for do not ask and have the rest. An allowance is a bucket that fills steadily: it is kept as
//! the instant at which it will be full, and taking from it puts that instant off.

use jiff::{SignedDuration, Timestamp};

/// How many resource units are taken at once: a page of 999 people costs one.
pub const GRANT: u32 = 50;

/// Whoever took nothing for so long does not read any more.
pub const ACTIVE: SignedDuration = SignedDuration::from_secs(30);

/// So many resource units in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    units: i32,
    /// How long an empty bucket takes to be full.
    pub fills_in: SignedDuration,
}

impl Allowance {
    /// For the application over all tenants: seven tenths of Graph's 150,000 in twenty seconds.
    pub const APP: Self = Self { units: 105_000, fills_in: SignedDuration::from_secs(20) };

    /// For a tenant: seven tenths of the 3,500 in ten seconds that Graph gives the smallest. No
    /// listing of a larger one comes near it, so nobody need know how large it is.
    pub const TENANT: Self = Self { units: 2_450, fills_in: SignedDuration::from_secs(10) };

    /// How long the bucket takes to get so many units back.
    pub fn worth(self, units: u32) -> SignedDuration {
        let units = i32::try_from(units).unwrap_or(i32::MAX).min(self.units);
        self.fills_in * units / self.units.max(1)
    }

    /// The part of one among so many who read at once.
    #[must_use]
    pub fn shared_by(self, readers: usize) -> Self {
        let readers = i32::try_from(readers).unwrap_or(i32::MAX).max(1);
        Self { units: (self.units / readers).max(1), ..self }
    }

    /// What a tenant may take while so many are read at once: its own allowance, and no more than
    /// its part of the application's.
    pub fn of_tenant(readers: usize) -> Self {
        let part = Self::APP.shared_by(readers);
        if part.worth(GRANT) > Self::TENANT.worth(GRANT) { part } else { Self::TENANT }
    }

    /// When so many units can be taken from a bucket that will be full at `full_at`.
    pub fn has_again(self, units: u32, full_at: Timestamp) -> Timestamp {
        full_at.saturating_add(self.worth(units) - self.fills_in).unwrap_or(full_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_readers_have_a_tenants_allowance_and_many_share_the_applications() {
        assert_eq!(Allowance::of_tenant(0), Allowance::TENANT);
        assert_eq!(Allowance::of_tenant(20), Allowance::TENANT);
        let among_many = Allowance::of_tenant(64);
        assert_eq!(among_many, Allowance::APP.shared_by(64));
        let all: SignedDuration = Allowance::APP.worth(GRANT) * 64;
        assert!(among_many.worth(GRANT) >= all - SignedDuration::from_millis(1), "64 are one APP");
    }

    #[test]
    fn a_bucket_gives_what_it_holds_at_once_and_the_rest_as_it_fills() {
        let now = Timestamp::from_second(1_000).unwrap();
        let tenant = Allowance::TENANT;
        let empty = now + tenant.fills_in;
        let again = tenant.has_again(GRANT, empty);
        assert_eq!(again, now + tenant.worth(GRANT));
        assert!(tenant.has_again(GRANT, now) <= now, "a full bucket gives at once");
        assert_eq!(tenant.worth(u32::MAX), tenant.fills_in, "nobody waits for more than all");
    }
}
