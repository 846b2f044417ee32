//! The outside as it is in AWS.

use contact_sync_dynamo_store::DynamoStore;
use contact_sync_engine::admin::Outside;
use contact_sync_graph_client::GraphClient;
use contact_sync_lambda_shell::{SystemClock, SystemRandomness};
use contact_sync_mailer::SesMailer;
use contact_sync_report_store::BlobStore;
use contact_sync_secret_store::Credentials;
use contact_sync_sync_schedules::SyncSchedules;

/// All adapters, made once at the cold start.
pub(crate) struct Aws {
    pub(crate) store: DynamoStore,
    pub(crate) graph: GraphClient<Credentials, SystemClock>,
    pub(crate) blobs: BlobStore,
    pub(crate) schedules: SyncSchedules,
    /// Absent where the installation sends no mail.
    pub(crate) mailer: Option<SesMailer>,
    pub(crate) portal_url: Option<String>,
}

impl Outside for Aws {
    type Store = DynamoStore;
    type Directory = GraphClient<Credentials, SystemClock>;
    type Blobs = BlobStore;
    type Schedules = SyncSchedules;
    type Mailer = SesMailer;
    type Clock = SystemClock;
    type Randomness = SystemRandomness;

    fn mailer(&self) -> Option<&SesMailer> {
        self.mailer.as_ref()
    }
    fn portal_url(&self) -> Option<&str> {
        self.portal_url.as_deref()
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
