//! The stores of one run, in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, RunId, TenantId};
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::Deviation;
use contact_sync_engine::port::{
    Blobs, ClaimChange, ClaimOutcome, ContactPage, ContactQuery, ContactStore, ContactWrite,
    IndexPage, RunPage, RunStore, SegmentRef, SegmentStore, StoreError, StoredContact,
    WriteOutcome,
};
use jiff::{SignedDuration, Timestamp};

/// One run's stores; everything went as its segments intended, and no contact is needed.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) run: Mutex<Option<Run>>,
    pub(super) segments: Mutex<BTreeMap<u32, SegmentRef>>,
    pub(super) blobs: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl RunStore for World {
    async fn run(
        &self,
        _: &AccountId,
        _: &ConnectionId,
        _: &RunId,
    ) -> Result<Option<Run>, StoreError> {
        Ok(self.run.lock().unwrap().clone())
    }
    async fn put_run(&self, _: &Run) -> Result<bool, StoreError> {
        unimplemented!("a report changes no run")
    }
    async fn mark_report_ready(&self, _: &Run) -> Result<bool, StoreError> {
        let mut run = self.run.lock().unwrap();
        let known = std::mem::replace(&mut run.as_mut().unwrap().report_ready, true);
        Ok(!known)
    }
    async fn runs(
        &self,
        _: &AccountId,
        _: &ConnectionId,
        _: Option<&str>,
        _: u16,
    ) -> Result<Option<RunPage>, StoreError> {
        unimplemented!("a report lists no runs")
    }
}

impl SegmentStore for World {
    async fn put_segment(
        &self,
        _: &ConnectionId,
        _: &RunId,
        page: u32,
        segment: SegmentRef,
    ) -> Result<SegmentRef, StoreError> {
        Ok(self.segments.lock().unwrap().entry(page).or_insert(segment).clone())
    }
    async fn segment(
        &self,
        _: &ConnectionId,
        _: &RunId,
        page: u32,
    ) -> Result<Option<SegmentRef>, StoreError> {
        Ok(self.segments.lock().unwrap().get(&page).cloned())
    }
    async fn put_deviations(
        &self,
        _: &ConnectionId,
        _: &RunId,
        _: u32,
        _: &[Deviation],
    ) -> Result<(), StoreError> {
        unimplemented!("a report records nothing")
    }
    async fn deviations(
        &self,
        _: &ConnectionId,
        _: &RunId,
        _: u32,
    ) -> Result<Vec<Deviation>, StoreError> {
        Ok(Vec::new())
    }
}

impl Blobs for World {
    async fn put(&self, key: &str, bytes: Vec<u8>, _: &str) -> Result<(), StoreError> {
        self.blobs.lock().unwrap().insert(key.to_owned(), bytes);
        Ok(())
    }
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.blobs.lock().unwrap().get(key).cloned())
    }
    async fn delete_prefix(&self, _: &str) -> Result<(), StoreError> {
        unimplemented!("a report deletes nothing")
    }
    async fn signed_url(&self, _: &str, _: &str, _: SignedDuration) -> Result<String, StoreError> {
        unimplemented!("a report is served by others")
    }
}

impl ContactStore for World {
    async fn get(&self, _: &AccountId, _: &ContactId) -> Result<Option<StoredContact>, StoreError> {
        Ok(None)
    }
    async fn get_many(
        &self,
        _: &AccountId,
        ids: &[ContactId],
    ) -> Result<Vec<Option<StoredContact>>, StoreError> {
        Ok(ids.iter().map(|_| None).collect())
    }
    async fn write(&self, _: &ContactWrite) -> Result<WriteOutcome, StoreError> {
        unimplemented!("a report writes no contact")
    }
    async fn write_together(
        &self,
        _: &AccountId,
        _: &[ContactWrite],
        _: &[ClaimChange],
    ) -> Result<bool, StoreError> {
        unimplemented!("a report writes no contact")
    }
    async fn remove(
        &self,
        _: &Contact,
        _: Option<u64>,
        _: Timestamp,
    ) -> Result<WriteOutcome, StoreError> {
        unimplemented!("a report writes no contact")
    }
    async fn bar(
        &self,
        _: &AccountId,
        _: &ContactId,
        _: u64,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        unimplemented!("a report writes no contact")
    }
    async fn claims(
        &self,
        _: &AccountId,
        _: &[String],
    ) -> Result<Vec<Option<ContactId>>, StoreError> {
        unimplemented!("a report asks for no claim")
    }
    async fn claim(
        &self,
        _: &AccountId,
        _: &str,
        _: &ContactId,
    ) -> Result<ClaimOutcome, StoreError> {
        unimplemented!("a report claims nothing")
    }
    async fn release(&self, _: &AccountId, _: &str, _: &ContactId) -> Result<(), StoreError> {
        unimplemented!("a report claims nothing")
    }
    async fn adopted(
        &self,
        _: &AccountId,
        _: &TenantId,
        _: &[ObjectId],
    ) -> Result<Vec<Option<ContactId>>, StoreError> {
        unimplemented!("a report adopts nobody")
    }
    async fn put_adoption(
        &self,
        _: &AccountId,
        _: &TenantId,
        _: &ObjectId,
        _: &ContactId,
    ) -> Result<(), StoreError> {
        unimplemented!("a report adopts nobody")
    }
    async fn delete_adoption(
        &self,
        _: &AccountId,
        _: &TenantId,
        _: &ObjectId,
    ) -> Result<(), StoreError> {
        unimplemented!("a report adopts nobody")
    }
    async fn index(&self, _: &AccountId, _: u8, _: Option<&str>) -> Result<IndexPage, StoreError> {
        unimplemented!("a report reads no index")
    }
    async fn list(
        &self,
        _: &AccountId,
        _: &ContactQuery,
        _: Option<&str>,
        _: u16,
    ) -> Result<Option<ContactPage>, StoreError> {
        unimplemented!("a report lists no contacts")
    }
    async fn erase_account(&self, _: &AccountId) -> Result<(), StoreError> {
        unimplemented!("a report erases nothing")
    }
}
