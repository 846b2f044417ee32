//! Conditional writes of contacts.

use aws_sdk_dynamodb::types::AttributeValue;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::segment::Prior;
use contact_sync_engine::port::{
    Bar, ClaimChange, ContactWrite, StoreError, StoredContact, WriteOutcome,
};
use jiff::Timestamp;

use super::claims;
use super::item::{TOMBSTONE, Tombstone, connection_bytes, contact as contact_item, read};
use crate::failure::Answer;
use crate::item::{Item, number, text};
use crate::table::Condition;
use crate::transaction::{Transacted, Transaction};
use crate::{DynamoStore, keys};

/// What must stand under the key, and (for sync) how old its source version must be: older than
/// `fence`, unless it counts in another connection than `owner` or is a tombstone's that expired
/// by `now`. Where the item does not say in which connection it counts, it counts in every one.
pub(super) fn unmoved(
    expected_version: u64,
    fence: Option<u64>,
    owner: Option<&AttributeValue>,
    now: Timestamp,
) -> Condition {
    let mut values = Vec::new();
    let mut expression = if expected_version == 0 {
        // A tombstone that bars a contact which never was has version 0.
        values.push((":nothing", number(0)));
        "(attribute_not_exists(#v) OR #v = :nothing)".to_owned()
    } else {
        values.push((":expected", number(expected_version)));
        "#v = :expected".to_owned()
    };
    // For people, too: whoever was forgotten comes back by nobody's hand.
    expression += " AND attribute_not_exists(#z)";
    if let Some(fence) = fence {
        values.push((":fence", number(fence)));
        expression += " AND (attribute_not_exists(#sv) OR #sv < :fence";
        if let Some(owner) = owner {
            values.push((":owner", owner.clone()));
            expression += " OR (attribute_exists(#c) AND #c <> :owner)";
        }
        // Contacts do not expire. DynamoDB deletes an expired item days late.
        values.push((":now", number(now.as_second())));
        expression += " OR #expiresAt <= :now";
        expression += ")";
    }
    Condition::new(expression, values)
}

/// The tombstone in a contact's place.
pub(super) fn buried(
    contact: &Contact,
    fence: Option<u64>,
    owner: Option<AttributeValue>,
    expires_at: Timestamp,
    by: Option<&Prior>,
) -> Item {
    let known = contact.sync.as_ref().map(|mark| mark.source_version);
    let tombstone = Tombstone {
        version: contact.version + 1,
        source_version: fence.or(known).unwrap_or_default(),
        owner,
        expires_at,
        by,
    };
    tombstone.item(&contact.account_id, &contact.id)
}

impl DynamoStore {
    /// The connection in which a contact's source version counts. Its link says it; a contact that
    /// lost its link keeps what its item says, so that the version still compares.
    pub(super) async fn owner(
        &self,
        contact: &Contact,
    ) -> Result<Option<AttributeValue>, StoreError> {
        match (&contact.link, &contact.sync) {
            (Some(link), _) => Ok(Some(connection_bytes(&link.connection_id))),
            (None, None) => Ok(None),
            (None, Some(_)) => {
                let key = keys::contact(&contact.account_id, &contact.id);
                let found = self.contacts.get("GetItem contact", &key).await?;
                Ok(found.and_then(|mut item| item.remove("c")))
            }
        }
    }

    /// Stores the item that `make` makes: once to send it, and again only to compare.
    async fn put_contact(
        &self,
        make: impl Fn() -> Result<Item, StoreError>,
        condition: Condition,
    ) -> Result<WriteOutcome, StoreError> {
        match self.contacts.put_if("PutItem contact", make()?, condition).await? {
            Answer::Done(()) => Ok(WriteOutcome::Written),
            Answer::Refused(None) => Ok(WriteOutcome::Moved(None)),
            // The very same write: an earlier attempt did it and its answer got lost.
            Answer::Refused(Some(standing)) if standing == make()? => Ok(WriteOutcome::Written),
            Answer::Refused(Some(standing)) => Ok(WriteOutcome::Moved(Some(read(&standing)?))),
        }
    }

    pub(super) async fn write_contact(
        &self,
        write: &ContactWrite,
    ) -> Result<WriteOutcome, StoreError> {
        let owner = self.owner(&write.contact).await?;
        let now = write.contact.updated_at;
        let condition = unmoved(write.expected_version, write.fence, owner.as_ref(), now);
        self.put_contact(|| contact_item(&write.contact, owner.as_ref()), condition).await
    }

    pub(super) async fn replace_by_tombstone(
        &self,
        contact: &Contact,
        fence: Option<u64>,
        expires_at: Timestamp,
        by: Option<&Prior>,
    ) -> Result<WriteOutcome, StoreError> {
        let owner = self.owner(contact).await?;
        let condition = unmoved(contact.version, fence, owner.as_ref(), contact.updated_at);
        let make = || Ok(buried(contact, fence, owner.clone(), expires_at, by));
        self.put_contact(make, condition).await
    }

    pub(super) async fn put_bar(
        &self,
        account: &AccountId,
        id: &ContactId,
        bar: &Bar,
    ) -> Result<(), StoreError> {
        let operation = "PutItem tombstone";
        let owner = Some(connection_bytes(&bar.connection_id));
        let barring = |version, until| Tombstone {
            version,
            source_version: bar.fence,
            owner: owner.clone(),
            expires_at: until,
            by: None,
        };
        let item = barring(0, bar.until).item(account, id);
        let Answer::Refused(Some(standing)) =
            self.contacts.put_if(operation, item, Condition::absent()).await?
        else {
            return Ok(());
        };
        // A contact that cannot be read stands, too.
        let Ok(StoredContact::Tombstone {
            version,
            source_version,
            connection_id,
            expires_at,
            by: _,
            erased: false,
        }) = read(&standing)
        else {
            return Ok(());
        };
        let bars_already = connection_id.is_none_or(|of| of == bar.connection_id)
            && source_version >= bar.fence
            && expires_at >= bar.until;
        if bars_already {
            return Ok(());
        }
        let until = expires_at.max(bar.until);
        let item = barring(version, until).item(account, id);
        let values = vec![
            (":kind", text(TOMBSTONE)),
            (":version", number(version)),
            (":before", number(source_version)),
        ];
        let same = Condition::new("#kind = :kind AND #v = :version AND #sv = :before", values);
        self.contacts.put_if(operation, item, same).await?;
        Ok(())
    }

    pub(super) async fn write_contacts(
        &self,
        account: &AccountId,
        writes: &[ContactWrite],
        claims: &[ClaimChange],
    ) -> Result<bool, StoreError> {
        let operation = "TransactWriteItems contacts";
        let mut transaction = Transaction::new();
        let mut wanted = Vec::with_capacity(writes.len() + claims.len());
        for write in writes {
            let owner = self.owner(&write.contact).await?;
            let item = contact_item(&write.contact, owner.as_ref())?;
            let now = write.contact.updated_at;
            let condition = unmoved(write.expected_version, write.fence, owner.as_ref(), now);
            transaction =
                transaction.put(operation, &self.contacts, item.clone(), Some(condition))?;
            wanted.push(item);
        }
        // The contacts that bear the addresses are part of the same transaction.
        let now = writes.iter().map(|write| write.contact.updated_at).max().unwrap_or_default();
        for change in claims {
            let item = claims::item(account, &change.email_key, &change.to, now);
            let condition = claims::held_by(&change.from);
            transaction =
                transaction.put(operation, &self.contacts, item.clone(), Some(condition))?;
            wanted.push(item);
        }
        if wanted.is_empty() {
            return Ok(true);
        }
        match transaction.commit(operation, &self.contacts).await? {
            Transacted::Done => Ok(true),
            // All of it stands already: an earlier call did it and its answer got lost.
            Transacted::Refused(answers) => Ok(answers.len() == wanted.len()
                && answers.iter().zip(&wanted).all(|(answer, item)| match answer {
                    Answer::Refused(standing) => standing.as_ref() == Some(item),
                    Answer::Done(()) => false,
                })),
        }
    }
}
