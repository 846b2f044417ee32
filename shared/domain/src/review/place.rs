//! Where a decision stands among those of its connection, told by the decision itself: whoever goes on
//! behind it finds the same place, whatever others were erased meanwhile.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Decision;
use crate::id::leading_bits;

/// The place of a decision: newer ones are greater. It does not name the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DecisionPlace {
    /// When it was made, in nanoseconds since 1970.
    at: i128,
    /// Digest of what was decided about: tells those apart that were made in the same moment.
    item: u64,
}

/// Text that is no such place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a decision's place is `<nanoseconds>-<digest>`")]
pub struct NotAPlace;

impl Decision {
    /// Where it stands among those of its connection.
    pub fn place(&self) -> DecisionPlace {
        let digest = leading_bits(&Sha256::digest(self.item.as_str()));
        DecisionPlace { at: self.at.as_nanosecond(), item: (digest >> 64) as u64 }
    }
}

impl fmt::Display for DecisionPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{:016x}", self.at, self.item)
    }
}

impl FromStr for DecisionPlace {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (at, item) = text.rsplit_once('-').ok_or(NotAPlace)?;
        let at = at.parse().ok().ok_or(NotAPlace)?;
        let item = u64::from_str_radix(item, 16).ok().ok_or(NotAPlace)?;
        Ok(Self { at, item })
    }
}

impl TryFrom<String> for DecisionPlace {
    type Error = NotAPlace;

    fn try_from(text: String) -> Result<Self, NotAPlace> {
        text.parse()
    }
}

impl From<DecisionPlace> for String {
    fn from(place: DecisionPlace) -> Self {
        place.to_string()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::id::{ObjectId, ReviewId};
    use crate::review::{ReviewAction, ReviewList};

    fn decided(second: i64, user: u128) -> Decision {
        Decision {
            at: Timestamp::from_second(second).unwrap(),
            actor: None,
            action: ReviewAction::Accept,
            item: ReviewId::of(&ObjectId::from_u128(user)),
            list: ReviewList::Changes,
            version: 1,
            contact_id: None,
            refused: Vec::new(),
            kept_days: None,
        }
    }

    #[test]
    fn newer_decisions_stand_before_older_ones_and_each_has_a_place_of_its_own() {
        let (newer, older) = (decided(2, 1).place(), decided(1, 2).place());
        assert!(newer > older);
        assert_ne!(decided(1, 1).place(), older, "made in the same moment");
        for place in [newer, older, decided(-5, 3).place()] {
            assert_eq!(place.to_string().parse(), Ok(place));
            let stored = serde_json::to_string(&place).unwrap();
            assert_eq!(serde_json::from_str::<DecisionPlace>(&stored).unwrap(), place);
        }
    }

    #[test]
    fn a_count_is_no_place() {
        assert_eq!("7".parse::<DecisionPlace>(), Err(NotAPlace));
    }
}
