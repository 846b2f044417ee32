//! The outside as it is in AWS.

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_engine::admin::Outside;
use contact_sync_graph_client::GraphClient;
use contact_sync_lambda_shell::{SystemClock, SystemRandomness};
use contact_sync_report_store::BlobStore;
use contact_sync_secret_store::Credentials;
use contact_sync_sync_schedules::SyncSchedules;

/// All adapters, made once at the cold start.
pub(crate) struct Aws {
    pub(crate) store: DynamoStore,
    pub(crate) graph: GraphClient<Credentials, SystemClock>,
    pub(crate) blobs: BlobStore,
    pub(crate) schedules: SyncSchedules,
    pub(crate) sends_mail: bool,
}

impl Outside for Aws {
    type Store = DynamoStore;
    type Directory = GraphClient<Credentials, SystemClock>;
    type Blobs = BlobStore;
    type Schedules = SyncSchedules;
    type Clock = SystemClock;
    type Randomness = SystemRandomness;

    fn sends_mail(&self) -> bool {
        self.sends_mail
    }
    fn store(&self) -> &DynamoStore {
        &self.store
    }
    fn directory(&self) -> &Self::Directory {
        &self.graph
    }
    fn blobs(&self) -> &BlobStore {
        &self.blobs
    }
    fn schedules(&self) -> &SyncSchedules {
        &self.schedules
    }
    fn clock(&self) -> &SystemClock {
        &SystemClock
    }
    fn randomness(&self) -> &SystemRandomness {
        &SystemRandomness
    }
}
