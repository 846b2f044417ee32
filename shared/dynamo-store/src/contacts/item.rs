//! The compact form of a contact: one write unit is 1,024 bytes, names of attributes included.
//!
//! | attribute | holds |
//! |---|---|
//! | `v` | version |
//! | `f` | standard fields, by the letters below |
//! | `x` | custom fields, JSON text; absent when there are none |
//! | `m` | managed fields: the letters in order, a custom key in parentheses |
//! | `i` | present: inactive |
//! | `o` | present: of local origin |
//! | `g` | present: protected |
//! | `a` `b` | made, changed: nanoseconds |
//! | `c` | the connection that `sv` counts in, and of the link: 16 bytes |
//! | `u` `t` `n` `l` | linked user (16 bytes), its tenant (16 bytes), its UPN, where it stands |
//! | `k` | why the linked user is not meant any more, by a letter; absent while he is |
//! | `d` `e` | when what is planned may be done: nanoseconds; what it is, by a letter |
//! | `sv` `sg` `p` `r` `q` | source version, settings version, fingerprint, run and page (from 1 on) of the last sync write |
//! | `h` | present: to be welcomed when it was made |
//! | `j` | what sync had written where people put something else since, JSON text; absent as a rule |
//! | `y` | present: a person cut its tie |
//! | `w` | who wrote what: empty where the run in `r` wrote all that is managed and has a value; else for each writer 16 bytes, how long the rest is (2 bytes), targets as in `m` |
//!
//! A tombstone has `v`, `c`, `sv`, the `r` and `q` of its removal, and `z` where a person was erased.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use contact_sync_domain::contact::{
    Contact, ContactField, ContactSource, ContactStatus, Link, LinkState, SyncMark,
};
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, RunId, TenantId};
use contact_sync_domain::segment::Prior;
use contact_sync_engine::port::{IndexEntry, StoreError, StoredContact};
use jiff::Timestamp;

use crate::failure::corrupt;
use crate::item::{
    Item, bytes, bytes_of, expiry, instant, instant_of, missing, name, number, number_of, text,
    text_of,
};
use crate::keys;
use crate::table::Condition;

use letters::{
    action, action_letter, cause_letter, cause_of, field, letter, link_state, managed,
    state_letter, targets,
};

mod letters;
mod writers;

pub(crate) const CONTACT: &str = "contact";
pub(crate) const TOMBSTONE: &str = "tombstone";

/// What the index reads of each item.
pub(super) const INDEX: &str = "#sk, #c, #u, #t, #l, #k, #p, #sv, #z";

/// Contacts without a link, and those whose user left the directory.
pub(super) fn unlinked() -> Condition {
    let values =
        vec![(":kind", text(CONTACT)), (":removed", text(state_letter(LinkState::Removed)))];
    Condition::new("#kind = :kind AND (attribute_not_exists(#u) OR #l = :removed)", values)
}

/// Sixteen bytes for an id of ours.
fn own_bytes(id: &str) -> Option<[u8; 16]> {
    let (_, digits) = id.split_once('_')?;
    u128::from_str_radix(digits, 16).ok().map(u128::to_be_bytes)
}

pub(super) fn connection_bytes(id: &ConnectionId) -> AttributeValue {
    bytes(own_bytes(id.as_str()).unwrap_or_default())
}

fn bits(item: &Item, name: &str) -> Option<u128> {
    bytes_of(item, name).and_then(|bytes| bytes.try_into().ok()).map(u128::from_be_bytes)
}

/// A hexadecimal text in half its length where it is one, else as it is.
fn packed_hex(digits: &str) -> AttributeValue {
    let lower = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let pairs: Option<Vec<u8>> = (0..digits.len())
        .step_by(2)
        .map(|start| u8::from_str_radix(digits.get(start..start + 2)?, 16).ok())
        .collect();
    match pairs {
        Some(pairs) if lower && !pairs.is_empty() => bytes(pairs),
        Some(_) | None => text(digits),
    }
}

fn hex_of(item: &Item, name: &str) -> Option<String> {
    match (bytes_of(item, name), text_of(item, name)) {
        (Some(bytes), _) => {
            Some(bytes.iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}")))
        }
        (None, text) => text.map(str::to_owned),
    }
}

/// A contact's item. `owner`: the connection that the source version counts in, where the contact
/// has no link (any more) to say it.
pub(super) fn contact(
    contact: &Contact,
    owner: Option<&AttributeValue>,
) -> Result<Item, StoreError> {
    let mut item = keys::contact(&contact.account_id, &contact.id).attributes();
    let fields: HashMap<String, AttributeValue> =
        contact.fields.iter().map(|(field, value)| (letter(*field).into(), text(value))).collect();
    let mut set = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    set(name::KIND, text(CONTACT));
    set("v", number(contact.version));
    set("f", AttributeValue::M(fields));
    set("a", instant(contact.created_at));
    set("b", instant(contact.updated_at));
    if !contact.custom.is_empty() {
        set("x", text(serde_json::to_string(&contact.custom).map_err(corrupt(CONTACT))?));
    }
    if !contact.managed_fields.is_empty() {
        set("m", text(managed(&contact.managed_fields)));
    }
    if contact.status == ContactStatus::Inactive {
        set("i", AttributeValue::Bool(true));
    }
    if contact.source == ContactSource::Local {
        set("o", AttributeValue::Bool(true));
    }
    if contact.protected {
        set("g", AttributeValue::Bool(true));
    }
    if let Some(link) = &contact.link {
        set("c", connection_bytes(&link.connection_id));
        set("u", bytes(link.object_id.as_u128().to_be_bytes()));
        set("t", bytes(link.tenant_id.as_u128().to_be_bytes()));
        set("l", text(state_letter(link.state)));
        if let Some(upn) = &link.user_principal_name {
            set("n", text(upn));
        }
        if let Some(acts_at) = link.acts_at {
            set("d", instant(acts_at));
        }
        if let Some(planned) = link.planned {
            set("e", text(action_letter(planned)));
        }
        if let Some(cause) = link.cause {
            set("k", text(cause_letter(cause)));
        }
    } else if let Some(owner) = owner {
        set("c", owner.clone());
    }
    if let Some(mark) = &contact.sync {
        set("sv", number(mark.source_version));
        set("sg", number(mark.settings_version));
        if let Some(fingerprint) = &mark.fingerprint {
            set("p", packed_hex(fingerprint));
        }
        let run = RunId::parse(&mark.run).ok().and_then(|run| own_bytes(run.as_str()));
        set("r", run.map_or_else(|| text(&mark.run), bytes));
        if mark.page > 0 {
            set("q", number(mark.page));
        }
        if mark.welcome {
            set("h", AttributeValue::Bool(true));
        }
        if mark.untied_by_hand {
            set("y", AttributeValue::Bool(true));
        }
        if !mark.replaced.is_empty() {
            set("j", text(serde_json::to_string(&mark.replaced).map_err(corrupt(CONTACT))?));
        }
    }
    if !contact.written.is_empty() {
        set("w", bytes(writers::packed(contact)));
    }
    Ok(item)
}

/// What a tombstone says.
pub(super) struct Tombstone<'a> {
    pub(super) version: u64,
    pub(super) source_version: u64,
    /// The connection that the source version counts in.
    pub(super) owner: Option<AttributeValue>,
    pub(super) expires_at: Timestamp,
    /// The page of sync that removed the contact.
    pub(super) by: Option<&'a Prior>,
}

impl Tombstone<'_> {
    /// Its item.
    pub(super) fn item(self, account: &AccountId, id: &ContactId) -> Item {
        let mut item = keys::contact(account, id).attributes();
        item.insert(name::KIND.to_owned(), text(TOMBSTONE));
        item.insert("v".to_owned(), number(self.version));
        item.insert("sv".to_owned(), number(self.source_version));
        item.insert(name::EXPIRES_AT.to_owned(), expiry(self.expires_at));
        if let Some(owner) = self.owner {
            item.insert("c".to_owned(), owner);
        }
        if let Some(by) = self.by {
            item.insert("r".to_owned(), bytes(by.run.to_bits().to_be_bytes()));
            item.insert("q".to_owned(), number(by.page));
        }
        item
    }
}

fn key_of(item: &Item) -> Option<(AccountId, ContactId)> {
    let account = text_of(item, name::PK)?.split('#').nth(1)?;
    let id = text_of(item, name::SK)?.strip_prefix(keys::CONTACT_PREFIX)?;
    Some((AccountId::parse(account).ok()?, ContactId::parse(id).ok()?))
}

/// What an item under a contact's key says.
pub(crate) fn read(item: &Item) -> Result<StoredContact, StoreError> {
    let version = number_of(item, "v").ok_or_else(|| missing(CONTACT, "v"))?;
    if text_of(item, name::KIND) == Some(TOMBSTONE) {
        let erased = item.contains_key("z");
        let expires_at = number_of(item, name::EXPIRES_AT)
            .and_then(|second| Timestamp::from_second(second).ok())
            .or_else(|| erased.then_some(Timestamp::MAX))
            .ok_or_else(|| missing(TOMBSTONE, name::EXPIRES_AT))?;
        let run = bits(item, "r").map(RunId::from_bits);
        return Ok(StoredContact::Tombstone {
            version,
            source_version: number_of(item, "sv").unwrap_or_default(),
            connection_id: bits(item, "c").map(ConnectionId::from_bits),
            expires_at,
            by: run.map(|run| Prior { run, page: number_of(item, "q").unwrap_or_default() }),
            erased,
        });
    }
    let (account_id, id) = key_of(item).ok_or_else(|| missing(CONTACT, name::SK))?;
    let custom = text_of(item, "x").map(serde_json::from_str).transpose();
    let managed_fields = targets(text_of(item, "m").unwrap_or_default());
    let mut contact = Contact {
        id,
        account_id,
        version,
        status: if item.contains_key("i") {
            ContactStatus::Inactive
        } else {
            ContactStatus::Active
        },
        source: if item.contains_key("o") { ContactSource::Local } else { ContactSource::Entra },
        fields: fields(item),
        custom: custom.map_err(corrupt(CONTACT))?.unwrap_or_default(),
        written: Vec::new(),
        managed_fields: managed_fields.ok_or_else(|| missing(CONTACT, "m"))?,
        protected: item.contains_key("g"),
        link: link(item)?,
        sync: sync_mark(item),
        created_at: instant_of(item, "a").ok_or_else(|| missing(CONTACT, "a"))?,
        updated_at: instant_of(item, "b").ok_or_else(|| missing(CONTACT, "b"))?,
    };
    if let Some(packed) = bytes_of(item, "w") {
        contact.written = writers::of(packed, &contact);
    }
    Ok(StoredContact::Present(Box::new(contact)))
}

/// A field whose letter this version does not know is left out.
fn fields(item: &Item) -> BTreeMap<ContactField, String> {
    let stored = item.get("f").and_then(|value| value.as_m().ok());
    stored
        .into_iter()
        .flatten()
        .filter_map(|(code, value)| {
            Some((field(code.chars().next()?)?, value.as_s().ok()?.clone()))
        })
        .collect()
}

fn link(item: &Item) -> Result<Option<Link>, StoreError> {
    if !item.contains_key("u") {
        return Ok(None);
    }
    let entry = || {
        Some(Link {
            connection_id: ConnectionId::from_bits(bits(item, "c")?),
            tenant_id: TenantId::from_u128(bits(item, "t")?),
            object_id: ObjectId::from_u128(bits(item, "u")?),
            user_principal_name: text_of(item, "n").map(str::to_owned),
            state: link_state(text_of(item, "l")?)?,
            acts_at: instant_of(item, "d"),
            planned: text_of(item, "e").and_then(action),
            cause: text_of(item, "k").and_then(cause_of),
        })
    };
    entry().map(Some).ok_or_else(|| missing(CONTACT, "c"))
}

fn sync_mark(item: &Item) -> Option<SyncMark> {
    if text_of(item, name::KIND) == Some(TOMBSTONE) {
        return None;
    }
    Some(SyncMark {
        source_version: number_of(item, "sv")?,
        settings_version: number_of(item, "sg").unwrap_or_default(),
        fingerprint: hex_of(item, "p"),
        run: match bits(item, "r") {
            Some(run) => RunId::from_bits(run).to_string(),
            None => text_of(item, "r").unwrap_or_default().to_owned(),
        },
        page: number_of(item, "q").unwrap_or_default(),
        welcome: item.contains_key("h"),
        // What cannot be read is forgotten: sync writes over the edit, as it does where fields are locked.
        replaced: text_of(item, "j")
            .and_then(|replaced| serde_json::from_str(replaced).ok())
            .unwrap_or_default(),
        untied_by_hand: item.contains_key("y"),
    })
}

/// The contact of a person who was forgotten.
pub(super) fn erased(item: &Item) -> Option<ContactId> {
    let id = text_of(item, name::SK)?.strip_prefix(keys::CONTACT_PREFIX)?;
    item.contains_key("z").then(|| ContactId::parse(id).ok())?
}

/// The index's entry of an item; `None` for a tombstone and for a contact without a link.
pub(super) fn index_entry(item: &Item) -> Option<IndexEntry> {
    let id = text_of(item, name::SK)?.strip_prefix(keys::CONTACT_PREFIX)?;
    Some(IndexEntry {
        contact_id: ContactId::parse(id).ok()?,
        tenant_id: TenantId::from_u128(bits(item, "t")?),
        object_id: ObjectId::from_u128(bits(item, "u")?),
        connection_id: ConnectionId::from_bits(bits(item, "c")?),
        link_state: link_state(text_of(item, "l")?)?,
        cause: text_of(item, "k").and_then(cause_of),
        fingerprint: hex_of(item, "p").and_then(|digits| u128::from_str_radix(&digits, 16).ok()),
        source_version: number_of(item, "sv").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
