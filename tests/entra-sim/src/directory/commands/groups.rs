//! Changes to groups and who is in them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{CommandError, Touched, required_text, set_all};
use crate::directory::members::{MemberKind, Membership};
use crate::directory::object::{DirectoryObject, Presence};
use crate::directory::properties::Catalogue;
use crate::directory::{Directory, Group, WELL_KNOWN};

impl Directory {
    pub(super) fn create_group(
        &mut self,
        id: Option<Uuid>,
        properties: &Map<String, Value>,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let id = id.unwrap_or_else(Uuid::new_v4);
        if self.groups.contains_key(&id) {
            return Err(CommandError::Taken(id.to_string()));
        }
        required_text(properties, "displayName")?;
        let change = self.last_change + 1;
        let mut object = DirectoryObject::new(id, change);
        object.appeared_at = Some(at);
        let mut complete = properties.clone();
        complete.entry("securityEnabled").or_insert(Value::Bool(true));
        complete.entry("mailEnabled").or_insert(Value::Bool(false));
        complete.entry("groupTypes").or_insert(json!([]));
        complete.entry("createdDateTime").or_insert(json!(crate::graph::instant(at)));
        set_all(&mut object, &Catalogue::groups(), &complete, change)?;
        self.insert_group(Group { object, members: BTreeMap::new() });
        Ok(vec![self.record_group(id, 0, at)])
    }

    pub(super) fn update_group(
        &mut self,
        reference: &str,
        properties: &Map<String, Value>,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let id = self.require_group(reference)?;
        let change = self.last_change + 1;
        let Some(group) = self.groups.get_mut(&id) else { return Ok(Vec::new()) };
        let before = group.object.changed;
        let mut edited = group.object.clone();
        if !set_all(&mut edited, &Catalogue::groups(), properties, change)? {
            return Ok(Vec::new());
        }
        group.object = edited;
        Ok(vec![self.record_group(id, before, at)])
    }

    pub(super) fn delete_group(
        &mut self,
        reference: &str,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let id = self.require_group(reference)?;
        let Some(group) = self.groups.get_mut(&id) else { return Ok(Vec::new()) };
        let before = group.object.changed;
        let types = group.object.value(WELL_KNOWN.group_types);
        let unified = types.as_array().is_some_and(|types| types.contains(&json!("Unified")));
        group.object.presence = if unified { Presence::SoftDeleted(at) } else { Presence::Purged };
        // A soft-deleted group was reported as `updated` too; only a purge is `deleted`.
        let mut touched = vec![Touched { purged: !unified, ..self.record_group(id, before, at) }];
        if !unified {
            let parents: Vec<Uuid> = self.direct_groups(id).collect();
            for parent in parents {
                touched.extend(self.set_membership(parent, id, MemberKind::Group, false, at));
            }
        }
        Ok(touched)
    }

    pub(super) fn restore_group(
        &mut self,
        reference: &str,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let missing = || CommandError::NotInBin(reference.to_owned());
        let id = self.group_id(reference).ok_or_else(missing)?;
        let change = self.last_change + 1;
        let Some(group) = self.groups.get_mut(&id) else { return Err(missing()) };
        if !matches!(group.object.presence, Presence::SoftDeleted(_)) {
            return Err(missing());
        }
        let before = group.object.changed;
        group.object.presence = Presence::Live;
        group.object.appeared = change;
        group.object.appeared_at = Some(at);
        Ok(vec![self.record_group(id, before, at)])
    }

    pub(super) fn change_member(
        &mut self,
        group: &str,
        member: &str,
        present: bool,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let group = self.require_group(group)?;
        let no_object = || CommandError::NoObject(member.to_owned());
        let by_name = self.user_id(member).or_else(|| self.group_id(member));
        let id = by_name.or_else(|| Uuid::try_parse(member).ok()).ok_or_else(no_object)?;
        let former = self.groups.get(&group).and_then(|group| group.members.get(&id));
        let kind = match (self.kind_of(id), former) {
            (Some(kind), _) => kind,
            (None, Some(former)) if !present => former.kind,
            (None, _) => return Err(no_object()),
        };
        Ok(self.set_membership(group, id, kind, present, at).into_iter().collect())
    }

    pub(super) fn set_membership(
        &mut self,
        group_id: Uuid,
        member: Uuid,
        kind: MemberKind,
        present: bool,
        at: Timestamp,
    ) -> Option<Touched> {
        let change = self.last_change + 1;
        let group = self.groups.get_mut(&group_id)?;
        let was_present = group.members.get(&member).is_some_and(|known| known.present);
        if was_present == present {
            return None;
        }
        group.members.insert(member, Membership { kind, present, changed: change });
        let before = group.object.changed;
        let containing = self.containing.entry(member).or_default();
        if present {
            containing.insert(group_id);
        } else {
            containing.remove(&group_id);
        }
        let touched = self.record_group(group_id, before, at);
        Some(Touched { member: Some((member, kind, present)), ..touched })
    }
}
