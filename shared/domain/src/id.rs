//! Identities, each its own type so that one cannot stand in for another.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Why a text is not an identity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// Not the 8-4-4-4-12 hexadecimal form that Entra uses.
    #[error("not a GUID of the form 00000000-0000-0000-0000-000000000000")]
    NotAGuid,
    /// Not one of our own ids: wrong prefix, length or alphabet.
    #[error("not an id of the form {prefix}_…")]
    NotOurs {
        /// The prefix such an id has.
        prefix: &'static str,
    },
}

macro_rules! guid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads a GUID; upper case becomes lower case, so that equal ids are equal texts.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let guid = text.trim().to_ascii_lowercase();
                if is_guid(&guid) { Ok(Self(guid)) } else { Err(IdError::NotAGuid) }
            }

            /// The lower-case text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The 128 bits, for compact sets.
            pub fn as_u128(&self) -> u128 {
                self.0
                    .bytes()
                    .filter_map(|byte| char::from(byte).to_digit(16))
                    .fold(0, |value, digit| (value << 4) | u128::from(digit))
            }

            /// The id with these 128 bits.
            pub fn from_u128(bits: u128) -> Self {
                let hex = format!("{bits:032x}");
                let (a, rest) = hex.split_at(8);
                let (b, rest) = rest.split_at(4);
                let (c, rest) = rest.split_at(4);
                let (d, e) = rest.split_at(4);
                Self(format!("{a}-{b}-{c}-{d}-{e}"))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

guid_id! {
    /// An Entra tenant: the directory's GUID (`tid`).
    TenantId
}
guid_id! {
    /// An Entra object (user or group): immutable, the only safe key (Graph: `id`).
    ObjectId
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

macro_rules! own_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every such id begins with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id from 128 bits that the caller drew (random, or time-ordered for runs).
            pub fn from_bits(bits: u128) -> Self {
                Self(format!(concat!($prefix, "_{:032x}"), bits))
            }

            /// Reads an id.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let wrong = IdError::NotOurs { prefix: $prefix };
                let rest = text
                    .strip_prefix(concat!($prefix, "_"))
                    .ok_or_else(|| wrong.clone())?;
                let valid = rest.len() == 32
                    && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                if valid { Ok(Self(text.to_owned())) } else { Err(wrong) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The 128 bits, for compact sets.
            pub fn to_bits(&self) -> u128 {
                let hex = self.0.get(Self::PREFIX.len() + 1..).unwrap_or_default();
                u128::from_str_radix(hex, 16).unwrap_or_default()
            }

            /// Which of `shards` equal parts this id falls into, by its hash.
            pub fn shard(&self, shards: u8) -> u8 {
                shard_of(&self.0, shards)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

own_id! {
    /// A customer of the host product; the partition of all state.
    AccountId, "acc"
}
own_id! {
    /// An account's tie to one Entra tenant.
    ConnectionId, "con"
}
own_id! {
    /// One pass; time-ordered bits make ids sort by start.
    RunId, "run"
}
own_id! {
    /// The host product's person record.
    ContactId, "ctc"
}
own_id! {
    /// A team of an account.
    TeamId, "team"
}
own_id! {
    /// Something that a person did to a contact; ids sort by when.
    HistoryId, "his"
}
own_id! {
    /// The forgetting of one person; one for each contact.
    ErasureId, "ers"
}
own_id! {
    /// Our own key of a Graph subscription, carried in its notification URL (`?s=`).
    SubscriptionKey, "sub"
}

own_id! {
    /// A decision that waits for a person; its connection asks once about each user.
    ReviewId, "rev"
}
own_id! {
    /// What people are told once; time-ordered bits make ids sort by when it was raised.
    NoticeId, "ntc"
}

impl ReviewId {
    /// The id of whatever is asked about this user.
    pub fn of(user: &ObjectId) -> Self {
        Self::from_bits(user.as_u128())
    }

    /// About whom.
    pub fn user(&self) -> ObjectId {
        ObjectId::from_u128(self.to_bits())
    }
}

impl RunId {
    /// An id that stands in this run for the user whose contact that was, and names nobody.
    pub fn standing_for(&self, contact: &ContactId) -> ObjectId {
        let digest = Sha256::new()
            .chain_update(self.as_str())
            .chain_update([0])
            .chain_update(contact.as_str())
            .finalize();
        ObjectId::from_u128(leading_bits(&digest))
    }
}

impl ContactId {
    /// The id of a contact that sync creates: the same person gets the same id again after a
    /// reconnect, and no link item is needed to find it.
    pub fn derived(account: &AccountId, tenant: &TenantId, user: &ObjectId) -> Self {
        let digest = Sha256::new()
            .chain_update(account.as_str())
            .chain_update([0])
            .chain_update(tenant.as_str())
            .chain_update([0])
            .chain_update(user.as_str())
            .finalize();
        Self::from_bits(leading_bits(&digest))
    }

    /// The id under which a forgotten user is kept from getting a contact where his own id is
    /// another contact's; no contact ever has it.
    pub fn barring(account: &AccountId, tenant: &TenantId, user: &ObjectId) -> Self {
        let digest = Sha256::new()
            .chain_update("barred")
            .chain_update([0])
            .chain_update(Self::derived(account, tenant, user).as_str())
            .finalize();
        Self::from_bits(leading_bits(&digest))
    }
}

/// Which of `shards` equal parts a key falls into, by its hash.
pub fn shard_of(key: &str, shards: u8) -> u8 {
    let digest = Sha256::digest(key.as_bytes());
    digest.first().copied().unwrap_or_default() % shards.max(1)
}

/// The first 128 bits of a digest.
pub(crate) fn leading_bits(digest: &[u8]) -> u128 {
    digest.iter().take(16).fold(0, |bits, byte| (bits << 8) | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_the_same_id_in_either_case_and_through_its_bits() {
        let id = ObjectId::parse(" 8F0C1B1E-0000-4000-8000-00000000000A ").unwrap();
        assert_eq!(id.as_str(), "8f0c1b1e-0000-4000-8000-00000000000a");
        assert_eq!(ObjectId::from_u128(id.as_u128()), id);
    }

    #[test]
    fn what_is_no_guid_is_refused() {
        for text in [
            "",
            "contoso.com",
            "8f0c1b1e00004000800000000000000a",
            "8f0c1b1e-0000-4000-8000-00000000000g",
        ] {
            assert_eq!(TenantId::parse(text), Err(IdError::NotAGuid), "{text}");
        }
    }

    #[test]
    fn a_person_gets_the_same_contact_again_and_never_another_tenants() {
        let account = AccountId::from_bits(1);
        let (one, two) = (TenantId::from_u128(1), TenantId::from_u128(2));
        let user = ObjectId::from_u128(7);
        assert_eq!(
            ContactId::derived(&account, &one, &user),
            ContactId::derived(&account, &one, &user)
        );
        assert_ne!(
            ContactId::derived(&account, &one, &user),
            ContactId::derived(&account, &two, &user)
        );
    }

    #[test]
    fn an_id_survives_its_bits() {
        let id = ContactId::from_bits(u128::MAX - 5);
        assert_eq!(ContactId::from_bits(id.to_bits()), id);
    }

    #[test]
    fn ids_of_one_kind_are_refused_as_another() {
        let run = RunId::from_bits(9);
        assert_eq!(ContactId::parse(run.as_str()), Err(IdError::NotOurs { prefix: "ctc" }));
    }
}
