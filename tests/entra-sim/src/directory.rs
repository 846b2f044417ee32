//! The directory of one tenant: people, groups, who is in what, and the log of changes.

pub(crate) mod calendar;
pub(crate) mod changes;
pub(crate) mod commands;
pub(crate) mod derived;
pub(crate) mod devices;
pub(crate) mod licences;
pub(crate) mod members;
pub(crate) mod object;
pub(crate) mod properties;
pub(crate) mod resource_types;
pub(crate) mod selection;
pub(crate) mod units;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

pub use calendar::CalendarEvent;
pub use commands::{CommandError, DirectoryCommand};
pub(crate) use object::{ChangeNumber, Presence};

use calendar::HandMadeEvent;
use changes::ChangeLog;
use devices::Device;
use members::{MemberKind, Membership};
use object::DirectoryObject;
use properties::{Catalogue, PropertyId};
use units::Unit;

/// A person of the directory.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) object: DirectoryObject,
    pub(crate) manager: Option<Uuid>,
    pub(crate) manager_changed: ChangeNumber,
    /// Directory role templates assigned to the person.
    pub(crate) roles: Vec<Uuid>,
}

/// A group with its direct members; former members stay listed for delta queries.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) object: DirectoryObject,
    pub(crate) members: BTreeMap<Uuid, Membership>,
}

/// A device, service principal or contact: members that are neither people nor groups.
#[derive(Debug, Clone)]
pub(crate) struct OtherObject {
    pub(crate) kind: MemberKind,
    pub(crate) display_name: String,
}

/// One tenant's objects.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory {
    pub(crate) users: BTreeMap<Uuid, User>,
    pub(crate) groups: BTreeMap<Uuid, Group>,
    pub(crate) others: BTreeMap<Uuid, OtherObject>,
    pub(crate) units: BTreeMap<Uuid, Unit>,
    pub(crate) user_changes: ChangeLog,
    pub(crate) group_changes: ChangeLog,
    /// Names of the registered directory extensions.
    pub(crate) extensions: Vec<String>,
    pub(crate) last_change: ChangeNumber,
    names: HashMap<String, Uuid>,
    containing: HashMap<Uuid, BTreeSet<Uuid>>,
    bin: BTreeSet<(Timestamp, Uuid)>,
    /// Made on first use: most tests never look at devices.
    devices: OnceLock<BTreeMap<Uuid, Device>>,
    /// Report rows changed by hand, by person.
    pub(crate) registrations: BTreeMap<Uuid, Map<String, Value>>,
    /// Photos put or removed by hand, by person: the how many-th it is, or none.
    pub(crate) photos: BTreeMap<Uuid, Option<u32>>,
    /// Events made, changed or removed by hand, by person.
    pub(crate) events: BTreeMap<Uuid, BTreeMap<String, HandMadeEvent>>,
}

/// The properties that the directory itself reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WellKnown {
    pub(crate) user_principal_name: PropertyId,
    pub(crate) display_name: PropertyId,
    pub(crate) mail: PropertyId,
    pub(crate) proxy_addresses: PropertyId,
    pub(crate) user_type: PropertyId,
    pub(crate) account_enabled: PropertyId,
    pub(crate) group_types: PropertyId,
    pub(crate) group_display_name: PropertyId,
    pub(crate) group_visibility: PropertyId,
    pub(crate) group_security_enabled: PropertyId,
    pub(crate) assigned_licenses: PropertyId,
    pub(crate) preferred_language: PropertyId,
}

/// Looked up once: the catalogues never change.
pub(crate) static WELL_KNOWN: std::sync::LazyLock<WellKnown> = std::sync::LazyLock::new(|| {
    let (users, groups) = (Catalogue::users(&[]), Catalogue::groups());
    let user = |name| users.find(name).unwrap_or(properties::ID);
    let group = |name| groups.find(name).unwrap_or(properties::ID);
    WellKnown {
        user_principal_name: user("userPrincipalName"),
        display_name: user("displayName"),
        mail: user("mail"),
        proxy_addresses: user("proxyAddresses"),
        user_type: user("userType"),
        account_enabled: user("accountEnabled"),
        group_types: group("groupTypes"),
        group_display_name: group("displayName"),
        group_visibility: group("visibility"),
        group_security_enabled: group("securityEnabled"),
        assigned_licenses: user("assignedLicenses"),
        preferred_language: user("preferredLanguage"),
    }
});

impl Directory {
    pub(crate) fn user_catalogue(&self) -> Catalogue<'_> {
        Catalogue::users(&self.extensions)
    }

    /// A person that is not deleted, by object id or user principal name.
    pub(crate) fn live_user(&self, reference: &str) -> Option<&User> {
        let id = self.user_id(reference)?;
        self.users.get(&id).filter(|user| user.object.is_live())
    }

    /// The object id behind an id or user principal name, deleted or not.
    pub(crate) fn user_id(&self, reference: &str) -> Option<Uuid> {
        if let Ok(id) = Uuid::try_parse(reference) {
            return self.users.contains_key(&id).then_some(id);
        }
        self.names.get(&reference.to_lowercase()).copied()
    }

    /// A group that is not deleted.
    pub(crate) fn live_group(&self, id: Uuid) -> Option<&Group> {
        self.groups.get(&id).filter(|group| group.object.is_live())
    }

    /// The id behind a group's id or display name.
    pub(crate) fn group_id(&self, reference: &str) -> Option<Uuid> {
        if let Ok(id) = Uuid::try_parse(reference) {
            return self.groups.contains_key(&id).then_some(id);
        }
        let name = Value::String(reference.to_owned()).to_string();
        self.groups
            .values()
            .find(|group| group.object.json(WELL_KNOWN.group_display_name) == Some(name.as_str()))
            .map(|group| group.object.id)
    }

    pub(crate) fn live_user_count(&self) -> usize {
        self.users.values().filter(|user| user.object.is_live()).count()
    }

    /// The groups an object is directly in.
    pub(crate) fn direct_groups(&self, member: Uuid) -> impl Iterator<Item = Uuid> + '_ {
        self.containing.get(&member).into_iter().flatten().copied()
    }

    /// The live groups an object is in, directly or through other groups.
    pub(crate) fn groups_of(&self, member: Uuid) -> BTreeSet<Uuid> {
        let mut found = BTreeSet::new();
        let mut open = vec![member];
        while let Some(id) = open.pop() {
            for group in self.direct_groups(id) {
                if self.live_group(group).is_some() && found.insert(group) {
                    open.push(group);
                }
            }
        }
        found
    }

    /// A group and the groups nested in it, each once, cycles included.
    pub(crate) fn nested_groups(&self, group: Uuid) -> BTreeSet<Uuid> {
        let mut found = BTreeSet::from([group]);
        let mut open = vec![group];
        while let Some(id) = open.pop() {
            let Some(group) = self.live_group(id) else { continue };
            for (member, membership) in &group.members {
                if membership.present
                    && membership.kind == MemberKind::Group
                    && self.live_group(*member).is_some()
                    && found.insert(*member)
                {
                    open.push(*member);
                }
            }
        }
        found
    }

    /// What kind of live object an id names.
    pub(crate) fn kind_of(&self, id: Uuid) -> Option<MemberKind> {
        if self.users.get(&id).is_some_and(|user| user.object.is_live()) {
            Some(MemberKind::User)
        } else if self.live_group(id).is_some() {
            Some(MemberKind::Group)
        } else {
            let device = || self.devices.get()?.contains_key(&id).then_some(MemberKind::Device);
            self.others.get(&id).map(|other| other.kind).or_else(device)
        }
    }

    /// Adds a generated person; not a change that delta queries would tell.
    pub(crate) fn insert_user(&mut self, user: User) {
        if let Some(name) = user.object.text(WELL_KNOWN.user_principal_name) {
            self.names.insert(name.to_lowercase(), user.object.id);
        }
        self.users.insert(user.object.id, user);
    }

    /// Adds a generated group with its members.
    pub(crate) fn insert_group(&mut self, group: Group) {
        for member in group.members.keys() {
            self.containing.entry(*member).or_default().insert(group.object.id);
        }
        self.groups.insert(group.object.id, group);
    }

    /// When the next person leaves the recycle bin for good.
    pub(crate) fn next_purge(&self) -> Option<Timestamp> {
        let thirty_days = jiff::SignedDuration::from_hours(30 * 24);
        self.bin.first().map(|(deleted, _)| crate::clock::shifted(*deleted, thirty_days))
    }

    /// Ids of the people whose 30 days in the recycle bin ended before `now`.
    pub(crate) fn bin_overdue(&self, now: Timestamp) -> Vec<(Timestamp, Uuid)> {
        let thirty_days = jiff::SignedDuration::from_hours(30 * 24);
        let limit = now.saturating_sub(thirty_days).unwrap_or(Timestamp::MIN);
        self.bin
            .iter()
            .take_while(|(deleted, _)| *deleted <= limit)
            .map(|(deleted, id)| (crate::clock::shifted(*deleted, thirty_days), *id))
            .collect()
    }
}
