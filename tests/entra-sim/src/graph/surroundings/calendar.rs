//! A person's calendar in a window of time, and what changed in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::mailbox::owner;
use crate::directory::calendar::{generated, shown};
use crate::directory::object::ChangeNumber;
use crate::directory::{CalendarEvent, Directory};
use crate::exchange::Reply;
use crate::graph::Call;
use crate::graph::errors::GraphError;
use crate::graph::permissions::{CALENDARS, require};
use crate::graph::users::tenant;
use crate::world::World;

/// The window of a round, fixed at its start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Window {
    tenant: Uuid,
    user: Uuid,
    from: Timestamp,
    to: Timestamp,
    /// Changes up to this are told already; `None` in a first round.
    since: Option<ChangeNumber>,
    /// Entries already given of this round.
    given: usize,
    /// Entries on a page.
    size: usize,
}

/// `GET /users/{id}/calendarView`
pub(super) fn view(world: &World, call: &Call<'_>, reference: &str) -> Result<Reply, GraphError> {
    require(call.claims, CALENDARS)?;
    let user = owner(world, call, reference)?.object.id;
    let directory = &tenant(world, call)?.directory;
    let top = call.incoming.parameter("$top").and_then(|top| top.parse().ok());
    let window = asked(call, user, top.unwrap_or(10))?;
    let skipped = call.incoming.parameter("$skip").and_then(|skip| skip.parse().ok()).unwrap_or(0);
    let events = events(directory, &window);
    let page: Vec<Value> = events
        .iter()
        .skip(skipped)
        .take(window.size)
        .map(|(id, event)| selected(shown(id, event), call))
        .collect();
    let base = &world.graph_url;
    let mut body = json!({
        "@odata.context": format!("{base}/v1.0/$metadata#users('{user}')/calendarView"),
        "value": page,
    });
    let next = skipped + window.size;
    if let (true, Some(members)) = (next < events.len(), body.as_object_mut()) {
        // Outlook counts with `$skip`.
        let mut link = format!("{base}{}?", call.incoming.path);
        for option in call.incoming.query.split('&').filter(|option| {
            !option.starts_with("$skip=") && !option.starts_with("%24skip=") && !option.is_empty()
        }) {
            let _ = write!(link, "{option}&");
        }
        let _ = write!(link, "$skip={next}");
        members.insert("@odata.nextLink".to_owned(), json!(link));
    }
    Ok(Reply::graph(StatusCode::OK, body.to_string()))
}

fn selected(event: Value, call: &Call<'_>) -> Value {
    let Some(select) = call.incoming.parameter("$select") else { return event };
    let Value::Object(members) = event else { return event };
    let wanted = |name: &str| {
        name == "id" || name == "@odata.etag" || select.split(',').any(|one| one.trim() == name)
    };
    members.into_iter().filter(|(name, _)| wanted(name)).collect()
}

/// `GET /users/{id}/calendarView/delta`
pub(super) fn delta(world: &World, call: &Call<'_>, reference: &str) -> Result<Reply, GraphError> {
    require(call.claims, CALENDARS)?;
    let user = owner(world, call, reference)?.object.id;
    let directory = &tenant(world, call)?.directory;
    if call.incoming.parameter("$select").is_some() {
        return Err(GraphError::bad_request(
            "The following parameters are not supported with change tracking over the \
             'calendarView' resource: '$select'.",
        ));
    }
    let token = ["$deltatoken", "$skiptoken"].iter().find_map(|n| call.incoming.parameter(n));
    let mut window = match token {
        None => asked(call, user, page_size(call))?,
        Some(token) => {
            let known: Option<Window> = world.seal.open(&token);
            known.filter(|w| w.user == user && w.tenant == call.claims.tid).ok_or_else(|| {
                GraphError::new(
                    StatusCode::GONE,
                    "SyncStateNotFound",
                    "The sync state is not found.",
                )
            })?
        }
    };
    let entries = changes(directory, &window);
    let page: Vec<&Value> = entries.iter().skip(window.given).take(window.size).collect();
    let base = &world.graph_url;
    let path = format!("{base}/v1.0/users/{user}/calendarView/delta");
    let mut body = json!({
        "@odata.context": format!("{base}/v1.0/$metadata#Collection(event)"),
        "value": page,
    });
    window.given += page.len();
    let (name, link) = if window.given < entries.len() {
        ("@odata.nextLink", format!("{path}?$skiptoken={}", world.seal.seal(&window)))
    } else {
        window.since = Some(directory.last_change);
        window.given = 0;
        ("@odata.deltaLink", format!("{path}?$deltatoken={}", world.seal.seal(&window)))
    };
    if let Some(members) = body.as_object_mut() {
        members.insert(name.to_owned(), json!(link));
    }
    Ok(Reply::graph(StatusCode::OK, body.to_string()))
}

fn asked(call: &Call<'_>, user: Uuid, size: usize) -> Result<Window, GraphError> {
    let instant = |name: &str| {
        let missing = || {
            GraphError::new(
                StatusCode::BAD_REQUEST,
                "ErrorInvalidParameter",
                &format!(
                    "This request requires a time window specified by the query string parameter '{name}'."
                ),
            )
        };
        let text = call.incoming.parameter(name).ok_or_else(missing)?;
        let zoned =
            if text.ends_with('Z') || text.contains('+') { text } else { format!("{text}Z") };
        zoned.parse::<Timestamp>().map_err(|_not_a_time| missing())
    };
    Ok(Window {
        tenant: call.claims.tid,
        user,
        from: instant("startDateTime")?,
        to: instant("endDateTime")?,
        since: None,
        given: 0,
        size: size.clamp(1, 1_000),
    })
}

/// `Prefer: odata.maxpagesize`, which Outlook heeds.
fn page_size(call: &Call<'_>) -> usize {
    let prefer = call.incoming.header("prefer").unwrap_or_default().to_lowercase();
    let wanted = prefer.split(',').find_map(|part| part.trim().strip_prefix("odata.maxpagesize="));
    wanted.and_then(|size| size.parse().ok()).unwrap_or(10)
}

/// Everything in the window, by start.
fn events(directory: &Directory, window: &Window) -> Vec<(String, CalendarEvent)> {
    let mut events: BTreeMap<String, CalendarEvent> =
        generated(window.user, window.from, window.to).into_iter().collect();
    for (id, by_hand) in directory.events.get(&window.user).into_iter().flatten() {
        match &by_hand.event {
            Some(event) if event.start < window.to && event.end > window.from => {
                events.insert(id.clone(), event.clone());
            }
            _ => {}
        }
    }
    let mut events: Vec<_> = events.into_iter().collect();
    events.sort_by(|(one, left), (other, right)| (left.start, one).cmp(&(right.start, other)));
    events
}

/// The entries of a round: everything, or what changed since.
fn changes(directory: &Directory, window: &Window) -> Vec<Value> {
    let Some(since) = window.since else {
        return events(directory, window).iter().map(|(id, event)| shown(id, event)).collect();
    };
    let by_hand = directory.events.get(&window.user).into_iter().flatten();
    by_hand
        .filter(|(_, event)| event.changed > since)
        .map(|(id, changed)| match &changed.event {
            Some(event) if event.start < window.to && event.end > window.from => shown(id, event),
            _ => json!({
                "@odata.type": "#microsoft.graph.event",
                "id": id,
                "@removed": { "reason": "deleted" },
            }),
        })
        .collect()
}
