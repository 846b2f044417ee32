//! A directory object: its values, when each last changed, and whether it is still there.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::derived::{Derived, derived_property};
use super::properties::{Catalogue, ID, PropertyId, Shape, is_extension};
use super::selection::{Detail, Selection};

/// Number of a change in a tenant, counting from 1; 0 is the state the tenant started with.
pub(crate) type ChangeNumber = u64;

/// Whether an object is there, in the recycle bin, or gone for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Readable.
    Live,
    /// In the recycle bin since then; restorable for 30 days.
    SoftDeleted(Timestamp),
    /// Gone; only delta queries remember it.
    Purged,
}

/// A user or group with its values.
///
/// Values are kept as JSON text, ready to be copied into a page. A property without a slot was
/// never set; one holding `null` was cleared: delta queries tell the two apart.
#[derive(Debug, Clone)]
pub(crate) struct DirectoryObject {
    pub(crate) id: Uuid,
    pub(crate) presence: Presence,
    /// The change by which it came into being or back from the bin.
    pub(crate) appeared: ChangeNumber,
    /// When that was; `None` for objects the tenant started with.
    pub(crate) appeared_at: Option<Timestamp>,
    /// Its latest change of any kind.
    pub(crate) changed: ChangeNumber,
    /// Whether the tenant started with it: only such people have a past (sign-ins, devices).
    pub(crate) generated: bool,
    slots: Vec<Slot>,
}

#[derive(Debug, Clone)]
struct Slot {
    property: PropertyId,
    changed: ChangeNumber,
    json: Box<str>,
}

impl DirectoryObject {
    pub(crate) fn new(id: Uuid, appeared: ChangeNumber) -> Self {
        Self {
            id,
            presence: Presence::Live,
            appeared,
            appeared_at: None,
            changed: appeared,
            generated: appeared == 0,
            slots: Vec::new(),
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.presence == Presence::Live
    }

    /// Whether it is there and has reached every replica: it appeared at or before `limit`.
    pub(crate) fn is_visible(&self, limit: Timestamp) -> bool {
        self.is_live() && self.appeared_at.is_none_or(|at| at <= limit)
    }

    /// Sets a value; answers whether it differs from what was there.
    pub(crate) fn set(&mut self, property: PropertyId, value: &Value, at: ChangeNumber) -> bool {
        self.set_json(property, value.to_string().into_boxed_str(), at)
    }

    pub(crate) fn set_json(
        &mut self,
        property: PropertyId,
        json: Box<str>,
        at: ChangeNumber,
    ) -> bool {
        match self.slots.binary_search_by_key(&property, |slot| slot.property) {
            Ok(index) => match self.slots.get_mut(index) {
                Some(slot) if slot.json != json => {
                    slot.json = json;
                    slot.changed = at;
                    true
                }
                _ => false,
            },
            // Clearing what was never set leaves it never set.
            Err(_) if &*json == "null" => false,
            Err(index) => {
                self.slots.insert(index, Slot { property, changed: at, json });
                true
            }
        }
    }

    /// The JSON text of a value; `None` if never set.
    pub(crate) fn json(&self, property: PropertyId) -> Option<&str> {
        let index = self.slots.binary_search_by_key(&property, |slot| slot.property).ok()?;
        self.slots.get(index).map(|slot| &*slot.json)
    }

    /// The value; `Null` if never set or cleared.
    pub(crate) fn value(&self, property: PropertyId) -> Value {
        if property == ID {
            return Value::String(self.id.to_string());
        }
        self.json(property).and_then(|json| serde_json::from_str(json).ok()).unwrap_or(Value::Null)
    }

    /// The text of a text value, without quotes.
    pub(crate) fn text(&self, property: PropertyId) -> Option<String> {
        match self.value(property) {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether a property of the selection changed after `since`.
    pub(crate) fn changed_within(&self, selection: &Selection, since: ChangeNumber) -> bool {
        self.slots
            .iter()
            .any(|slot| slot.changed > since && selection.properties.contains(&slot.property))
    }

    /// Writes the members of this object without braces, `id` and separators included.
    ///
    /// Lists give every selected property; delta queries only what `detail` asks for.
    pub(crate) fn write(
        &self,
        out: &mut String,
        catalogue: &Catalogue<'_>,
        selection: &Selection,
        detail: Detail,
    ) {
        let mut first = true;
        let mut extensions_changed = false;
        if let Detail::ChangedSince(since) = detail {
            extensions_changed =
                self.slots.iter().any(|slot| is_extension(slot.property) && slot.changed > since);
        }
        for &property in &selection.properties {
            let derived = (detail == Detail::Every && self.slot(property).is_none())
                .then(|| derived_property(self, catalogue, property))
                .flatten();
            let json = if property == ID {
                Some(None)
            } else {
                match (self.slot(property), detail) {
                    (Some(slot), Detail::ChangedSince(since)) => {
                        let told =
                            slot.changed > since || (extensions_changed && is_extension(property));
                        told.then_some(Some(&*slot.json))
                    }
                    (Some(slot), _) => Some(Some(&*slot.json)),
                    (None, Detail::Every) => match &derived {
                        Some(Derived::Absent) => None,
                        Some(Derived::Json(json)) => Some(Some(json.as_str())),
                        None => Some(Some(unset(catalogue, property))),
                    },
                    (None, _) => None,
                }
            };
            let Some(mut json) = json else { continue };
            if selection.hidden.contains(&property) {
                json = Some("null");
            }
            if !first {
                out.push(',');
            }
            first = false;
            out.push('"');
            out.push_str(catalogue.name(property));
            out.push_str("\":");
            match (json, self.presence) {
                (None, _) => {
                    out.push('"');
                    let mut buffer = Uuid::encode_buffer();
                    out.push_str(self.id.hyphenated().encode_lower(&mut buffer));
                    out.push('"');
                }
                (Some(json), Presence::SoftDeleted(at))
                    if json == "null" && catalogue.name(property) == "deletedDateTime" =>
                {
                    let _ = write!(out, "\"{}\"", crate::graph::instant(at));
                }
                (Some(json), _) => out.push_str(json),
            }
        }
    }

    fn slot(&self, property: PropertyId) -> Option<&Slot> {
        let index = self.slots.binary_search_by_key(&property, |slot| slot.property).ok()?;
        self.slots.get(index)
    }
}

/// How a list shows a property that was never set.
fn unset(catalogue: &Catalogue<'_>, property: PropertyId) -> &'static str {
    if catalogue.shape(property) == Shape::List { "[]" } else { "null" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(object: &DirectoryObject, names: &str, detail: Detail) -> Value {
        let catalogue = Catalogue::users(&[]);
        let selection = Selection::parse(Some(names), &catalogue).expect("known names");
        let mut out = String::from("{");
        object.write(&mut out, &catalogue, &selection, detail);
        out.push('}');
        serde_json::from_str(&out).expect("JSON")
    }

    fn room() -> DirectoryObject {
        let catalogue = Catalogue::users(&[]);
        let mut object = DirectoryObject::new(Uuid::nil(), 0);
        let name = catalogue.find("displayName").expect("known");
        let title = catalogue.find("jobTitle").expect("known");
        object.set(name, &json!("Room 4"), 1);
        object.set(title, &json!("Chair"), 1);
        object.set(title, &Value::Null, 5);
        object
    }

    #[test]
    fn lists_show_what_was_never_set_and_delta_omits_it() {
        let names = "displayName,mail,jobTitle,otherMails";
        assert_eq!(
            written(&room(), names, Detail::Every),
            json!({"displayName": "Room 4", "mail": null, "jobTitle": null, "otherMails": []})
        );
        assert_eq!(
            written(&room(), names, Detail::EverSet),
            json!({"displayName": "Room 4", "jobTitle": null})
        );
    }

    #[test]
    fn minimal_delta_shows_only_what_changed() {
        assert_eq!(
            written(&room(), "id,displayName,jobTitle", Detail::ChangedSince(3)),
            json!({"id": Uuid::nil(), "jobTitle": null})
        );
    }
}
