//! E-mail claims: an address is one contact's within its account.

use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_engine::port::{
    CLAIM_STANDS, ClaimOutcome, ContactStore, StoreError, StoredContact,
};
use jiff::Timestamp;

use crate::failure::{Answer, Defect, corrupt, unavailable};
use crate::item::{Item, instant, instant_of, missing, name, text, text_of};
use crate::table::Condition;
use crate::{DynamoStore, keys};

const KIND: &str = "claim";

/// Whose the address (or the user, for adoptions) is.
pub(super) const OWNER: &str = "o";

/// When it was claimed.
const AT: &str = "at";

/// How often a claim that changes hands under our eyes is looked at again.
const ATTEMPTS: usize = 4;

pub(super) fn owner(item: &Item) -> Result<ContactId, StoreError> {
    let id = text_of(item, OWNER).ok_or_else(|| missing(KIND, OWNER))?;
    ContactId::parse(id).map_err(corrupt(KIND))
}

/// The item of a claim.
pub(super) fn item(
    account: &AccountId,
    email_key: &str,
    contact: &ContactId,
    now: Timestamp,
) -> Item {
    let mut item = keys::claim(account, email_key).attributes();
    item.insert(name::KIND.to_owned(), text(KIND));
    item.insert(OWNER.to_owned(), text(contact.as_str()));
    item.insert(AT.to_owned(), instant(now));
    item
}

/// The claim is this contact's.
pub(super) fn held_by(contact: &ContactId) -> Condition {
    Condition::new("#o = :owner", vec![(":owner", text(contact.as_str()))])
}

/// The claim is as it was read: claiming again makes it another one.
fn unchanged(claim: &Item, holder: &ContactId) -> Condition {
    match claim.get(AT) {
        Some(at) => Condition::new(
            "#o = :owner AND #at = :at",
            vec![(":owner", text(holder.as_str())), (":at", at.clone())],
        ),
        None => Condition::new(
            "#o = :owner AND attribute_not_exists(#at)",
            vec![(":owner", text(holder.as_str()))],
        ),
    }
}

impl DynamoStore {
    pub(super) async fn claim_owners(
        &self,
        account: &AccountId,
        email_keys: &[String],
    ) -> Result<Vec<Option<ContactId>>, StoreError> {
        let keys: Vec<_> = email_keys.iter().map(|key| keys::claim(account, key)).collect();
        let found = self.contacts.get_all("BatchGetItem claims", keys.iter().cloned()).await?;
        keys.iter().map(|key| found.get(key).map(owner).transpose()).collect()
    }

    pub(super) async fn claim_email(
        &self,
        account: &AccountId,
        email_key: &str,
        contact: &ContactId,
        now: Timestamp,
    ) -> Result<ClaimOutcome, StoreError> {
        let operation = "PutItem claim";
        let ours = item(account, email_key, contact, now);
        let mut free = Condition::new(
            "attribute_not_exists(#pk) OR #o = :owner",
            vec![(":owner", text(contact.as_str()))],
        );
        for _ in 0..ATTEMPTS {
            let standing = match self.contacts.put_if(operation, ours.clone(), free).await? {
                Answer::Done(()) => return Ok(ClaimOutcome::Claimed),
                Answer::Refused(Some(standing)) => standing,
                // It was given up between the check and the answer.
                Answer::Refused(None) => {
                    free = Condition::absent();
                    continue;
                }
            };
            let holder = owner(&standing)?;
            if holder == *contact {
                // Between two attempts it became ours.
                free = held_by(contact);
                continue;
            }
            let is_young =
                instant_of(&standing, AT).is_some_and(|at| now.duration_since(at) < CLAIM_STANDS);
            if is_young || self.bears(account, &holder, email_key).await? {
                return Ok(ClaimOutcome::TakenBy(holder));
            }
            free = unchanged(&standing, &holder);
        }
        Err(unavailable(operation)(Defect::Contended))
    }

    /// Whether a contact has the address, on a strong read.
    async fn bears(
        &self,
        account: &AccountId,
        contact: &ContactId,
        wanted: &str,
    ) -> Result<bool, StoreError> {
        Ok(match self.get(account, contact).await {
            Ok(Some(StoredContact::Present(contact))) => {
                contact.email().is_some_and(|email| email_key(email) == wanted)
            }
            Ok(Some(StoredContact::Tombstone { .. }) | None) => false,
            // Who cannot be read may bear it.
            Err(StoreError::Corrupt { .. }) => true,
            Err(error) => return Err(error),
        })
    }

    pub(super) async fn release_email(
        &self,
        account: &AccountId,
        email_key: &str,
        contact: &ContactId,
    ) -> Result<(), StoreError> {
        let key = keys::claim(account, email_key);
        self.contacts.delete_if("DeleteItem claim", &key, held_by(contact)).await
    }
}
