//! The groups around one person, read from Graph with few requests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::segment::NextStep;
use contact_sync_domain::settings::OnLeave;
use contact_sync_domain::team::{Evidence, GroupEdges};
use jiff::Timestamp;
use serde::Serialize;

use super::{MappedGroup, sentence};
use crate::admin::Outside;
use crate::port::{Clock, Directory, DirectoryError, Group};
use crate::sync::MemberSets;

/// How many requests one connection's answer may take.
const REQUESTS: u32 = 30;

/// What is known of a person and a mapped group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupState {
    /// The person is in it, directly or by groups inside it.
    Member,
    /// It was asked about, and the person is not in it.
    NotMember,
    /// It does not exist.
    Gone,
    /// It could not be told.
    Unknown,
}

impl GroupState {
    /// What a run may conclude from it.
    pub(super) fn evidence(self) -> Evidence {
        match self {
            Self::Member => Evidence::Member,
            Self::NotMember => Evidence::NotMember,
            Self::Gone | Self::Unknown => Evidence::Unknown,
        }
    }

    fn stored(evidence: Evidence) -> Self {
        match evidence {
            Evidence::Member => Self::Member,
            Evidence::NotMember => Self::NotMember,
            Evidence::Unknown => Self::Unknown,
        }
    }
}

/// The groups that a person is in.
pub(super) struct Around {
    /// All of them, those around others included, with their names where they may be read.
    names: BTreeMap<ObjectId, Option<String>>,
    /// Whether those are all.
    is_whole: bool,
    /// Whether it is known which have the person directly.
    knows_direct: bool,
    person: ObjectId,
}

/// Whoever reads for one connection.
pub(super) struct Looker<'l, O> {
    outside: &'l O,
    tenant: Option<&'l TenantId>,
    until: Timestamp,
    edges: GroupEdges,
    /// Requests made.
    pub(super) requests: u32,
    /// Why not everything could be read.
    pub(super) trouble: Option<String>,
}

/// A way down to the person.
struct Way {
    groups: Vec<ObjectId>,
    is_whole: bool,
}

impl<'l, O: Outside> Looker<'l, O> {
    pub(super) fn new(outside: &'l O, connection: &'l Connection, until: Timestamp) -> Self {
        let may_read = !matches!(
            connection.status,
            ConnectionStatus::Invited | ConnectionStatus::Disconnected
        );
        let tenant = connection.tenant.as_ref().filter(|_| may_read).map(|tenant| &tenant.id);
        let edges = GroupEdges::default();
        Self { outside, tenant, until, edges, requests: 0, trouble: None }
    }

    /// Whether another request may be made; it is counted.
    fn may_ask(&mut self) -> bool {
        if self.requests >= REQUESTS || self.outside.clock().now() > self.until {
            let stopped = format!("stopped after {} requests to Graph", self.requests);
            self.trouble.get_or_insert(stopped);
            return false;
        }
        self.requests += 1;
        true
    }

    fn note(&mut self, error: &DirectoryError) {
        self.trouble.get_or_insert_with(|| sentence::directory_trouble(error));
    }

    /// The groups that a person is in; `None` when Graph does not tell.
    pub(super) async fn around(&mut self, person: &ObjectId) -> Option<Around> {
        let (groups, is_whole) =
            self.groups_of(person, true).await.map_err(|it| self.note(&it)).ok()?;
        if groups.is_empty() && !is_whole {
            return None;
        }
        let names: BTreeMap<_, _> =
            groups.into_iter().map(|group| (group.id, group.display_name)).collect();
        let mut around = Around { names, is_whole, knows_direct: false, person: person.clone() };
        // That needs another permission; without it the members of the groups are read.
        if let Ok((direct, true)) = self.groups_of(person, false).await {
            around.knows_direct = true;
            for group in direct {
                self.edges.put_person(group.id);
            }
        }
        Some(around)
    }

    async fn groups_of(
        &mut self,
        person: &ObjectId,
        nested: bool,
    ) -> Result<(Vec<Group>, bool), DirectoryError> {
        let Some(tenant) = self.tenant else { return Ok((Vec::new(), false)) };
        let mut groups = Vec::new();
        let mut link: Option<String> = None;
        while self.may_ask() {
            let directory = self.outside.directory();
            let page = directory.user_groups(tenant, person, nested, link.as_deref()).await?;
            groups.extend(page.groups);
            match page.next {
                NextStep::Next(next) => link = Some(next),
                NextStep::Delta(_) | NextStep::End => return Ok((groups, true)),
            }
        }
        Ok((groups, false))
    }

    /// What is known of the person and a mapped group.
    pub(super) async fn mapped(
        &mut self,
        group: &ObjectId,
        around: Option<&Around>,
        known: Evidence,
        stored: &MemberSets,
    ) -> MappedGroup {
        let name = around.and_then(|around| around.names.get(group));
        let mut mapped = MappedGroup {
            group: Group { id: group.clone(), display_name: name.cloned().flatten() },
            on_leave: OnLeave::default(),
            role: None,
            state: GroupState::stored(known),
            stored: known,
            path: Vec::new(),
            is_path_whole: false,
        };
        let Some(around) = around else {
            if known == Evidence::Member {
                mapped.path = vec![mapped.group.clone()];
                mapped.is_path_whole = stored.is_flat(group);
            }
            return mapped;
        };
        if around.names.contains_key(group) {
            mapped.state = GroupState::Member;
            let way = self.way(group, around).await;
            let named =
                |id: ObjectId| Group { display_name: around.names.get(&id).cloned().flatten(), id };
            mapped.path = way.groups.into_iter().map(named).collect();
            mapped.is_path_whole = way.is_whole;
            return mapped;
        }
        if let Some(tenant) = self.tenant.filter(|_| self.may_ask()) {
            match self.outside.directory().find_group(tenant, group).await {
                Ok(Some(found)) => {
                    mapped.group = found;
                    // A group whose members are hidden is no member's group to those who ask.
                    let is_told = around.is_whole && known != Evidence::Member;
                    let is_read = is_told || self.has_not(group, around).await;
                    mapped.state =
                        if is_read { GroupState::NotMember } else { GroupState::Unknown };
                }
                Ok(None) => mapped.state = GroupState::Gone,
                Err(error) => {
                    self.note(&error);
                    mapped.state = GroupState::Unknown;
                }
            }
        }
        mapped
    }

    /// Whether a group that was stored with the person tells its members, who are not all hidden:
    /// then the person did leave it.
    async fn has_not(&mut self, group: &ObjectId, around: &Around) -> bool {
        let Some(tenant) = self.tenant.filter(|_| around.is_whole && self.may_ask()) else {
            return false;
        };
        match self.outside.directory().group_members(tenant, group, true, None).await {
            Ok(page) => !page.users.is_empty() && !page.users.contains(&around.person),
            Err(error) => {
                self.note(&error);
                false
            }
        }
    }

    /// The shortest way from a group down to the person: through groups only that have the person
    /// in them, each read once.
    async fn way(&mut self, group: &ObjectId, around: &Around) -> Way {
        let mut waiting = VecDeque::from([group.clone()]);
        let mut met = BTreeSet::new();
        loop {
            if let Some(groups) = self.edges.path_from(group) {
                return Way { groups, is_whole: true };
            }
            let Some(next) = waiting.pop_front() else { break };
            if !met.insert(next.clone()) {
                continue;
            }
            if let Err(error) = self.read_inside(&next, around).await {
                self.note(&error);
                break;
            }
            waiting.extend(self.edges.inside(&next).cloned());
        }
        Way { groups: vec![group.clone()], is_whole: false }
    }

    /// Reads which of the person's groups are directly inside one, and whether the person is.
    async fn read_inside(
        &mut self,
        group: &ObjectId,
        around: &Around,
    ) -> Result<(), DirectoryError> {
        let Some(tenant) = self.tenant else { return Ok(()) };
        let mut link: Option<String> = None;
        while self.may_ask() {
            let directory = self.outside.directory();
            let page = directory.group_members(tenant, group, false, link.as_deref()).await?;
            for inner in page.groups.into_iter().filter(|id| around.names.contains_key(id)) {
                self.edges.put_inside(group, inner);
            }
            if !around.knows_direct && page.users.contains(&around.person) {
                self.edges.put_person(group.clone());
            }
            match page.next {
                // Nothing on further pages is nearer than what was found.
                NextStep::Next(next) if self.edges.path_from(group).is_none() => link = Some(next),
                NextStep::Next(_) | NextStep::Delta(_) | NextStep::End => return Ok(()),
            }
        }
        Ok(())
    }
}
