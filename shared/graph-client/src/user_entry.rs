//! A user entry of a page: a person, a tombstone, or somebody whose data is hidden from us.

use std::fmt;

use contact_sync_domain::directory::{DeltaEntry, DirectoryUser, RemovedReason, UserSelection};
use contact_sync_domain::id::ObjectId;
use contact_sync_engine::port::DirectoryError;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::call::Unusable;

/// A user entry as it came: a person, or a tombstone.
#[derive(Debug, PartialEq)]
pub(crate) struct WireUser {
    pub(crate) user: DirectoryUser,
    pub(crate) removed: Option<RemovedReason>,
}

impl WireUser {
    /// Graph hides everything but the id of objects whose type we may not read, with status 200:
    /// copying that would empty the contact. No user lacks both names.
    fn is_hidden(&self) -> bool {
        let absent = |name| self.user.attributes.get(name).is_none_or(Value::is_null);
        absent("userPrincipalName") && absent("displayName")
    }
}

/// Which member of an entry comes next.
enum Member {
    Id,
    Removed,
    /// `@odata.…`, `manager@delta`: about the entry, not of the person.
    Annotation,
    /// Whom an expansion tells.
    Manager,
    Attribute(String),
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Member;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a member's name")
            }
            fn visit_str<E>(self, name: &str) -> Result<Member, E> {
                Ok(match name {
                    "id" => Member::Id,
                    "@removed" => Member::Removed,
                    "manager" => Member::Manager,
                    _ if name.contains('@') => Member::Annotation,
                    _ => Member::Attribute(name.to_owned()),
                })
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// Another object, as an expansion shows it.
#[derive(Deserialize)]
struct Related {
    id: ObjectId,
}

#[derive(Deserialize)]
struct Removed {
    #[serde(default)]
    reason: Option<String>,
}

impl Removed {
    fn reason(self) -> RemovedReason {
        match self.reason.as_deref() {
            Some("changed") => RemovedReason::SoftDeleted,
            Some(_) | None => RemovedReason::Purged,
        }
    }
}

impl<'de> Deserialize<'de> for WireUser {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry;
        impl<'de> Visitor<'de> for Entry {
            type Value = WireUser;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a user")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<WireUser, A::Error> {
                let mut id: Option<ObjectId> = None;
                let mut removed = None;
                let mut attributes = Map::new();
                let mut manager = None;
                while let Some(member) = members.next_key()? {
                    match member {
                        Member::Id => id = Some(members.next_value()?),
                        Member::Removed => {
                            removed = Some(members.next_value::<Removed>()?.reason());
                        }
                        Member::Annotation => {
                            members.next_value::<IgnoredAny>()?;
                        }
                        Member::Manager => {
                            manager = members.next_value::<Option<Related>>()?;
                        }
                        Member::Attribute(name) => {
                            attributes.insert(name, members.next_value()?);
                        }
                    }
                }
                let id = id.ok_or_else(|| serde::de::Error::missing_field("id"))?;
                let mut user = DirectoryUser { id, attributes };
                if let Some(Related { id }) = manager {
                    user.tell_manager(Some(&id));
                }
                Ok(WireUser { user, removed })
            }
        }
        deserializer.deserialize_map(Entry)
    }
}

fn hidden(what: &'static str) -> Unusable {
    Unusable::Final(DirectoryError::Forbidden { what, code: "limited-information".into() })
}

/// The people of a full read: none hidden, none without what decides about them.
pub(crate) fn people(
    what: &'static str,
    entries: Vec<WireUser>,
) -> Result<Vec<DirectoryUser>, Unusable> {
    let mut users = Vec::with_capacity(entries.len());
    for entry in entries {
        // A listing has no tombstones; one in it is nobody to sync.
        if entry.removed.is_some() {
            continue;
        }
        if entry.is_hidden() {
            return Err(hidden(what));
        }
        // Without it everybody would look enabled.
        if !entry.user.attributes.contains_key("accountEnabled") {
            return Err(Unusable::Broken("a user without the selected attributes", None));
        }
        users.push(entry.user);
    }
    Ok(users)
}

/// Whom an expansion of the manager did not show has none.
pub(crate) fn with_managers(
    select: &UserSelection,
    mut users: Vec<DirectoryUser>,
) -> Vec<DirectoryUser> {
    if select.has_manager() {
        for user in users.iter_mut().filter(|user| user.manager().is_none()) {
            user.tell_manager(None);
        }
    }
    users
}

/// The entries of a delta page, tombstones recognised first.
pub(crate) fn changes(
    what: &'static str,
    entries: Vec<WireUser>,
) -> Result<Vec<DeltaEntry>, Unusable> {
    let mut changes = Vec::with_capacity(entries.len());
    for entry in entries {
        changes.push(match entry.removed {
            Some(reason) => DeltaEntry::Removed { id: entry.user.id, reason },
            // An update may leave names out, but never nulls both.
            None if entry.is_hidden() && entry.user.attributes.contains_key("displayName") => {
                return Err(hidden(what));
            }
            None => DeltaEntry::Changed(entry.user),
        });
    }
    Ok(changes)
}

/// Who is there, and who is in the recycle bin.
pub(crate) fn split(
    what: &'static str,
    entries: Vec<WireUser>,
) -> Result<(Vec<DirectoryUser>, Vec<ObjectId>), Unusable> {
    let mut deleted = Vec::new();
    let mut alive = Vec::with_capacity(entries.len());
    for mut entry in entries {
        let deleted_at = entry.user.attributes.remove("deletedDateTime");
        if entry.removed.is_some() || deleted_at.is_some_and(|at| !at.is_null()) {
            deleted.push(entry.user.id);
        } else {
            alive.push(entry);
        }
    }
    Ok((people(what, alive)?, deleted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "8f0c1b1e-0000-4000-8000-000000000001";

    fn entry(value: Value) -> WireUser {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_tombstone_is_seen_before_its_empty_fields() {
        for (reason, expected) in [
            (json!({"reason": "changed"}), RemovedReason::SoftDeleted),
            (json!({"reason": "deleted"}), RemovedReason::Purged),
            (json!({"reason": "invented later"}), RemovedReason::Purged),
            (json!({}), RemovedReason::Purged),
        ] {
            let entry = entry(json!({"id": ID, "@removed": reason}));
            let changes = changes("test", vec![entry]).unwrap();
            let id = ObjectId::parse(ID).unwrap();
            assert_eq!(changes, [DeltaEntry::Removed { id, reason: expected }]);
        }
    }

    #[test]
    fn annotations_are_no_attributes_and_absent_stays_absent() {
        let entry = entry(json!({"@odata.type": "#microsoft.graph.user", "id": ID, "mail": null,
            "businessPhones": [], "manager@delta": [{"id": ID}], "displayName": "Ana"}));
        let names: Vec<&str> = entry.user.attributes.keys().map(String::as_str).collect();
        assert_eq!(names, ["businessPhones", "displayName", "mail"]);
    }

    #[test]
    fn people_whose_names_are_hidden_are_a_missing_permission_not_data() {
        let hidden_user = || {
            json!({"@odata.type": "#microsoft.graph.user", "id": ID,
            "userPrincipalName": null, "displayName": null, "mail": null, "accountEnabled": null})
        };
        for answer in [
            people("test", vec![entry(hidden_user())]).map(drop),
            changes("test", vec![entry(hidden_user())]).map(drop),
            split("test", vec![entry(hidden_user())]).map(drop),
        ] {
            assert!(
                matches!(answer, Err(Unusable::Final(DirectoryError::Forbidden { .. }))),
                "{answer:?}"
            );
        }
        let sparse = entry(json!({"id": ID, "jobTitle": "CEO"}));
        assert!(changes("test", vec![sparse]).is_ok(), "an update may leave names out");
    }

    #[test]
    fn a_listing_that_forgot_what_was_selected_is_broken() {
        let answer = people("test", vec![entry(json!({"id": ID, "displayName": "Ana"}))]);
        assert!(matches!(answer, Err(Unusable::Broken(..))), "{answer:?}");
    }

    #[test]
    fn an_entry_without_a_usable_id_is_no_entry() {
        for value in [json!({"displayName": "Ana"}), json!({"id": "ana@contoso.com"})] {
            assert!(serde_json::from_value::<WireUser>(value).is_err());
        }
    }
}
