//! Who wrote each field of a contact last: kept on the contact itself, so that it can be told when
//! the pages of the runs are gone.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::contact::{Contact, Target};
use crate::id::{HistoryId, RunId};

/// A run, or an entry of the history of what people did, by its 128 bits: they hold the instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(u128);

impl WriteId {
    /// The id with these bits.
    pub fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The bits.
    pub fn to_bits(self) -> u128 {
        self.0
    }
}

impl From<&RunId> for WriteId {
    fn from(run: &RunId) -> Self {
        Self(run.to_bits())
    }
}

impl From<&HistoryId> for WriteId {
    fn from(entry: &HistoryId) -> Self {
        Self(entry.to_bits())
    }
}

impl Serialize for WriteId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for WriteId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        u128::from_str_radix(&digits, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// What one writer wrote and nobody since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// Who.
    pub by: WriteId,
    /// Which fields.
    pub targets: Vec<Target>,
}

impl Contact {
    /// Who wrote a field last; `None` where that was before it was kept.
    pub fn writer_of(&self, target: &Target) -> Option<WriteId> {
        self.written.iter().find(|one| one.targets.contains(target)).map(|one| one.by)
    }

    /// Takes down who wrote these fields just now: nobody else did any more, and what has no value
    /// has no writer.
    pub fn wrote<'t>(&mut self, by: WriteId, targets: impl IntoIterator<Item = &'t Target>) {
        let now: BTreeSet<&Target> = targets.into_iter().collect();
        let mut written = std::mem::take(&mut self.written);
        for one in &mut written {
            one.targets.retain(|target| !now.contains(target));
        }
        let standing = now.into_iter().filter(|target| self.value(target).is_some());
        let standing: Vec<Target> = standing.cloned().collect();
        match written.iter_mut().find(|one| one.by == by) {
            Some(own) => own.targets.extend(standing),
            None => written.push(Written { by, targets: standing }),
        }
        written.retain(|one| !one.targets.is_empty());
        self.written = written;
    }
}

#[cfg(test)]
mod tests;
