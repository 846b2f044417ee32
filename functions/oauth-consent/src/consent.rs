//! The use cases behind the pages, and what they run on.

use std::future::Future;

use contact_sync_engine::consent::{
    Begun, Callback, ConsentError, ConsentFlow, ConsentStores, InvitationView, Outcome,
    describe_invitation,
};
use contact_sync_engine::port::{Clock, Directory, Identity, Randomness};

/// What the handler asks for.
pub(crate) trait Consent: Sync {
    /// What a link's page shows.
    fn describe(
        &self,
        token: &str,
    ) -> impl Future<Output = Result<InvitationView, ConsentError>> + Send;

    /// Starts an attempt.
    fn begin(
        &self,
        token: &str,
        redirect_uri: &str,
    ) -> impl Future<Output = Result<Begun, ConsentError>> + Send;

    /// Judges a return from Microsoft.
    fn complete(
        &self,
        callback: &Callback<'_>,
        redirect_uri: &str,
    ) -> impl Future<Output = Result<Outcome, ConsentError>> + Send;
}

/// The use cases on their adapters.
#[derive(Debug)]
pub(crate) struct Connecting<S, G, C, R> {
    pub(crate) stores: S,
    pub(crate) graph: G,
    pub(crate) clock: C,
    pub(crate) chance: R,
}

impl<S, G, C, R> Connecting<S, G, C, R> {
    fn flow<'a>(&'a self, redirect_uri: &'a str) -> ConsentFlow<'a, S, G, G, C, R> {
        ConsentFlow {
            stores: &self.stores,
            identity: &self.graph,
            directory: &self.graph,
            clock: &self.clock,
            chance: &self.chance,
            redirect_uri,
        }
    }
}

impl<S, G, C, R> Consent for Connecting<S, G, C, R>
where
    S: ConsentStores,
    G: Identity + Directory,
    C: Clock,
    R: Randomness,
{
    async fn describe(&self, token: &str) -> Result<InvitationView, ConsentError> {
        describe_invitation(&self.stores, &self.clock, token).await
    }

    async fn begin(&self, token: &str, redirect_uri: &str) -> Result<Begun, ConsentError> {
        self.flow(redirect_uri).begin(token).await
    }

    async fn complete(
        &self,
        callback: &Callback<'_>,
        redirect_uri: &str,
    ) -> Result<Outcome, ConsentError> {
        self.flow(redirect_uri).complete(callback).await
    }
}
