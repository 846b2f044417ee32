//! Contacts for people: by address, by the beginning of an address or name, or all.

use contact_sync_domain::contact::{Contact, ContactField};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::AccountId;
use contact_sync_engine::port::{
    ContactPage, ContactQuery, ContactStore, SHARDS, StoreError, StoredContact,
};

use super::read;
use crate::item::{Item, name, text_of};
use crate::table::Query;
use crate::{DynamoStore, cursor, keys};

/// How many pages of up to 1 MB one call looks through before it answers what it found so far.
const PAGES: usize = 16;

/// The shard and the sort key after which a list goes on.
struct Position {
    shard: u8,
    after: Option<String>,
}

impl Position {
    fn parse(text: &str) -> Option<Self> {
        let (shard, after) = text.split_once(' ')?;
        let shard = shard.parse().ok().filter(|shard| *shard < SHARDS)?;
        match after {
            "" => Some(Self { shard, after: None }),
            after if after.starts_with(keys::CONTACT_PREFIX) => {
                Some(Self { shard, after: Some(after.to_owned()) })
            }
            _ => None,
        }
    }

    fn text(&self) -> String {
        format!("{} {}", self.shard, self.after.as_deref().unwrap_or_default())
    }
}

fn begins(text: &str, prefix: &str) -> bool {
    text.trim_start().to_lowercase().starts_with(prefix)
}

/// Whether a contact is meant. `prefix` is in lower case.
fn is_meant(contact: &Contact, query: &ContactQuery, prefix: Option<&str>) -> bool {
    const SEARCHED: [ContactField; 4] = [
        ContactField::Email,
        ContactField::DisplayName,
        ContactField::FirstName,
        ContactField::LastName,
    ];
    let named = |prefix: &str| {
        SEARCHED
            .iter()
            .filter_map(|field| contact.fields.get(field))
            .any(|value| begins(value, prefix))
    };
    query.source.is_none_or(|source| contact.source == source) && prefix.is_none_or(named)
}

impl DynamoStore {
    pub(super) async fn list_contacts(
        &self,
        account: &AccountId,
        query: &ContactQuery,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<ContactPage>, StoreError> {
        let prefix = query.prefix.as_deref().map(|prefix| prefix.trim().to_lowercase());
        let source = query.source.map(|source| format!("{source:?}")).unwrap_or_default();
        let email = query.email.as_deref().map(email_key);
        let list = [
            "contacts",
            account.as_str(),
            email.as_deref().unwrap_or_default(),
            prefix.as_deref().unwrap_or_default(),
            &source,
        ];
        let start = match cursor {
            None => Position { shard: 0, after: None },
            Some(cursor) => {
                match cursor::open(&list, cursor).as_deref().and_then(Position::parse) {
                    None => return Ok(None),
                    Some(position) => position,
                }
            }
        };
        let meant = |contact: &Contact| is_meant(contact, query, prefix.as_deref());
        // Where everybody is meant, no more is read than is shown.
        let page = (prefix.is_none() && query.source.is_none()).then_some(limit.max(1));
        if let Some(email) = email {
            let found = self.by_email(account, &email).await?;
            let contacts = found.into_iter().filter(|contact| meant(contact)).collect();
            return Ok(Some(ContactPage { contacts, cursor: None }));
        }
        let (contacts, next) =
            self.scan(account, start, (usize::from(limit.max(1)), page), meant).await?;
        Ok(Some(ContactPage {
            contacts,
            cursor: next.map(|position| cursor::seal(&list, &position.text())),
        }))
    }

    async fn by_email(
        &self,
        account: &AccountId,
        email: &str,
    ) -> Result<Option<Contact>, StoreError> {
        let owners = self.claim_owners(account, &[email.to_owned()]).await?;
        let Some(owner) = owners.into_iter().flatten().next() else { return Ok(None) };
        Ok(match self.get(account, &owner).await? {
            Some(StoredContact::Present(contact))
                if contact.email().is_some_and(|own| email_key(own) == email) =>
            {
                Some(*contact)
            }
            Some(StoredContact::Present(_) | StoredContact::Tombstone { .. }) | None => None,
        })
    }

    /// Goes through the shards until `limit` contacts are found or enough was read; `page`: how
    /// many items one query reads at most.
    async fn scan(
        &self,
        account: &AccountId,
        mut at: Position,
        (limit, page): (usize, Option<u16>),
        meant: impl Fn(&Contact) -> bool,
    ) -> Result<(Vec<Contact>, Option<Position>), StoreError> {
        let mut contacts = Vec::new();
        for _ in 0..PAGES + usize::from(SHARDS) {
            if at.shard >= SHARDS {
                return Ok((contacts, None));
            }
            let page = self
                .contacts
                .query(
                    "Query contacts",
                    Query {
                        partition: keys::contacts_partition(account, at.shard),
                        prefix: keys::CONTACT_PREFIX,
                        after: at.after.clone(),
                        limit: page,
                        strongly: true,
                        ..Query::default()
                    },
                )
                .await?;
            for item in &page.items {
                if let Some(contact) = present(item)?.filter(|contact| meant(contact)) {
                    contacts.push(contact);
                    if contacts.len() == limit {
                        let after = text_of(item, name::SK).map(str::to_owned);
                        return Ok((contacts, Some(Position { shard: at.shard, after })));
                    }
                }
            }
            at = match page.next {
                Some(next) => Position { shard: at.shard, after: Some(next) },
                None => Position { shard: at.shard + 1, after: None },
            };
        }
        Ok((contacts, (at.shard < SHARDS).then_some(at)))
    }
}

fn present(item: &Item) -> Result<Option<Contact>, StoreError> {
    Ok(match read(item)? {
        StoredContact::Present(contact) => Some(*contact),
        StoredContact::Tombstone { .. } => None,
    })
}
