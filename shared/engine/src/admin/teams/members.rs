//! The members of one team.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::history::HistoryKind;
use contact_sync_domain::id::{AccountId, ContactId, TeamId};
use contact_sync_domain::settings::check::MOST_OF_A_ROLE;
use contact_sync_domain::team::{ByHand, Ended, Membership, Origin};
use serde_json::Value;

use super::{holding, team};
use crate::admin::contacts::contact;
use crate::admin::deeds::Deed;
use crate::admin::document::{Members, plain_text};
use crate::admin::{ATTEMPTS, AdminError, Caller, Outside, Page};
use crate::port::{Clock, ContactStore, HistoryStore, SHARDS, StoredContact, TeamStore};

/// A member of a team.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The membership.
    pub membership: Membership,
    /// Who it is.
    pub contact: Contact,
}

/// A page of members.
pub type MembersPage = Page<Member>;

/// Where a list of members goes on.
struct Position {
    shard: u8,
    after: Option<ContactId>,
}

impl Position {
    fn parse(cursor: Option<&str>) -> Option<Self> {
        let Some(cursor) = cursor else { return Some(Self { shard: 0, after: None }) };
        let (shard, after) = cursor.split_once('.')?;
        let after = match after {
            "" => None,
            after => Some(ContactId::parse(after).ok()?),
        };
        Some(Self { shard: shard.parse().ok().filter(|shard| *shard < SHARDS)?, after })
    }

    fn cursor(&self) -> String {
        format!("{}.{}", self.shard, self.after.as_ref().map_or("", ContactId::as_str))
    }
}

/// A page of a team's members by contact. It reads as much as it shows, however many contacts the
/// account has; it may be short although more follow.
pub async fn team_members(
    outside: &impl Outside,
    account: &AccountId,
    id: &TeamId,
    cursor: Option<&str>,
    limit: u16,
) -> Result<MembersPage, AdminError> {
    let store = outside.store();
    team(store, account, id).await?;
    let mut position = Position::parse(cursor).ok_or(AdminError::BadCursor)?;
    let mut found: Vec<Membership> = Vec::new();
    let mut next = None;
    while position.shard < SHARDS {
        let left = usize::from(limit).saturating_sub(found.len());
        if left == 0 {
            next = Some(position.cursor());
            break;
        }
        let (shard, after) = (position.shard, position.after.take());
        let left = u16::try_from(left).unwrap_or(limit);
        let page = store.team_memberships(account, id, shard, after.as_ref(), left).await?;
        found.extend(page.memberships.into_iter().filter(Membership::stands));
        match page.next {
            Some((contact, _)) => position.after = Some(contact),
            None => position.shard += 1,
        }
    }
    let ids: Vec<ContactId> = found.iter().map(|one| one.contact_id.clone()).collect();
    let contacts = store.get_many(account, &ids).await?;
    let items = found.into_iter().zip(contacts).filter_map(|(membership, stored)| match stored {
        Some(StoredContact::Present(contact)) => Some(Member { membership, contact: *contact }),
        Some(StoredContact::Tombstone { .. }) | None => None,
    });
    Ok(Page { items: items.collect(), next })
}

/// What is asked of the role of somebody who is put into a team by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleByHand {
    /// Nothing: a role that stands by hand stays.
    AsIs,
    /// This role, whatever groups say; without one the groups' counts again.
    Is(Option<String>),
}

impl RoleByHand {
    /// Reads `{role}`.
    pub fn read(document: &Value) -> Result<Self, AdminError> {
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        let asked = match members.value("role") {
            None => Self::AsIs,
            Some(value) => match plain_text(value, MOST_OF_A_ROLE) {
                Ok(None) if value.is_string() => {
                    members.problem("role", "this cannot be empty; `null` takes the role back");
                    Self::AsIs
                }
                Ok(role) => Self::Is(role),
                Err(message) => {
                    members.problem("role", message);
                    Self::AsIs
                }
            },
        };
        let problems = members.finish();
        if problems.is_empty() { Ok(asked) } else { Err(AdminError::Invalid(problems)) }
    }
}

/// Puts a contact into a team, whatever else holds it there, and says what it is there.
pub async fn add_member(
    outside: &impl Outside,
    caller: &Caller,
    account: &AccountId,
    id: &TeamId,
    contact_id: &ContactId,
    role: RoleByHand,
) -> Result<Member, AdminError> {
    let store = outside.store();
    team(store, account, id).await?;
    let contact = contact(store, account, contact_id).await?;
    for _ in 0..ATTEMPTS {
        let before = store.membership(account, contact_id, id).await?;
        let before = before
            .unwrap_or_else(|| Membership::none(account.clone(), id.clone(), contact_id.clone()));
        let membership = before.clone().joined_by(ByHand {
            subject: caller.subject.clone(),
            name: caller.name.clone(),
            at: outside.clock().now(),
        });
        let membership = match &role {
            RoleByHand::AsIs => membership,
            RoleByHand::Is(role) => membership.with_role(role.clone()),
        };
        let joins = membership.origins != before.origins;
        if membership == before {
            return Ok(Member { membership, contact });
        }
        let membership = membership.replacing(&before, None, outside.clock().now());
        if store.put_membership(&membership).await? {
            let team = id.clone();
            let what = match role {
                RoleByHand::Is(role) if !joins => HistoryKind::TeamRole { team, role },
                RoleByHand::Is(_) | RoleByHand::AsIs => HistoryKind::TeamJoined { team },
            };
            let deed = Deed::in_account(outside, caller, account, what).await?;
            store.tell(account, &deed.passes(&contact, membership.updated_at)).await?;
            return Ok(Member { membership, contact });
        }
    }
    Err(AdminError::Moved)
}

/// Takes a contact out of a team. Whom a group holds there is refused: sync would put the contact
/// back, so the group or the mapping must change.
pub async fn remove_member(
    outside: &impl Outside,
    caller: &Caller,
    account: &AccountId,
    id: &TeamId,
    contact_id: &ContactId,
) -> Result<(), AdminError> {
    let store = outside.store();
    team(store, account, id).await?;
    for _ in 0..ATTEMPTS {
        let found = store.membership(account, contact_id, id).await?;
        let before = found.filter(Membership::stands).ok_or(AdminError::NotFound("member"))?;
        let holding = holding(outside, &before).await?;
        if !holding.is_empty() {
            let groups = holding.iter().filter_map(Origin::group).map(|(_, group)| group.clone());
            return Err(AdminError::HeldByGroups(groups.collect()));
        }
        // What is left are people, those who stayed, and connections that were deleted.
        let (subject, name) = (caller.subject.clone(), caller.name.clone());
        let membership = before.clone().end(Ended::Person { subject, name });
        let now = outside.clock().now();
        if store.put_membership(&membership.replacing(&before, None, now)).await? {
            if let Some(StoredContact::Present(contact)) = store.get(account, contact_id).await? {
                let what = HistoryKind::TeamLeft { team: id.clone() };
                let deed = Deed::in_account(outside, caller, account, what).await?;
                store.tell(account, &deed.passes(&contact, now)).await?;
            }
            return Ok(());
        }
    }
    Err(AdminError::Moved)
}
