//! Objects as files: one for the content, one beside it for what is known about it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::aws::presigned::hex;
use crate::clock::LocalClock;
use crate::files;
use crate::plan::Bucket;

/// What is known about an object beside its content.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) size: usize,
    pub(super) etag: String,
    pub(super) modified_at: Timestamp,
    /// Headers to answer with: content type and encoding, `x-amz-meta-*`.
    pub(super) headers: BTreeMap<String, String>,
}

/// The stack's buckets.
#[derive(Debug)]
pub(crate) struct ObjectStore {
    buckets: BTreeMap<String, OpenBucket>,
    clock: LocalClock,
}

#[derive(Debug)]
struct OpenBucket {
    folder: PathBuf,
    expirations: Vec<(String, u32)>,
    objects: Mutex<BTreeMap<String, Object>>,
}

/// A condition on the object that is there before a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Precondition {
    /// `If-None-Match: *`.
    Absent,
    /// `If-Match`.
    Etag(String),
}

/// The condition did not hold.
pub(super) struct PreconditionFailed;

impl ObjectStore {
    pub(crate) fn open(
        buckets: &[Bucket],
        folder: &Path,
        clock: LocalClock,
    ) -> std::io::Result<Self> {
        let mut opened = BTreeMap::new();
        for bucket in buckets {
            let folder = folder.join(&bucket.name);
            std::fs::create_dir_all(&folder)?;
            let mut objects = BTreeMap::new();
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "json")
                    && let Some(object) = files::read_json::<Object>(&path)?
                {
                    objects.insert(object.key.clone(), object);
                }
            }
            opened.insert(
                bucket.name.clone(),
                OpenBucket {
                    folder,
                    expirations: bucket.expirations.clone(),
                    objects: Mutex::new(objects),
                },
            );
        }
        Ok(Self { buckets: opened, clock })
    }

    pub(super) fn has_bucket(&self, bucket: &str) -> bool {
        self.buckets.contains_key(bucket)
    }

    pub(super) fn put(
        &self,
        bucket: &str,
        key: &str,
        content: &[u8],
        headers: BTreeMap<String, String>,
        precondition: Option<&Precondition>,
    ) -> std::io::Result<Result<Object, PreconditionFailed>> {
        let Some(bucket) = self.buckets.get(bucket) else { return Ok(Err(PreconditionFailed)) };
        let mut objects = bucket.live(self.clock.now());
        let existing = objects.get(key).map(|object| object.etag.as_str());
        let holds = match precondition {
            None => true,
            Some(Precondition::Absent) => existing.is_none(),
            Some(Precondition::Etag(etag)) => existing == Some(etag),
        };
        if !holds {
            return Ok(Err(PreconditionFailed));
        }
        let digest = hex(&Sha256::digest(content));
        let object = Object {
            key: key.to_owned(),
            size: content.len(),
            etag: format!("\"{}\"", digest.get(..32).unwrap_or_default()),
            modified_at: self.clock.now(),
            headers,
        };
        let path = bucket.path(key);
        files::write(&path, content)?;
        files::write_json(&path.with_extension("json"), &object)?;
        objects.insert(key.to_owned(), object.clone());
        Ok(Ok(object))
    }

    pub(super) fn head(&self, bucket: &str, key: &str) -> Option<Object> {
        self.buckets.get(bucket)?.live(self.clock.now()).get(key).cloned()
    }

    pub(super) fn content(&self, bucket: &str, key: &str) -> std::io::Result<Vec<u8>> {
        let Some(bucket) = self.buckets.get(bucket) else { return Ok(Vec::new()) };
        std::fs::read(bucket.path(key))
    }

    pub(super) fn delete(&self, bucket: &str, key: &str) -> std::io::Result<()> {
        let Some(bucket) = self.buckets.get(bucket) else { return Ok(()) };
        if bucket.live(self.clock.now()).remove(key).is_some() {
            bucket.remove_files(key)?;
        }
        Ok(())
    }

    /// Objects whose key begins with `prefix` and sorts after `after`, in order of keys.
    pub(super) fn list(&self, bucket: &str, prefix: &str, after: &str) -> Vec<Object> {
        let Some(bucket) = self.buckets.get(bucket) else { return Vec::new() };
        bucket
            .live(self.clock.now())
            .values()
            .filter(|object| object.key.starts_with(prefix) && object.key.as_str() > after)
            .cloned()
            .collect()
    }
}

impl OpenBucket {
    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(hex(&Sha256::digest(key)))
    }

    fn remove_files(&self, key: &str) -> std::io::Result<()> {
        let path = self.path(key);
        std::fs::remove_file(path.with_extension("json"))?;
        std::fs::remove_file(path)
    }

    /// The objects, less those whose days are over.
    fn live(&self, now: Timestamp) -> MutexGuard<'_, BTreeMap<String, Object>> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let expired: Vec<String> = objects
            .values()
            .filter(|object| {
                self.expirations.iter().any(|(prefix, days)| {
                    object.key.starts_with(prefix)
                        && now.duration_since(object.modified_at)
                            >= SignedDuration::from_hours(24 * i64::from(*days))
                })
            })
            .map(|object| object.key.clone())
            .collect();
        for key in expired {
            objects.remove(&key);
            if let Err(error) = self.remove_files(&key) {
                tracing::error!(%error, "An expired object could not be deleted.");
            }
        }
        objects
    }
}
