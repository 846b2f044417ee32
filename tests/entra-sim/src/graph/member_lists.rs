//! Members of groups, direct and nested, with the limited-information rule.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;

use http::StatusCode;
use uuid::Uuid;

use super::Call;
use super::errors::GraphError;
use super::paging::{Entries, Position, context, next_link, position};
use super::permissions::{
    APPLICATIONS, CONTACTS, DEVICES, GROUPS, HIDDEN_MEMBERS, MEMBERS, USERS_BASIC, require,
};
use super::query::{ListQuery, is_eventual, needs_eventual};
use super::token::AccessClaims;
use super::users::{readable_selection, tenant};
use crate::directory::members::MemberKind;
use crate::directory::properties::Catalogue;
use crate::directory::selection::{Detail, SelectError, Selection};
use crate::directory::{Directory, Group, WELL_KNOWN};
use crate::exchange::Reply;
use crate::settings::HiddenMembers;
use crate::tenants::Tenant;
use crate::world::World;

/// Whether the caller may read objects of this type.
pub(super) fn may_read(claims: &AccessClaims, kind: MemberKind) -> bool {
    claims.has_any(match kind {
        MemberKind::User => USERS_BASIC,
        MemberKind::Group => GROUPS,
        MemberKind::Device => DEVICES,
        MemberKind::ServicePrincipal => APPLICATIONS,
        MemberKind::OrgContact => CONTACTS,
    })
}

/// Writes objects of mixed types: what each type has of the selection.
pub(super) struct MixedSelection<'a> {
    directory: &'a Directory,
    claims: &'a AccessClaims,
    names: Vec<String>,
    users: Selection,
    groups: Selection,
    devices: Selection,
    /// Whether entries carry `@odata.type`; a cast leaves it out.
    typed: bool,
}

impl<'a> MixedSelection<'a> {
    pub(super) fn new(
        tenant: &'a Tenant,
        call: &'a Call<'_>,
        cast: Option<MemberKind>,
    ) -> Result<Self, GraphError> {
        let directory = &tenant.directory;
        let select = call.incoming.parameter("$select");
        let users = directory.user_catalogue();
        let groups = Catalogue::groups();
        let user_select = kept(select.as_deref(), &users, &groups, cast == Some(MemberKind::User))?;
        let group_select =
            kept(select.as_deref(), &groups, &users, cast == Some(MemberKind::Group))?;
        let mut user_selection =
            readable_selection(user_select.as_deref(), &users, call.claims, tenant, true)?;
        let mut group_selection = Selection::parse(group_select.as_deref(), &groups)?;
        let devices = Catalogue::devices();
        let device_select = select.as_deref().map(|select| {
            let names = select.split(',').map(str::trim);
            names.filter(|name| devices.find(name).is_some()).collect::<Vec<_>>().join(",")
        });
        let mut device_selection = Selection::parse(device_select.as_deref(), &devices)?;
        if select.is_some() {
            if device_select.as_deref() == Some("") {
                device_selection.properties.clear();
            }
            // A `$select` of names this type lacks leaves it with none, not with the defaults.
            if user_select.as_deref() == Some("") {
                user_selection.properties.clear();
            }
            if group_select.as_deref() == Some("") {
                group_selection.properties.clear();
            }
        }
        Ok(Self {
            directory,
            claims: call.claims,
            names: select
                .iter()
                .flat_map(|list| list.split(','))
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
            users: user_selection,
            groups: group_selection,
            devices: device_selection,
            typed: cast.is_none(),
        })
    }

    /// Writes one entry; objects the caller may not read show type and id, the rest `null`.
    pub(super) fn write(&self, out: &mut String, id: Uuid, kind: MemberKind) {
        let readable = may_read(self.claims, kind);
        if self.typed || !readable {
            out.push_str("\"@odata.type\":\"");
            out.push_str(kind.odata_type());
            out.push_str("\",");
        }
        if !readable {
            let _ = write!(out, "\"id\":\"{id}\"");
            for name in self.names.iter().filter(|name| *name != "id") {
                let _ = write!(out, ",{}:null", serde_json::Value::from(name.as_str()));
            }
            return;
        }
        let before = out.len();
        match kind {
            MemberKind::User => {
                if let Some(user) = self.directory.users.get(&id) {
                    let catalogue = self.directory.user_catalogue();
                    user.object.write(out, &catalogue, &self.users, Detail::Every);
                }
            }
            MemberKind::Group => {
                if let Some(group) = self.directory.groups.get(&id) {
                    let catalogue = Catalogue::groups();
                    group.object.write(out, &catalogue, &self.groups, Detail::Every);
                }
            }
            MemberKind::Device => {
                if let Some(device) = self.directory.devices().get(&id) {
                    device.object.write(out, &Catalogue::devices(), &self.devices, Detail::Every);
                }
            }
            MemberKind::ServicePrincipal | MemberKind::OrgContact => {
                let name = self.directory.others.get(&id).map(|other| other.display_name.as_str());
                let name = serde_json::Value::from(name.unwrap_or_default());
                let _ = write!(out, "\"id\":\"{id}\",\"displayName\":{name}");
            }
        }
        if out.len() == before && out.ends_with(',') {
            out.pop();
        }
    }
}

/// The part of a `$select` that a type has; names unknown to both types are refused.
fn kept(
    select: Option<&str>,
    own: &Catalogue<'_>,
    other: &Catalogue<'_>,
    strict: bool,
) -> Result<Option<String>, SelectError> {
    let Some(select) = select else { return Ok(None) };
    if strict {
        Selection::parse(Some(select), own)?;
    }
    let mut names = Vec::new();
    for name in select.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if own.find(name).is_some() {
            names.push(name);
        } else if other.find(name).is_none() && !strict {
            let type_name = "directoryObject";
            return Err(SelectError::Unknown { name: name.to_owned(), type_name });
        }
    }
    Ok(Some(names.join(",")))
}

/// The members a request is about.
struct Wanted<'a> {
    directory: &'a Directory,
    groups: Vec<&'a Group>,
    kind: Option<MemberKind>,
    /// The asked group itself, which a cycle would list.
    root: Uuid,
    transitive: bool,
}

impl Wanted<'_> {
    /// Members after an id, in order of id, each once.
    fn after(
        &self,
        start: Bound<Uuid>,
        limit: usize,
        fits: &dyn Fn(Uuid) -> bool,
    ) -> Vec<(Uuid, MemberKind)> {
        let mut found: BTreeMap<Uuid, MemberKind> = BTreeMap::new();
        for group in &self.groups {
            let members = group
                .members
                .range((start, Bound::Unbounded))
                .filter(|(id, membership)| {
                    membership.present
                        && self.kind.is_none_or(|kind| kind == membership.kind)
                        && !(self.transitive && **id == self.root)
                        && self.directory.kind_of(**id).is_some()
                        && fits(**id)
                })
                .take(limit);
            found.extend(members.map(|(id, membership)| (*id, membership.kind)));
        }
        found.into_iter().take(limit).collect()
    }
}

fn wanted<'w>(
    world: &'w World,
    call: &Call<'_>,
    reference: &str,
    transitive: bool,
    cast: Option<&str>,
) -> Result<Wanted<'w>, GraphError> {
    require(call.claims, MEMBERS)?;
    let directory = &tenant(world, call)?.directory;
    let group = Uuid::try_parse(reference)
        .ok()
        .and_then(|id| directory.live_group(id))
        .ok_or_else(|| GraphError::not_found(reference))?;
    let kind = cast
        .map(|cast| {
            let unknown = || GraphError::bad_request(&format!("'{cast}' is not a known type."));
            MemberKind::from_cast(cast).ok_or_else(unknown)
        })
        .transpose()?;
    let hidden = group.object.json(WELL_KNOWN.group_visibility) == Some("\"HiddenMembership\"");
    let refused = hidden && !call.claims.has_any(HIDDEN_MEMBERS);
    if refused && world.settings.graph.hidden_members == HiddenMembers::Forbidden {
        return Err(GraphError::denied());
    }
    let ids = if refused {
        std::collections::BTreeSet::new()
    } else if transitive {
        directory.nested_groups(group.object.id)
    } else {
        std::collections::BTreeSet::from([group.object.id])
    };
    let groups = ids.into_iter().filter_map(|id| directory.live_group(id)).collect();
    Ok(Wanted { directory, groups, kind, root: group.object.id, transitive })
}

/// `GET /groups/{id}/members` and `/transitiveMembers`, with or without a cast.
pub(super) fn list(
    world: &World,
    call: &Call<'_>,
    reference: &str,
    transitive: bool,
    cast: Option<&str>,
) -> Result<Reply, GraphError> {
    let wanted = wanted(world, call, reference, transitive, cast)?;
    let catalogue = match wanted.kind {
        Some(MemberKind::Group) => Catalogue::groups(),
        _ => wanted.directory.user_catalogue(),
    };
    let query = ListQuery::parse(call.incoming, &catalogue, &world.settings.graph)?;
    let filtered = query.filter.is_some() || query.search.is_some();
    if (cast.is_some() || filtered) && !query.counted {
        return Err(needs_eventual());
    }
    let fits = |id: Uuid| {
        query.filter.as_ref().is_none_or(|filter| {
            let users = wanted.directory.users.get(&id).map(|user| &user.object);
            let object = users.or_else(|| wanted.directory.groups.get(&id).map(|g| &g.object));
            object.is_some_and(|object| filter.matches(object))
        })
    };
    let start = match position(world, call)? {
        Some(Position::After(id)) => Bound::Excluded(id),
        _ => Bound::Unbounded,
    };
    let mut members = wanted.after(start, query.page_size + 1, &fits);
    let more = members.len() > query.page_size;
    members.truncate(query.page_size);
    let next = members.last().map(|(id, _)| Position::After(*id)).filter(|_| more);
    let selection = MixedSelection::new(tenant(world, call)?, call, wanted.kind)?;
    let mut entries = Entries::default();
    for (id, kind) in members {
        entries.add(|out| selection.write(out, id, kind));
    }
    let count = (query.counted && query.skip_token.is_none())
        .then(|| wanted.after(Bound::Unbounded, usize::MAX, &fits).len());
    let collection = match wanted.kind {
        Some(MemberKind::User) => "users",
        Some(MemberKind::Group) => "groups",
        _ => "directoryObjects",
    };
    let names: Vec<String> =
        query.select.iter().flat_map(|s| s.split(',')).map(|n| n.trim().to_owned()).collect();
    let link = next.map(|position| next_link(world, call, position));
    let link = link.as_deref().map(|link| ("@odata.nextLink", link));
    let page = entries.page(&context(world, collection, &names), count, link);
    Ok(Reply::graph(StatusCode::OK, page))
}

/// `…/$count` of a member list.
pub(super) fn count(
    world: &World,
    call: &Call<'_>,
    reference: &str,
    transitive: bool,
    cast: Option<&str>,
) -> Result<Reply, GraphError> {
    if !is_eventual(call.incoming) {
        return Err(needs_eventual());
    }
    let wanted = wanted(world, call, reference, transitive, cast)?;
    let count = wanted.after(Bound::Unbounded, usize::MAX, &|_| true).len();
    Ok(Reply::text(StatusCode::OK, "text/plain", count.to_string()))
}
