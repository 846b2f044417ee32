//! Groups: members, delta, by name.

use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_engine::port::{
    Clock, DirectoryError, GraphBudget, Group, GroupChange, GroupPage, GroupsDeltaPage, Lane,
    MemberEdge, MemberKind, MemberPage,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::call::{Call, Expects, Unusable};
use crate::client::GraphClient;
use crate::credential::CredentialSource;
use crate::directory::{escape, quoted};
use crate::page::{no_json, read_page};

/// What a group's change is tracked by: its name, and who is directly in it.
const TRACKED: &str = "displayName,members";

#[derive(Deserialize)]
pub(crate) struct WireMember {
    #[serde(rename = "@odata.type")]
    kind: Option<String>,
    id: ObjectId,
}

#[derive(Deserialize)]
struct WireGroup {
    id: ObjectId,
    #[serde(default, rename = "displayName")]
    display_name: Option<String>,
    #[serde(default, rename = "@removed")]
    removed: Option<IgnoredAny>,
    #[serde(default, rename = "members@delta")]
    edges: Vec<WireEdge>,
}

#[derive(Deserialize)]
struct WireEdge {
    #[serde(default, rename = "@odata.type")]
    kind: Option<String>,
    id: ObjectId,
    #[serde(default, rename = "@removed")]
    removed: Option<IgnoredAny>,
}

impl From<WireEdge> for MemberEdge {
    fn from(edge: WireEdge) -> Self {
        let kind = match edge.kind.as_deref() {
            Some("#microsoft.graph.user") => MemberKind::User,
            Some("#microsoft.graph.group") => MemberKind::Group,
            Some(_) => MemberKind::Other,
            None => MemberKind::Unknown,
        };
        Self { id: edge.id, kind, is_gone: edge.removed.is_some() }
    }
}

impl From<WireGroup> for GroupChange {
    fn from(group: WireGroup) -> Self {
        if group.removed.is_some() {
            return Self::Gone(group.id);
        }
        let members = group.edges.into_iter().map(MemberEdge::from).collect();
        Self::Changed { group: group.id, members }
    }
}

impl From<WireGroup> for Group {
    fn from(group: WireGroup) -> Self {
        Self { id: group.id, display_name: group.display_name }
    }
}

/// Who may see who is in a group.
#[derive(Deserialize)]
struct WireVisibility {
    #[serde(default)]
    visibility: Option<String>,
}

/// Something that has a user in it.
#[derive(Deserialize)]
struct WireAround {
    #[serde(rename = "@odata.type")]
    kind: Option<String>,
    id: ObjectId,
    #[serde(default, rename = "displayName")]
    display_name: Option<String>,
}

/// The groups among what a user is in; roles and administrative units have no teams.
fn groups_among(around: Vec<WireAround>) -> Result<Vec<Group>, Unusable> {
    let mut groups = Vec::new();
    for one in around {
        match one.kind.as_deref() {
            Some("#microsoft.graph.group") => {
                groups.push(Group { id: one.id, display_name: one.display_name });
            }
            Some(_) => {}
            None => return Err(Unusable::Broken("a membership without a type", None)),
        }
    }
    Ok(groups)
}

/// Users and groups among a page's members; devices, contacts and applications are nobody to sync.
pub(crate) fn sorted(members: Vec<WireMember>) -> Result<(Vec<ObjectId>, Vec<ObjectId>), Unusable> {
    let (mut users, mut groups) = (Vec::new(), Vec::new());
    for member in members {
        match member.kind.as_deref() {
            Some("#microsoft.graph.user") => users.push(member.id),
            Some("#microsoft.graph.group") => groups.push(member.id),
            Some(_) => {}
            None => return Err(Unusable::Broken("a member without a type", None)),
        }
    }
    Ok((users, groups))
}

impl<S: CredentialSource, C: Clock, B: GraphBudget> GraphClient<S, C, B> {
    pub(crate) async fn members(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
        nested: bool,
        link: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        let members = if nested { "transitiveMembers" } else { "members" };
        let url = match link {
            Some(link) => self.endpoints.follow(link)?,
            None => {
                self.endpoints.graph(&format!("/groups/{group}/{members}?$select=id&$top=999"))?
            }
        };
        let call = Call { lane: Lane::Bulk, ..Call::get("a group's members", url) };
        let read = |body: &[u8]| {
            let (members, links) = read_page(body)?;
            let next = links.of_listing(&self.endpoints, link.unwrap_or_default())?;
            Ok((sorted(members)?, next))
        };
        let (((users, groups), next), cost) = self.call(tenant, &call, read).await?;
        Ok(MemberPage { users, groups, next, cost })
    }

    pub(crate) async fn groups_around(
        &self,
        tenant: &TenantId,
        user: &ObjectId,
        nested: bool,
        link: Option<&str>,
    ) -> Result<GroupPage, DirectoryError> {
        let path = if nested {
            format!("/users/{user}/transitiveMemberOf?$select=id,displayName&$top=999")
        } else {
            format!("/users/{user}/memberOf?$select=id,displayName&$top=999")
        };
        let url = match link {
            Some(link) => self.endpoints.follow(link)?,
            None => self.endpoints.graph(&path)?,
        };
        let call = Call::glance("a user's groups", url);
        let read = |body: &[u8]| {
            let (around, links) = read_page(body)?;
            let next = links.of_listing(&self.endpoints, link.unwrap_or_default())?;
            Ok((groups_among(around)?, next))
        };
        let ((groups, next), cost) = self.call(tenant, &call, read).await?;
        Ok(GroupPage { groups, next, cost })
    }

    pub(crate) async fn groups_latest(
        &self,
        tenant: &TenantId,
    ) -> Result<(String, GraphCost), DirectoryError> {
        let path = format!("/groups/delta?$deltatoken=latest&$select={TRACKED}");
        let call = Call::get("the groups delta", self.endpoints.graph(&path)?);
        let read = |body: &[u8]| {
            let (_, links) = read_page::<IgnoredAny>(body)?;
            links.delta(&self.endpoints)
        };
        Ok(self.call(tenant, &call, read).await?)
    }

    pub(crate) async fn group_changes(
        &self,
        tenant: &TenantId,
        link: &str,
    ) -> Result<GroupsDeltaPage, DirectoryError> {
        let url = self.endpoints.follow(link)?;
        let call = Call { expects: Expects::DeltaPage, ..Call::get("the groups delta", url) };
        let read = |body: &[u8]| {
            let (groups, links) = read_page::<WireGroup>(body)?;
            Ok((groups, links.of_delta(&self.endpoints, link)?))
        };
        let ((groups, next), cost) = self.call(tenant, &call, read).await?;
        let changes = groups.into_iter().map(GroupChange::from).collect();
        Ok(GroupsDeltaPage { changes, next, cost })
    }

    pub(crate) async fn group_by_id(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
    ) -> Result<Option<Group>, DirectoryError> {
        let url = self.endpoints.graph(&format!("/groups/{group}?$select=id,displayName"))?;
        let read = |body: &[u8]| serde_json::from_slice::<WireGroup>(body).map_err(no_json);
        match self.call(tenant, &Call::get("a group", url), read).await {
            Ok((group, _)) => Ok(Some(group.into())),
            Err(failure) => match failure.error {
                DirectoryError::NotFound { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Whether a group shows who is in it (Graph: `visibility`, of which `HiddenMembership` is told to
    /// `Member.Read.Hidden` alone).
    pub(crate) async fn group_visibility(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
    ) -> Result<(bool, GraphCost), DirectoryError> {
        let url = self.endpoints.graph(&format!("/groups/{group}?$select=id,visibility"))?;
        let read = |body: &[u8]| {
            let found: WireVisibility = serde_json::from_slice(body).map_err(no_json)?;
            Ok(found.visibility.as_deref() != Some("HiddenMembership"))
        };
        Ok(self.call(tenant, &Call::get("a group's visibility", url), read).await?)
    }

    pub(crate) async fn groups_beginning_with(
        &self,
        tenant: &TenantId,
        query: &str,
        limit: u16,
    ) -> Result<Vec<Group>, DirectoryError> {
        let limit = limit.clamp(1, 999);
        let mut path = format!("/groups?$select=id,displayName&$top={limit}");
        let query = query.trim();
        if !query.is_empty() {
            path.push_str("&$filter=");
            path.push_str(&escape(&format!("startswith(displayName,{})", quoted(query))));
        }
        let call = Call::glance("a search for groups", self.endpoints.graph(&path)?);
        let read = |body: &[u8]| Ok(read_page::<WireGroup>(body)?.0);
        let (groups, _) = self.call(tenant, &call, read).await?;
        Ok(groups.into_iter().take(limit.into()).map(Group::from).collect())
    }
}
