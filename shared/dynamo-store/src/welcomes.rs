//! Who was welcomed, and with which words.

use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::welcome::{Welcome, WelcomeState, WelcomeTemplate};
use contact_sync_engine::port::{
    StoreError, WelcomeClaim, WelcomeFilter, WelcomePage, WelcomeStore,
};

use crate::failure::{Answer, Defect, unavailable};
use crate::item::{Item, document, instant, name, number, read_document, text};
use crate::keys::Key;
use crate::table::{Condition, Query};
use crate::transaction::Transaction;
use crate::{DynamoStore, cursor, stands};

const WELCOME: &str = "welcome";
const TEMPLATE: &str = "welcomeTemplate";
const ADDRESS: &str = "welcomedAddress";

/// Whose an address is; absent once the person was forgotten.
const CONTACT: &str = "contact";
/// How far a welcome came, and since when: what lists are narrowed by.
const STATE: &str = "state";
const SINCE: &str = "since";

const CONTACT_PREFIX: &str = "CONTACT#";

/// How often a page is filled up where few welcomes are meant; a caller goes on by its cursor.
const QUERIES: usize = 8;

/// How often a welcome that others change meanwhile is read again.
const ATTEMPTS: u32 = 5;

/// An account's template, welcomes and welcomed addresses.
pub(crate) fn partition(account: &AccountId) -> String {
    format!("WELCOMED#{account}")
}

fn template_key(account: &AccountId) -> Key {
    Key { pk: partition(account), sk: "TEMPLATE".to_owned() }
}

fn welcome_key(account: &AccountId, contact: &ContactId) -> Key {
    Key { pk: partition(account), sk: format!("{CONTACT_PREFIX}{contact}") }
}

fn address_key(account: &AccountId, digest: &str) -> Key {
    Key { pk: partition(account), sk: format!("ADDRESS#{digest}") }
}

fn state(of: WelcomeState) -> &'static str {
    match of {
        WelcomeState::Claimed => "claimed",
        WelcomeState::Sent => "sent",
        WelcomeState::Failed => "failed",
    }
}

fn welcome_item(welcome: &Welcome) -> Result<Item, StoreError> {
    let key = welcome_key(&welcome.account_id, &welcome.contact_id);
    let mut item = document(&key, WELCOME, welcome)?;
    item.insert(STATE.to_owned(), text(state(welcome.state)));
    item.insert(SINCE.to_owned(), instant(welcome.at));
    Ok(item)
}

fn address_item(key: &Key, contact: Option<&ContactId>) -> Item {
    let mut item = key.attributes();
    item.insert(name::KIND.to_owned(), text(ADDRESS));
    if let Some(contact) = contact {
        item.insert(CONTACT.to_owned(), text(contact.as_str()));
    }
    item
}

/// A document of the version before, or none before the first.
fn over(version: u64) -> Condition {
    match version {
        0 | 1 => Condition::absent(),
        later => Condition::new("#doc.#version = :before", vec![(":before", number(later - 1))]),
    }
}

impl WelcomeStore for DynamoStore {
    async fn welcome_template(
        &self,
        account: &AccountId,
    ) -> Result<Option<WelcomeTemplate>, StoreError> {
        let found = self.state.get("GetItem welcome template", &template_key(account)).await?;
        found.map(|item| read_document(TEMPLATE, item)).transpose()
    }

    async fn put_welcome_template(
        &self,
        account: &AccountId,
        template: &WelcomeTemplate,
    ) -> Result<bool, StoreError> {
        let item = document(&template_key(account), TEMPLATE, template)?;
        let before = over(template.version);
        let answer = self.state.put_if("PutItem welcome template", item, before).await?;
        stands(TEMPLATE, answer, template)
    }

    async fn welcome(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<Option<Welcome>, StoreError> {
        let found = self.state.get("GetItem welcome", &welcome_key(account, contact)).await?;
        found.map(|item| read_document(WELCOME, item)).transpose()
    }

    async fn claim_welcome(&self, welcome: &Welcome) -> Result<WelcomeClaim, StoreError> {
        let operation = "TransactWriteItems welcome";
        let digest = welcome.address.as_deref().unwrap_or_default();
        let address = address_key(&welcome.account_id, digest);
        let contact = &welcome.contact_id;
        let ours = Condition::new(
            "attribute_not_exists(#pk) OR #contact = :contact",
            vec![(":contact", text(contact.as_str()))],
        );
        let transacted = Transaction::new()
            .put(operation, &self.state, welcome_item(welcome)?, Some(over(welcome.version)))?
            .put(operation, &self.state, address_item(&address, Some(contact)), Some(ours))?
            .commit(operation, &self.state)
            .await?;
        let (standing, taken) = (transacted.standing(0), transacted.standing(1));
        Ok(match (standing, taken) {
            (None, None) if transacted.is_done() => WelcomeClaim::Ours,
            (_, Some(_)) => WelcomeClaim::AddressWelcomed,
            // The very same attempt: an earlier call did it and its answer got lost.
            (Some(standing), None)
                if read_document::<Welcome>(WELCOME, standing.clone())? == *welcome =>
            {
                WelcomeClaim::Ours
            }
            (Some(_) | None, None) => WelcomeClaim::Theirs,
        })
    }

    async fn settle_welcome(&self, welcome: &Welcome) -> Result<bool, StoreError> {
        let item = welcome_item(welcome)?;
        let answer = self.state.put_if("PutItem welcome", item, over(welcome.version)).await?;
        stands(WELCOME, answer, welcome)
    }

    async fn welcomes(
        &self,
        account: &AccountId,
        filter: &WelcomeFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<WelcomePage>, StoreError> {
        let this = ["welcomes", account.as_str(), state(filter.state)];
        let mut after = match cursor {
            None => None,
            Some(cursor) => match cursor::open(&this, cursor) {
                None => return Ok(None),
                after => after,
            },
        };
        let limit = usize::from(limit.max(1));
        let mut welcomes = Vec::new();
        for _ in 0..QUERIES {
            let query = Query {
                partition: partition(account),
                prefix: CONTACT_PREFIX,
                after,
                strongly: true,
                only: Some(Condition::new(
                    "#state = :state AND #since <= :until",
                    vec![(":state", text(state(filter.state))), (":until", instant(filter.until))],
                )),
                ..Query::default()
            };
            let page = self.state.query("Query welcomes", query).await?;
            after = page.next;
            for item in page.items {
                let sk = Key::of(&item).map(|key| key.sk);
                welcomes.push(read_document(WELCOME, item)?);
                if welcomes.len() == limit {
                    after = sk;
                    break;
                }
            }
            if after.is_none() || welcomes.len() >= limit {
                break;
            }
        }
        let cursor = after.map(|sk| cursor::seal(&this, &sk));
        Ok(Some(WelcomePage { welcomes, cursor }))
    }

    async fn forget_welcome(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS {
            let Some(was) = self.welcome(account, contact).await? else { return Ok(false) };
            let mut kept = was.clone();
            kept.forget();
            if kept == was {
                return Ok(false);
            }
            // The address first: only the welcome leads to it.
            if let Some(digest) = &was.address {
                let key = address_key(account, digest);
                self.state.put("PutItem welcomed address", address_item(&key, None)).await?;
            }
            let item = welcome_item(&kept)?;
            let before = over(kept.version);
            match self.state.put_if("PutItem welcome", item, before).await? {
                Answer::Done(()) => return Ok(true),
                Answer::Refused(_) => {}
            }
        }
        Err(unavailable("PutItem welcome")(Defect::Contended))
    }
}
