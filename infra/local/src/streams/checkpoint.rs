//! How far each mapping has delivered each shard.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::files;

/// The last sequence number delivered, by mapping and shard.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    delivered: Mutex<BTreeMap<String, String>>,
    file: PathBuf,
}

impl Checkpoints {
    pub(crate) fn open(file: PathBuf) -> std::io::Result<Self> {
        let delivered = files::read_json(&file)?.unwrap_or_default();
        Ok(Self { delivered: Mutex::new(delivered), file })
    }

    pub(super) fn get(&self, mapping: &str, shard: &str) -> Option<String> {
        let delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        delivered.get(&format!("{mapping} {shard}")).cloned()
    }

    pub(super) fn set(&self, mapping: &str, shard: &str, sequence_number: &str) {
        let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        delivered.insert(format!("{mapping} {shard}"), sequence_number.to_owned());
        if let Err(error) = files::write_json(&self.file, &*delivered) {
            tracing::error!(%error, "A stream's checkpoint could not be saved.");
        }
    }
}
