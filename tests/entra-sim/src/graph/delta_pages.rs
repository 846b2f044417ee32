//! The entries of a delta page.

use std::fmt::Write as _;
use std::ops::Bound;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::delta::{Resource, Round};
use super::paging::Entries;
use crate::directory::members::Membership;
use crate::directory::object::{ChangeNumber, DirectoryObject, Presence};
use crate::directory::selection::{Detail, Selection};
use crate::directory::{Directory, Group};
use crate::identifiers::{seeded_chance, seeded_number};
use crate::settings::{DeltaSettings, RemovedManager};
use crate::tenants::Tenant;
use crate::world::World;

/// Where a round goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// First rounds: after this object.
    after: Option<Uuid>,
    /// Change rounds: after this change.
    change: ChangeNumber,
    /// Whether all objects had their turn and only slices are left.
    exhausted: bool,
    /// Large groups with the last member told.
    open: Vec<(Uuid, Uuid)>,
    /// Objects to tell once more.
    again: Vec<Uuid>,
}

impl Cursor {
    /// The begin of a change round.
    pub(super) fn starting_after(change: ChangeNumber) -> Self {
        Self { change, ..Self::default() }
    }
}

/// A page and where the next begins; `None` ends the round.
pub(super) struct Page {
    pub(super) entries: Entries,
    pub(super) next: Option<Cursor>,
}

/// Gives one page of a round.
pub(super) fn page(
    world: &World,
    tenant: &Tenant,
    round: &Round,
    selection: &Selection,
    limit: Timestamp,
) -> Page {
    let settings = &world.settings.delta;
    let scope = format!("delta/{}/{:?}", tenant.id, round.since);
    if seeded_chance(world.seed, &format!("{scope}/empty"), round.page, settings.empty_page_percent)
    {
        return Page { entries: Entries::default(), next: Some(round.cursor.clone()) };
    }
    let mut writer = Writer {
        directory: &tenant.directory,
        round,
        selection,
        settings,
        cursor: Cursor { again: Vec::new(), open: Vec::new(), ..round.cursor.clone() },
        entries: Vec::new(),
    };
    for id in &round.cursor.again {
        writer.object(*id, None);
    }
    // What is told again must not open a group's slices a second time.
    writer.cursor.open.clear();
    for (group, last) in &round.cursor.open {
        writer.object(*group, Some(*last));
    }
    if !writer.cursor.exhausted {
        match round.since {
            None => writer.everything(limit),
            Some(_) => writer.changes(),
        }
    }
    let Writer { mut cursor, mut entries, .. } = writer;
    let goes_on = !cursor.exhausted || !cursor.open.is_empty();
    if goes_on {
        cursor.again = entries
            .iter()
            .zip(0_u64..)
            .filter(|(_, index)| {
                let number = round.page * 10_000 + index;
                let percent = settings.duplicate_percent;
                seeded_chance(world.seed, &format!("{scope}/twice"), number, percent)
            })
            .map(|((id, _), _)| *id)
            .collect();
    }
    if settings.shuffle {
        let mut number = round.page * 10_000;
        entries.sort_by_cached_key(|_| {
            number += 1;
            seeded_number(world.seed, &format!("{scope}/order"), number)
        });
    }
    let mut page = Entries::default();
    for (_, text) in entries {
        page.add(|out| out.push_str(&text));
    }
    Page { entries: page, next: goes_on.then_some(cursor) }
}

struct Writer<'a> {
    directory: &'a Directory,
    round: &'a Round,
    selection: &'a Selection,
    settings: &'a DeltaSettings,
    cursor: Cursor,
    entries: Vec<(Uuid, String)>,
}

impl Writer<'_> {
    fn is_full(&self) -> bool {
        let size = self.round.page_limit.unwrap_or(self.settings.page_size);
        self.entries.len() >= size.max(1)
    }

    fn is_in_scope(&self, id: Uuid) -> bool {
        self.round.scope.ids.is_empty() || self.round.scope.ids.contains(&id)
    }

    /// A first round: every object in order of id.
    fn everything(&mut self, limit: Timestamp) {
        let start = self.cursor.after.map_or(Bound::Unbounded, Bound::Excluded);
        let directory = self.directory;
        let objects: Box<dyn Iterator<Item = &DirectoryObject>> = match self.round.scope.resource {
            Resource::Users => {
                Box::new(directory.users.range((start, Bound::Unbounded)).map(|(_, u)| &u.object))
            }
            Resource::Groups => {
                Box::new(directory.groups.range((start, Bound::Unbounded)).map(|(_, g)| &g.object))
            }
        };
        for object in objects {
            if self.is_full() {
                return;
            }
            self.cursor.after = Some(object.id);
            let told = match object.presence {
                Presence::Live => object.is_visible(limit),
                Presence::SoftDeleted(_) => self.settings.removed_in_first_round,
                Presence::Purged => false,
            };
            if told && self.is_in_scope(object.id) {
                self.object(object.id, None);
            }
        }
        self.cursor.exhausted = true;
    }

    /// A change round: changed objects, oldest change first.
    fn changes(&mut self) {
        let log = match self.round.scope.resource {
            Resource::Users => &self.directory.user_changes,
            Resource::Groups => &self.directory.group_changes,
        };
        for (change, id) in log.between(self.cursor.change, self.round.upto) {
            if self.is_full() {
                return;
            }
            self.cursor.change = change;
            if self.is_in_scope(id) {
                self.object(id, None);
            }
        }
        self.cursor.exhausted = true;
    }

    /// Tells an object, or the next slice of a group after member `sliced`.
    fn object(&mut self, id: Uuid, sliced: Option<Uuid>) {
        let text = match self.round.scope.resource {
            Resource::Users => self.user(id),
            Resource::Groups => self.group(id, sliced),
        };
        if let Some(text) = text {
            self.entries.push((id, text));
        }
    }

    fn user(&mut self, id: Uuid) -> Option<String> {
        let user = self.directory.users.get(&id)?;
        let manager_told = self.selection.relations
            && match self.round.since {
                None => user.manager.is_some(),
                Some(since) => {
                    user.manager_changed > since
                        || (user.object.appeared > since && user.manager.is_some())
                }
            };
        let mut text = self.values(&user.object, manager_told)?;
        if manager_told && user.object.is_live() {
            let entry = match (user.manager, self.settings.removed_manager) {
                (Some(manager), _) => Some(format!(
                    "{{\"@odata.type\":\"#microsoft.graph.user\",\"id\":\"{manager}\"}}"
                )),
                (None, RemovedManager::Item) => {
                    Some("{\"@removed\":{\"reason\":\"deleted\"}}".to_owned())
                }
                (None, RemovedManager::Empty) => Some(String::new()),
                (None, RemovedManager::Absent) => None,
            };
            if let Some(entry) = entry {
                let _ = write!(text, ",\"manager@delta\":[{entry}]");
            }
        }
        Some(text)
    }

    fn group(&mut self, id: Uuid, sliced: Option<Uuid>) -> Option<String> {
        let group = self.directory.groups.get(&id)?;
        let (members, last) = if self.selection.relations && group.object.is_live() {
            self.slice(group, sliced)
        } else {
            (String::new(), None)
        };
        if let Some(last) = last {
            self.cursor.open.push((id, last));
        }
        let mut text = self.values(&group.object, !members.is_empty())?;
        if !members.is_empty() {
            let _ = write!(text, ",\"members@delta\":[{members}]");
        }
        Some(text)
    }

    /// The members of one slice, and the last one told if more follow.
    fn slice(&self, group: &Group, after: Option<Uuid>) -> (String, Option<Uuid>) {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let since = self.round.since.filter(|since| group.object.appeared <= *since);
        let told = |membership: &Membership| match since {
            Some(since) => membership.changed > since,
            None => membership.present || self.settings.removed_in_first_round,
        };
        let mut members = group
            .members
            .range((start, Bound::Unbounded))
            .filter(|(_, membership)| told(membership));
        let mut text = String::new();
        let mut last = None;
        for (id, membership) in members.by_ref().take(self.settings.member_slice.max(1)) {
            if !text.is_empty() {
                text.push(',');
            }
            let kind = membership.kind.odata_type();
            let _ = write!(text, "{{\"@odata.type\":\"{kind}\",\"id\":\"{id}\"");
            if !membership.present {
                text.push_str(",\"@removed\":{\"reason\":\"deleted\"}");
            }
            text.push('}');
            last = Some(*id);
        }
        (text, last.filter(|_| members.next().is_some()))
    }

    /// An object's own values; `None` if nothing tracked changed.
    fn values(&self, object: &DirectoryObject, relation_told: bool) -> Option<String> {
        let removed = match object.presence {
            Presence::Live => None,
            Presence::SoftDeleted(_) => Some("changed"),
            Presence::Purged => Some("deleted"),
        };
        if let Some(reason) = removed {
            let id = object.id;
            return Some(format!("\"id\":\"{id}\",\"@removed\":{{\"reason\":\"{reason}\"}}"));
        }
        let detail = match self.round.since {
            Some(since) if object.appeared <= since => {
                if !relation_told && !object.changed_within(self.selection, since) {
                    return None;
                }
                if self.round.minimal { Detail::ChangedSince(since) } else { Detail::EverSet }
            }
            _ => Detail::EverSet,
        };
        let catalogue = match self.round.scope.resource {
            Resource::Users => self.directory.user_catalogue(),
            Resource::Groups => crate::directory::properties::Catalogue::groups(),
        };
        let mut text = String::new();
        object.write(&mut text, &catalogue, self.selection, detail);
        Some(text)
    }
}
