//! What people ask of reviews, read from documents.

use contact_sync_domain::id::ContactId;
use contact_sync_domain::review::{ReviewAction, ReviewItem, ReviewList};
use serde_json::Value;

use crate::admin::AdminError;
use crate::admin::document::Members;

/// What a person wants done with an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRequest {
    pub(super) action: ReviewAction,
    pub(super) version: u64,
    pub(super) contact: Option<ContactId>,
    /// In which version the contact that it is about was shown, where the person says so.
    pub(super) contact_version: Option<u64>,
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
    /// What is asked of each of a list's items.
    pub(super) fn of_list(action: ReviewAction, item: &ReviewItem) -> Self {
        Self { action, version: item.version, contact: None, contact_version: None }
    }

    /// The same about whichever contact was proposed.
    pub(super) fn of_proposed(&self) -> Self {
        Self { contact: None, ..self.clone() }
    }

    /// Reads `{action, version, contact?, contactVersion?}`.
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
        let expected = "expected the contact's version as it was shown";
        let contact_version = read_number(&mut members, "contactVersion", expected);
        let problems = members.finish();
        match (action, version.flatten()) {
            (Some(action), Some(version)) if problems.is_empty() => {
                Ok(Self { action, version, contact, contact_version })
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
        let count = read_number(&mut members, "count", "expected how many items were shown");
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

/// A whole number that may be left out.
fn read_number(members: &mut Members<'_>, name: &'static str, expected: &str) -> Option<u64> {
    let given = members.value(name).filter(|value| !value.is_null())?;
    let number = given.as_u64();
    if number.is_none() {
        members.problem(name, expected);
    }
    number
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
