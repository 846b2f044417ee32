//! Applying a plan about chosen people: of a drift audit, the differences that are to be mended.

use std::collections::HashSet;

use contact_sync_domain::guard::{Counted, Removal};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::SegmentItem;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::document::Members;
use super::plans::Approval;
use super::{AdminError, Outside};
use crate::port::SegmentStore;
use crate::segments::load_segment;
use crate::sync::{intends, is_removal};

/// How many people one request may choose.
const MOST_ITEMS: usize = 500;

/// How many pages of the plan are read at the same time.
const READERS: usize = 16;

/// Reads `{planHash, items, removals?}`.
pub fn read_fix(document: &Value) -> Result<Approval, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let hash = members.text("planHash", 64);
    let removals = read_removals(&mut members);
    let mut items = Vec::new();
    match members.value("items").and_then(Value::as_array) {
        Some(listed) if (1..=MOST_ITEMS).contains(&listed.len()) => {
            for (place, listed) in listed.iter().enumerate() {
                match listed.as_str().and_then(|text| ObjectId::parse(text).ok()) {
                    Some(user) => items.push(user),
                    None => {
                        members
                            .problem_at(&format!("items/{place}"), "expected a user's object id");
                    }
                }
            }
        }
        Some(_) | None => {
            let expected = format!("expected 1 to {MOST_ITEMS} object ids of users in the plan");
            members.problem("items", expected);
        }
    }
    items.sort_unstable();
    items.dedup();
    let problems = members.finish();
    match hash {
        Some(hash) if problems.is_empty() => {
            Ok(Approval { hash, removals, tenant: None, items: Some(items) })
        }
        _ => Err(AdminError::Invalid(problems)),
    }
}

/// Reads the number of removals that somebody confirms.
pub(super) fn read_removals(members: &mut Members<'_>) -> Option<u64> {
    match members.value("removals").cloned() {
        None | Some(Value::Null) => None,
        Some(number) => {
            let removals = number.as_u64();
            if removals.is_none() {
                members.problem("removals", "expected the number of removals in the plan");
            }
            removals
        }
    }
}

/// How many of the chosen would be removed. Whoever is chosen and of whom the plan intends nothing
/// is refused by name.
pub(super) async fn chosen_removals(
    outside: &impl Outside,
    run: &Run,
    chosen: &[ObjectId],
) -> Result<Counted, AdminError> {
    let chosen_set: HashSet<&ObjectId> = chosen.iter().collect();
    let pages = run.plan.as_ref().map_or(0, |plan| plan.pages);
    let chosen_set = &chosen_set;
    let found: Vec<Vec<SegmentItem>> = stream::iter(0..pages)
        .map(|page| async move {
            let (store, connection) = (outside.store(), &run.connection_id);
            let segment = load_segment(store, outside.blobs(), connection, &run.id, page).await?;
            let Some(segment) = segment else { return Ok(Vec::new()) };
            let mut items = segment.items;
            items.retain(|item| intends(item) && chosen_set.contains(&item.object_id));
            if !items.is_empty() {
                let deviations = store.deviations(connection, &run.id, page).await?;
                items.retain(|item| deviations.iter().all(|one| one.object_id != item.object_id));
            }
            Ok::<_, AdminError>(items)
        })
        .buffer_unordered(READERS)
        .try_collect()
        .await?;
    let found: Vec<SegmentItem> = found.into_iter().flatten().collect();
    let known: HashSet<&ObjectId> = found.iter().map(|item| &item.object_id).collect();
    if let Some(place) = chosen.iter().position(|user| !known.contains(user)) {
        let user = chosen.get(place).map(ObjectId::as_str).unwrap_or_default();
        let message = format!("the plan would do nothing about {user}");
        return Err(AdminError::invalid("/items", message));
    }
    let mut removals = Counted::default();
    found.iter().filter(|item| is_removal(item)).for_each(|item| removals.add(Removal::of(item)));
    Ok(removals)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(document: &Value) -> Vec<String> {
        let AdminError::Invalid(problems) = read_fix(document).unwrap_err() else {
            panic!("what is wrong is named")
        };
        problems.into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn whom_to_mend_is_named_and_nobody_twice() {
        let user = "00000000-0000-0000-0000-000000000001";
        let read = read_fix(&json!({"planHash": "ab", "items": [user, user]})).unwrap();
        assert_eq!(read.items, Some(vec![ObjectId::from_u128(1)]));
        assert_eq!(pointers(&json!({"planHash": "ab", "items": []})), ["/items"]);
        assert_eq!(pointers(&json!({"planHash": "ab"})), ["/items"]);
        assert_eq!(pointers(&json!({"items": [user, "ana"]})), ["/planHash", "/items/1"]);
        let many = vec![user; MOST_ITEMS + 1];
        assert_eq!(pointers(&json!({"planHash": "ab", "items": many})), ["/items"]);
    }
}
