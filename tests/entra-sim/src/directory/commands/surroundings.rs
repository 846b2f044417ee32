//! Changes around people: devices, report rows, photos, calendars, and groups filled at once.

use jiff::Timestamp;
use uuid::Uuid;

use super::{CommandError, DirectoryCommand, Touched, required_text};
use crate::directory::Directory;
use crate::directory::OtherObject;
use crate::directory::calendar::{HandMadeEvent, event_id};
use crate::directory::devices::by_hand;
use crate::directory::members::{MemberKind, Membership};
use crate::directory::properties::Catalogue;
use crate::identifiers::seeded_guid;

impl Directory {
    /// What no subscription tells of.
    pub(super) fn change_surroundings(
        &mut self,
        command: &DirectoryCommand,
    ) -> Result<Vec<Touched>, CommandError> {
        match command {
            DirectoryCommand::CreateDevice { id, owner, managed, properties } => {
                required_text(properties, "displayName")?;
                let unknown = |name: &&String| Catalogue::devices().find(name).is_none();
                if let Some(name) = properties.keys().find(unknown) {
                    return Err(CommandError::UnknownProperty(name.clone()));
                }
                let owner = owner.as_deref().map(|name| self.require_user(name)).transpose()?;
                let id = id.unwrap_or_else(Uuid::new_v4);
                let owner = owner.and_then(|owner| self.users.get(&owner));
                let mut device = by_hand(id, properties, owner, *managed);
                device.owner = owner.map(|owner| owner.object.id);
                if let Some(devices) = self.devices_mut() {
                    devices.insert(id, device);
                }
                let change = self.last_change;
                let kind = MemberKind::Device;
                return Ok(vec![Touched { kind, id, purged: false, change, member: None }]);
            }
            DirectoryCommand::DeleteDevice { device } => {
                self.others.remove(device);
                let gone = self.devices_mut().and_then(|devices| devices.remove(device));
                gone.ok_or_else(|| CommandError::NoObject(device.to_string()))?;
            }
            DirectoryCommand::SetRegistration { user, properties } => {
                let unknown = |name: &&String| Catalogue::registrations().find(name).is_none();
                if let Some(name) = properties.keys().find(unknown) {
                    return Err(CommandError::UnknownProperty(name.clone()));
                }
                let user = self.require_user(user)?;
                self.registrations.entry(user).or_default().extend(properties.clone());
            }
            DirectoryCommand::SetPhoto { user, present } => {
                let user = self.require_user(user)?;
                let before = self.photos.get(&user).copied().flatten();
                self.photos.insert(user, present.then(|| before.unwrap_or_default() + 1));
            }
            DirectoryCommand::PutEvent { user, key, event } => {
                let user = self.require_user(user)?;
                self.put_event(user, *key, Some(event.clone()));
            }
            DirectoryCommand::RemoveEvent { user, key } => {
                let user = self.require_user(user)?;
                self.put_event(user, *key, None);
            }
            DirectoryCommand::CreateUser { .. }
            | DirectoryCommand::UpdateUser { .. }
            | DirectoryCommand::DeleteUser { .. }
            | DirectoryCommand::RestoreUser { .. }
            | DirectoryCommand::SetManager { .. }
            | DirectoryCommand::AssignRole { .. }
            | DirectoryCommand::UnassignRole { .. }
            | DirectoryCommand::CreateGroup { .. }
            | DirectoryCommand::UpdateGroup { .. }
            | DirectoryCommand::DeleteGroup { .. }
            | DirectoryCommand::RestoreGroup { .. }
            | DirectoryCommand::AddMember { .. }
            | DirectoryCommand::RemoveMember { .. }
            | DirectoryCommand::FillGroup { .. }
            | DirectoryCommand::CreateUnit { .. }
            | DirectoryCommand::UpdateUnit { .. }
            | DirectoryCommand::DeleteUnit { .. }
            | DirectoryCommand::AddToUnit { .. }
            | DirectoryCommand::RemoveFromUnit { .. } => {}
        }
        Ok(Vec::new())
    }

    fn put_event(&mut self, user: Uuid, key: Uuid, event: Option<crate::directory::CalendarEvent>) {
        self.last_change += 1;
        let changed = self.last_change;
        let events = self.events.entry(user).or_default();
        events.insert(event_id(key), HandMadeEvent { event, changed });
    }

    /// One change that brings a group to `members` direct members.
    pub(super) fn fill_group(
        &mut self,
        group: &str,
        members: u32,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let id = self.require_group(group)?;
        let change = self.last_change + 1;
        let Some(group) = self.groups.get(&id) else { return Ok(Vec::new()) };
        let before = group.object.changed;
        let is_member =
            |id: &Uuid| group.members.get(id).is_some_and(|membership| membership.present);
        let there = group.members.values().filter(|membership| membership.present).count();
        let wanted = usize::try_from(members).unwrap_or(usize::MAX).saturating_sub(there);
        let people = self.users.values().filter(|user| user.object.is_live());
        let mut added: Vec<(Uuid, MemberKind)> = people
            .map(|user| user.object.id)
            .filter(|user| !is_member(user))
            .take(wanted)
            .map(|user| (user, MemberKind::User))
            .collect();
        let mut number = 0;
        while added.len() < wanted {
            let filler = seeded_guid(number, "filler", id.as_u64_pair().0);
            number += 1;
            if is_member(&filler) {
                continue;
            }
            let kind = MemberKind::ServicePrincipal;
            let display_name = format!("Service {number}");
            self.others.insert(filler, OtherObject { kind, display_name });
            added.push((filler, kind));
        }
        if added.is_empty() {
            return Ok(Vec::new());
        }
        for (member, kind) in added {
            if let Some(group) = self.groups.get_mut(&id) {
                group.members.insert(member, Membership { kind, present: true, changed: change });
            }
            self.containing.entry(member).or_default().insert(id);
        }
        Ok(vec![self.record_group(id, before, at)])
    }
}
