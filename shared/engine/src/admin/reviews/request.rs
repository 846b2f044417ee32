//! What people ask of reviews, read from documents.

use contact_sync_domain::id::ContactId;
use contact_sync_domain::review::{ReviewAction, ReviewList};
use serde_json::Value;

use crate::admin::AdminError;
use crate::admin::document::Members;

/// What a person wants done with an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRequest {
    pub(super) action: ReviewAction,
    pub(super) version: u64,
    pub(super) contact: Option<ContactId>,
}

/// What a person wants done with all of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    pub(super) list: ReviewList,
    pub(super) action: ReviewAction,
    /// Up to which version the list was shown.
    pub(super) as_of: u64,
    /// How many items were shown, where that must be said.
    pub(super) count: Option<u64>,
    pub(super) cursor: Option<String>,
}

impl ReviewRequest {
    /// Reads `{action, version, contact?}`.
    pub fn read(document: &Value) -> Result<Self, AdminError> {
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        let action = read_action(&mut members);
        let version = members.value("version").map(Value::as_u64);
        if version.flatten().is_none() {
            members.problem("version", "expected the item's version, a whole number");
        }
        let contact = members.changed_text("contact", 64).and_then(|text| {
            let id = ContactId::parse(&text).ok();
            if id.is_none() {
                members.problem("contact", "expected a contact's id");
            }
            id
        });
        let problems = members.finish();
        match (action, version.flatten()) {
            (Some(action), Some(version)) if problems.is_empty() => {
                Ok(Self { action, version, contact })
            }
            _ => Err(AdminError::Invalid(problems)),
        }
    }
}

impl ListRequest {
    /// Reads `{list, action, asOf, count?, cursor?}`.
    pub fn read(document: &Value) -> Result<Self, AdminError> {
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        let list = members.text("list", 32).and_then(|word| {
            let list = ReviewList::parse(&word);
            if list.is_none() {
                members.problem("list", format!("expected one of {}", list_names()));
            }
            list
        });
        let action = read_action(&mut members);
        let as_of = members.value("asOf").and_then(Value::as_u64);
        if as_of.is_none() {
            members.problem("asOf", "expected the list's `asOf` as it was shown, a whole number");
        }
        let count = match members.value("count") {
            None | Some(Value::Null) => None,
            Some(count) => {
                let count = count.as_u64();
                if count.is_none() {
                    members.problem("count", "expected how many items were shown");
                }
                count
            }
        };
        let cursor = members.changed_text("cursor", 512);
        if let (Some(list), Some(action)) = (list, action)
            && !list.actions().contains(&action)
        {
            members.problem("action", not_of(list));
        }
        let problems = members.finish();
        match (list, action, as_of) {
            (Some(list), Some(action), Some(as_of)) if problems.is_empty() => {
                Ok(Self { list, action, as_of, count, cursor })
            }
            _ => Err(AdminError::Invalid(problems)),
        }
    }
}

fn read_action(members: &mut Members<'_>) -> Option<ReviewAction> {
    let word = members.text("action", 32)?;
    let action = ReviewAction::parse(&word);
    if action.is_none() {
        let names: Vec<&str> = ReviewAction::ALL.into_iter().map(ReviewAction::name).collect();
        members.problem("action", format!("expected one of {}", names.join(", ")));
    }
    action
}

/// The names of the lists, for messages.
pub fn list_names() -> String {
    ReviewList::ALL.map(ReviewList::name).join(", ")
}

/// What a list takes, for messages.
pub(super) fn not_of(list: ReviewList) -> String {
    let names: Vec<&str> = list.actions().iter().map(|action| action.name()).collect();
    format!("the list `{}` takes {}", list.name(), names.join(", "))
}
