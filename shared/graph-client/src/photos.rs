//! Photos of people.
//!
//! The largest one is asked for: a certain size may be missing although there is a photo
//! (microsoft-graph-docs#2319), and would be taken for none.

use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_engine::port::{Clock, DirectoryError, GraphBudget, Lane, Photos};

use crate::call::{Call, Expects};
use crate::client::GraphClient;
use crate::credential::CredentialSource;
use crate::patience::Limits;

impl<S: CredentialSource, C: Clock, B: GraphBudget> Photos for GraphClient<S, C, B> {
    async fn photo(
        &self,
        tenant: &TenantId,
        user: &ObjectId,
    ) -> Result<Option<Vec<u8>>, DirectoryError> {
        let url = self.endpoints.graph(&format!("/users/{user}/photo/$value"))?;
        let call = Call {
            lane: Lane::Bulk,
            limits: Limits::PHOTO,
            expects: Expects::Photo,
            ..Call::get("a photo", url)
        };
        match self.call(tenant, &call, |body| Ok(body.to_vec())).await {
            Ok((bytes, _)) => Ok(Some(bytes)),
            Err(failure) => match failure.error {
                DirectoryError::NotFound { .. } => Ok(None),
                error => Err(error),
            },
        }
    }
}
