//! The pause of everything.

use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{AccountId, ConnectionId};
use contact_sync_domain::pause::Pause;
use contact_sync_engine::port::{PauseStore, StoreError};

use crate::failure::Answer;
use crate::item::{document, read_document};
use crate::table::Condition;
use crate::{DynamoStore, connections, keys};

const KIND: &str = "pause";

impl PauseStore for DynamoStore {
    async fn pause(&self) -> Result<Option<Pause>, StoreError> {
        let found = self.state.get("GetItem pause", &keys::pause()).await?;
        found.map(|item| read_document(KIND, item)).transpose()
    }

    async fn begin_pause(&self, pause: &Pause) -> Result<Pause, StoreError> {
        let item = document(&keys::pause(), KIND, pause)?;
        match self.state.put_if("PutItem pause", item, Condition::absent()).await? {
            Answer::Refused(Some(standing)) => read_document(KIND, standing),
            Answer::Done(()) | Answer::Refused(None) => Ok(pause.clone()),
        }
    }

    async fn end_pause(&self) -> Result<(), StoreError> {
        self.state.delete("DeleteItem pause", &keys::pause()).await.map(|_| ())
    }

    async fn connection_and_pause(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<(Option<Connection>, Option<Pause>), StoreError> {
        let (own, all) = (keys::connection(account, id), keys::pause());
        let both = [own.clone(), all.clone()];
        let mut found = self.state.get_all("BatchGetItem connection", both).await?;
        let connection = found.remove(&own).map(|item| read_document(connections::KIND, item));
        let pause = found.remove(&all).map(|item| read_document(KIND, item));
        Ok((connection.transpose()?, pause.transpose()?))
    }
}
