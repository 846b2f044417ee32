//! The pause of everything.

use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{AccountId, ConnectionId};
use contact_sync_domain::pause::Pause;
use contact_sync_engine::port::{PauseStore, StoreError};
use jiff::Timestamp;

use crate::failure::Answer;
use crate::item::{document, instant, instant_of, name, read_document, text};
use crate::keys::Key;
use crate::table::Condition;
use crate::{DynamoStore, connections, keys};

const KIND: &str = "pause";
const RESUMED: &str = "resumed";

/// When the last pause ended.
const AT: &str = "at";

fn resumed_key() -> Key {
    Key { pk: keys::pause().pk, sk: "RESUMED".to_owned() }
}

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

    async fn end_pause(&self, now: Timestamp) -> Result<(), StoreError> {
        let key = keys::pause();
        if self.state.get("GetItem pause", &key).await?.is_none() {
            return Ok(());
        }
        // First: whoever looks after the end must find it.
        let mut resumed = resumed_key().attributes();
        resumed.insert(name::KIND.to_owned(), text(RESUMED));
        resumed.insert(AT.to_owned(), instant(now));
        self.state.put("PutItem resumed", resumed).await?;
        self.state.delete("DeleteItem pause", &key).await.map(|_| ())
    }

    async fn resumed_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let found = self.state.get("GetItem resumed", &resumed_key()).await?;
        Ok(found.and_then(|item| instant_of(&item, AT)))
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
