//! Items and attributes.

use std::collections::HashMap;
use std::fmt::Display;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use contact_sync_engine::port::StoreError;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::aws_sdk_dynamodb_1::{from_attribute_value, to_attribute_value};

use crate::failure::{Defect, corrupt};
use crate::keys::Key;

/// An item's attributes by name.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Attribute names that more than one kind of item has.
pub(crate) mod name {
    /// Partition key.
    pub(crate) const PK: &str = "pk";
    /// Sort key.
    pub(crate) const SK: &str = "sk";
    /// What the item is; the stream's reader tells items apart by it.
    pub(crate) const KIND: &str = "kind";
    /// The whole domain object, as a map.
    pub(crate) const DOCUMENT: &str = "doc";
    /// When DynamoDB may delete the item, in seconds.
    pub(crate) const EXPIRES_AT: &str = "expiresAt";
}

/// A text.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number.
pub(crate) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Bytes.
pub(crate) fn bytes(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// An instant, to the nanosecond.
pub(crate) fn instant(value: Timestamp) -> AttributeValue {
    number(value.as_nanosecond())
}

/// When DynamoDB may delete an item: the first whole second after the instant.
pub(crate) fn expiry(value: Timestamp) -> AttributeValue {
    number(value.as_second().saturating_add(1))
}

/// An item that holds a domain object whole.
pub(crate) fn document<T: Serialize>(
    key: &Key,
    kind: &'static str,
    value: &T,
) -> Result<Item, StoreError> {
    let mut item = key.attributes();
    item.insert(name::KIND.to_owned(), text(kind));
    item.insert(name::DOCUMENT.to_owned(), to_map(kind, value)?);
    Ok(item)
}

/// The domain object of such an item.
pub(crate) fn read_document<T: DeserializeOwned>(
    kind: &'static str,
    mut item: Item,
) -> Result<T, StoreError> {
    let document = item.remove(name::DOCUMENT).ok_or_else(|| missing(kind, name::DOCUMENT))?;
    from_map(kind, document)
}

/// A value as an attribute.
pub(crate) fn to_map<T: Serialize>(
    kind: &'static str,
    value: &T,
) -> Result<AttributeValue, StoreError> {
    to_attribute_value(value).map_err(corrupt(kind))
}

/// An attribute as a value.
pub(crate) fn from_map<T: DeserializeOwned>(
    kind: &'static str,
    value: AttributeValue,
) -> Result<T, StoreError> {
    from_attribute_value(value).map_err(corrupt(kind))
}

/// The text of an attribute.
pub(crate) fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// The number of an attribute.
pub(crate) fn number_of<N: std::str::FromStr>(item: &Item, name: &str) -> Option<N> {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|digits| digits.parse().ok())
}

/// The bytes of an attribute.
pub(crate) fn bytes_of<'a>(item: &'a Item, name: &str) -> Option<&'a [u8]> {
    item.get(name).and_then(|value| value.as_b().ok()).map(AsRef::as_ref)
}

/// The instant of an attribute.
pub(crate) fn instant_of(item: &Item, name: &str) -> Option<Timestamp> {
    number_of::<i128>(item, name).and_then(|nanosecond| Timestamp::from_nanosecond(nanosecond).ok())
}

/// An item lacks what it must have.
pub(crate) fn missing(kind: &'static str, attribute: &'static str) -> StoreError {
    corrupt(kind)(Defect::Attribute(attribute))
}
