//! Who is meant by two organisations of one tenant, or by none.

use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, TenantId};
use contact_sync_domain::routing::{Rivals, Route};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::scope::{Memberships, ScopeDecision};
use contact_sync_domain::segment::NextStep;
use jiff::{SignedDuration, Timestamp};

use super::{AdminError, Outside};
use crate::port::{Clock, ContactStore, Directory, Lane, StoredContact};
use crate::split::{Sharer, memberships, sharers};

/// After so long no further page is read: HTTP APIs give up after 30 seconds.
const TIME: SignedDuration = SignedDuration::from_secs(18);

/// A report on everybody who was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The tenant's connections that sync, and how many people each means.
    pub connections: Vec<Meaning>,
    /// How many people were read.
    pub people: u64,
    /// Whether that is the whole directory.
    pub complete: bool,
    /// Meant by several.
    pub shared: Shared,
    /// Meant by nobody.
    pub unclaimed: Unclaimed,
    /// What reading them cost.
    pub graph: GraphCost,
}

/// A connection, and how many people it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// Whose.
    pub account_id: AccountId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// How many people its scope means.
    pub means: u64,
}

/// People meant by several connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shared {
    /// How many.
    pub count: u64,
    /// Of them, those whom nobody takes who has not got them yet.
    pub contested: u64,
    /// The first of them.
    pub examples: Vec<SharedPerson>,
}

/// People meant by no connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unclaimed {
    /// How many.
    pub count: u64,
    /// Of them, members of the organisation whose sign-in is not blocked: a gap, most likely.
    pub active_members: u64,
    /// The first of those.
    pub examples: Vec<UnclaimedPerson>,
}

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonName {
    /// The directory user.
    pub object_id: ObjectId,
    /// The name.
    pub display_name: Option<String>,
    /// The sign-in name.
    pub user_principal_name: Option<String>,
}

/// Somebody meant by several connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedPerson {
    /// Who.
    pub person: PersonName,
    /// Whose scopes mean the person.
    pub meant_by: Vec<AccountId>,
    /// Which of them take the person, had none yet.
    pub taken_by: Vec<AccountId>,
    /// Which of the others have a contact of the person all the same, from before: it stays, and is
    /// updated no more where somebody else goes first.
    pub kept_by: Vec<AccountId>,
}

/// Somebody meant by no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnclaimedPerson {
    /// Who.
    pub person: PersonName,
    /// Why, account by account.
    pub because: Vec<(AccountId, String)>,
}

/// Reads the directory, as far as time allows, and asks every connection's scope about everybody.
/// At most `examples` people of each kind are named.
pub async fn overlap(
    outside: &impl Outside,
    tenant: &TenantId,
    examples: u16,
) -> Result<Overlap, AdminError> {
    let began = outside.clock().now();
    let directory = outside.directory();
    let mut all = Vec::new();
    let mut cost = GraphCost::default();
    for sharer in sharers(outside.store(), tenant, None).await? {
        let blobs = outside.blobs();
        let members = memberships(directory, blobs, tenant, &sharer, &mut cost).await?;
        all.push((sharer, members));
    }
    if all.is_empty() {
        return Err(AdminError::NotFound("connection that syncs with this tenant"));
    }
    let selection =
        UserSelection::with(all.iter().flat_map(|(sharer, _)| sharer.scope.needed_attributes()));
    let mut survey = Survey::new(all, usize::from(examples), began);
    survey.report.graph = cost;
    let mut link: Option<String> = None;
    loop {
        let page = directory.list_users(tenant, &selection, link.as_deref(), Lane::Bulk).await?;
        survey.report.graph.add(page.cost);
        page.users.iter().for_each(|user| survey.add(user));
        match page.next {
            NextStep::Next(next) if link.as_ref() != Some(&next) => link = Some(next),
            NextStep::Next(_) | NextStep::Delta(_) => break,
            NextStep::End => {
                survey.report.complete = true;
                break;
            }
        }
        if outside.clock().now().duration_since(began) > TIME {
            break;
        }
    }
    let mut report = survey.report;
    keepers(outside.store(), tenant, &mut report.shared.examples).await?;
    Ok(report)
}

/// Finds out who has a contact of people whom others take by now.
async fn keepers(
    store: &impl ContactStore,
    tenant: &TenantId,
    examples: &mut [SharedPerson],
) -> Result<(), AdminError> {
    let mut accounts: Vec<AccountId> =
        examples.iter().flat_map(|one| one.meant_by.iter().cloned()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    for account in accounts {
        let stands_back = |one: &&mut SharedPerson| {
            one.meant_by.contains(&account) && !one.taken_by.contains(&account)
        };
        let mut people: Vec<&mut SharedPerson> = examples.iter_mut().filter(stands_back).collect();
        let users: Vec<ObjectId> = people.iter().map(|one| one.person.object_id.clone()).collect();
        let adopted = store.adopted(&account, tenant, &users).await?;
        let contacts: Vec<ContactId> = users
            .iter()
            .zip(adopted)
            .map(|(user, adopted)| {
                adopted.unwrap_or_else(|| ContactId::derived(&account, tenant, user))
            })
            .collect();
        let stored = store.get_many(&account, &contacts).await?;
        for (person, stored) in people.iter_mut().zip(stored) {
            let Some(StoredContact::Present(contact)) = stored else { continue };
            let link = contact.link.as_ref();
            if link.is_some_and(|link| link.object_id == person.person.object_id) {
                person.kept_by.push(account.clone());
            }
        }
    }
    Ok(())
}

/// The report in the making.
struct Survey {
    /// Each connection, who belongs to its groups, and how it sees the others.
    sharers: Vec<(Sharer, Memberships, Rivals)>,
    examples: usize,
    now: Timestamp,
    report: Overlap,
}

impl Survey {
    fn new(sharers: Vec<(Sharer, Memberships)>, examples: usize, now: Timestamp) -> Self {
        let connections = sharers
            .iter()
            .map(|(sharer, _)| Meaning {
                account_id: sharer.account_id.clone(),
                connection_id: sharer.connection_id.clone(),
                means: 0,
            })
            .collect();
        let view = |one: &Sharer| {
            let others =
                sharers.iter().filter(|(other, _)| other.connection_id != one.connection_id);
            let others = others.cloned().map(|(other, members)| other.into_rival(members));
            Rivals::new(one.settings.routing, others.collect())
        };
        let views: Vec<Rivals> = sharers.iter().map(|(one, _)| view(one)).collect();
        let seen = sharers.into_iter().zip(views);
        Self {
            sharers: seen.map(|((one, members), rivals)| (one, members, rivals)).collect(),
            examples,
            now,
            report: Overlap {
                connections,
                people: 0,
                complete: false,
                shared: Shared::default(),
                unclaimed: Unclaimed::default(),
                graph: GraphCost::default(),
            },
        }
    }

    fn add(&mut self, user: &DirectoryUser) {
        self.report.people += 1;
        let mut meant_by = Vec::new();
        let mut taken_by = Vec::new();
        let mut because = Vec::new();
        let connections = self.sharers.iter().zip(&mut self.report.connections);
        for ((sharer, memberships, rivals), meaning) in connections {
            match sharer.scope.decide(user, memberships, self.now) {
                ScopeDecision::In { .. } => {
                    meaning.means += 1;
                    meant_by.push(sharer.account_id.clone());
                    if rivals.route(user, self.now) == Route::Ours {
                        taken_by.push(sharer.account_id.clone());
                    }
                }
                ScopeDecision::Out { because: reason, .. }
                | ScopeDecision::Failed { because: reason } => {
                    because.push((sharer.account_id.clone(), reason));
                }
                ScopeDecision::Unknown { absent } => {
                    let reason = format!("Entra did not tell `{absent}` of this person");
                    because.push((sharer.account_id.clone(), reason));
                }
            }
        }
        match meant_by.len() {
            0 => self.add_unclaimed(user, because),
            1 => {}
            _ => {
                let shared = &mut self.report.shared;
                shared.count += 1;
                shared.contested += u64::from(taken_by.is_empty());
                if shared.examples.len() < self.examples {
                    let person = name_of(user);
                    shared.examples.push(SharedPerson {
                        person,
                        meant_by,
                        taken_by,
                        kept_by: Vec::new(),
                    });
                }
            }
        }
    }

    fn add_unclaimed(&mut self, user: &DirectoryUser, because: Vec<(AccountId, String)>) {
        let unclaimed = &mut self.report.unclaimed;
        unclaimed.count += 1;
        let is_guest = user.text("userType").is_some_and(|kind| kind.eq_ignore_ascii_case("guest"));
        if is_guest || user.account_enabled() == Some(false) {
            return;
        }
        unclaimed.active_members += 1;
        if unclaimed.examples.len() < self.examples {
            unclaimed.examples.push(UnclaimedPerson { person: name_of(user), because });
        }
    }
}

fn name_of(user: &DirectoryUser) -> PersonName {
    let text = |name| user.text(name).map(str::to_owned);
    PersonName {
        object_id: user.id.clone(),
        display_name: text("displayName"),
        user_principal_name: text("userPrincipalName"),
    }
}
