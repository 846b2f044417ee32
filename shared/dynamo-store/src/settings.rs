//! Settings: immutable versions, the highest of which is current.

use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId, RunId};
use contact_sync_engine::port::{SettingsStore, SettingsVersion, StoreError};
use jiff::Timestamp;

use crate::failure::{Answer, corrupt};
use crate::item::{Item, expiry, name, text, text_of};
use crate::table::{Condition, Query};
use crate::transaction::{Transacted, Transaction};
use crate::{DynamoStore, keys};

const KIND: &str = "settings";
const DRAFT: &str = "draft";

/// The document, as JSON text: numbers and order come back exactly as they were saved.
const JSON: &str = "json";

fn read(item: &Item) -> Result<SettingsVersion, StoreError> {
    serde_json::from_str(text_of(item, JSON).unwrap_or_default()).map_err(corrupt(KIND))
}

fn item(
    account: &AccountId,
    connection: &ConnectionId,
    version: &SettingsVersion,
) -> Result<Item, StoreError> {
    let mut item = keys::settings(connection, version.version).attributes();
    item.insert(name::KIND.into(), text(KIND));
    item.insert("accountId".into(), text(account.as_str()));
    item.insert(JSON.into(), text(serde_json::to_string(version).map_err(corrupt(KIND))?));
    Ok(item)
}

/// As what settings are kept.
pub(crate) enum Kept {
    /// As a version of the connection's.
    Version,
    /// As the draft of this run's plan.
    Draft(String),
}

impl DynamoStore {
    /// All versions and drafts of a connection's settings, as items.
    async fn kept_settings(&self, connection: &ConnectionId) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        for partition in [keys::settings_partition(connection), keys::drafts_partition(connection)]
        {
            let query = Query { partition, strongly: true, ..Query::default() };
            items.extend(self.state.query_all("Query settings", query).await?);
        }
        Ok(items)
    }

    /// Those whose ignore lists name a user.
    pub(crate) async fn settings_naming(
        &self,
        connection: &ConnectionId,
        user: &ObjectId,
    ) -> Result<Vec<(Kept, SettingsVersion)>, StoreError> {
        let mut named = Vec::new();
        for item in self.kept_settings(connection).await? {
            let version = read(&item)?;
            if version.settings.scope.ignored_users.contains(user) {
                let is_draft = text_of(&item, name::KIND) == Some(DRAFT);
                let run = text_of(&item, name::SK).unwrap_or_default().to_owned();
                named.push((if is_draft { Kept::Draft(run) } else { Kept::Version }, version));
            }
        }
        Ok(named)
    }

    /// Takes a user off the ignore lists of all of them, in their places.
    pub(crate) async fn take_from_settings(
        &self,
        connection: &ConnectionId,
        user: &ObjectId,
    ) -> Result<u64, StoreError> {
        let mut taken = 0;
        for mut item in self.kept_settings(connection).await? {
            let mut version = read(&item)?;
            let ignored = &mut version.settings.scope.ignored_users;
            let before = ignored.len();
            ignored.retain(|one| one != user);
            if ignored.len() == before {
                continue;
            }
            let json = serde_json::to_string(&version).map_err(corrupt(KIND))?;
            item.insert(JSON.into(), text(json));
            self.state.put("PutItem settings", item).await?;
            taken += 1;
        }
        Ok(taken)
    }

    /// Makes all versions what another account may see of them. May be repeated.
    pub(crate) async fn carry_settings(
        &self,
        connection: &ConnectionId,
        to: &AccountId,
    ) -> Result<(), StoreError> {
        let partition = keys::settings_partition(connection);
        let query = Query { partition, strongly: true, ..Query::default() };
        for standing in self.state.query_all("Query settings", query).await? {
            let carried = item(to, connection, &read(&standing)?.carried())?;
            if carried != standing {
                self.state.put("PutItem settings", carried).await?;
            }
        }
        Ok(())
    }
}

impl SettingsStore for DynamoStore {
    async fn settings(
        &self,
        _account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<SettingsVersion, StoreError> {
        let page = self
            .state
            .query(
                "Query settings",
                Query {
                    partition: keys::settings_partition(connection),
                    backwards: true,
                    limit: Some(1),
                    strongly: true,
                    ..Query::default()
                },
            )
            .await?;
        page.items.first().map_or_else(|| Ok(SettingsVersion::never_saved()), read)
    }

    async fn settings_version(
        &self,
        _account: &AccountId,
        connection: &ConnectionId,
        version: u64,
    ) -> Result<Option<SettingsVersion>, StoreError> {
        if version == 0 {
            return Ok(Some(SettingsVersion::never_saved()));
        }
        let key = keys::settings(connection, version);
        let found = self.state.get("GetItem settings", &key).await?;
        found.as_ref().map(read).transpose()
    }

    async fn save_settings(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        next: &SettingsVersion,
    ) -> Result<bool, StoreError> {
        let operation = "TransactWriteItems settings";
        if next.version == 0 {
            return Ok(false);
        }
        let item = item(account, connection, next)?;
        // Versions have no holes: the one before being there and this one not makes it the next.
        let mut transaction = Transaction::new().put(
            operation,
            &self.state,
            item.clone(),
            Some(Condition::absent()),
        )?;
        if next.version > 1 {
            let before = keys::settings(connection, next.version - 1);
            transaction =
                transaction.check(operation, &self.state, &before, Condition::present())?;
        }
        match transaction.commit(operation, &self.state).await? {
            Transacted::Done => Ok(true),
            Transacted::Refused(answers) => Ok(match answers.into_iter().next() {
                // The very same version: an earlier call saved it and its answer got lost.
                Some(Answer::Refused(standing)) => standing == Some(item),
                Some(Answer::Done(())) | None => false,
            }),
        }
    }

    async fn put_draft(
        &self,
        connection: &ConnectionId,
        run: &RunId,
        draft: &SettingsVersion,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut item = keys::draft(connection, run).attributes();
        item.insert(name::KIND.into(), text(DRAFT));
        item.insert(JSON.into(), text(serde_json::to_string(draft).map_err(corrupt(DRAFT))?));
        item.insert(name::EXPIRES_AT.into(), expiry(expires_at));
        self.state.put("PutItem draft", item).await
    }

    async fn draft(
        &self,
        connection: &ConnectionId,
        run: &RunId,
    ) -> Result<Option<SettingsVersion>, StoreError> {
        let found = self.state.get("GetItem draft", &keys::draft(connection, run)).await?;
        found.as_ref().map(read).transpose()
    }
}
