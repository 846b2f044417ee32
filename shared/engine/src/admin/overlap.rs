//! Who is meant by two organisations of one tenant, or by none.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, TenantId};
use contact_sync_domain::routing::{Rivals, Route};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::scope::{Clause, Memberships, ScopeDecision, Stance};
use contact_sync_domain::segment::NextStep;
use jiff::{SignedDuration, Timestamp};

use super::{AdminError, Outside};
use crate::port::{Clock, ContactStore, Directory, DirectoryError, Lane, StoredContact};
use crate::split::{Sharer, memberships, sharers};

/// After so long no further page is read: HTTP APIs give up after 30 seconds.
const TIME: SignedDuration = SignedDuration::from_secs(18);

/// Why nobody knows whom a connection means.
const UNKNOWN: &str = "a group or administrative unit that its scope names is gone, or may not be \
                       read: correct the connection's scope first";

/// A report on everybody who was read: the whole directory, or the part that time allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The tenant's connections that sync, and how many people each means.
    pub connections: Vec<Meaning>,
    /// How many people were read.
    pub people: u64,
    /// Whether the directory was read to its end.
    pub complete: bool,
    /// Where the next report goes on, about those whom this one did not reach.
    pub next: Option<String>,
    /// Meant by several.
    pub shared: Shared,
    /// Meant by nobody.
    pub unclaimed: Unclaimed,
    /// So many may be meant by connections of which nobody knows whom they mean, so that they count
    /// neither as shared nor as unclaimed.
    pub undecided: u64,
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
    /// How many people its scope means; `None` where nobody knows.
    pub means: Option<u64>,
    /// Why nobody knows, and what helps.
    pub unknown: Option<&'static str>,
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
/// At most `examples` people of each kind are named. `cursor` is where an earlier report ended.
pub async fn overlap(
    outside: &impl Outside,
    tenant: &TenantId,
    cursor: Option<&str>,
    examples: u16,
) -> Result<Overlap, AdminError> {
    let began = outside.clock().now();
    let mut link = cursor.map(|cursor| open(tenant, cursor)).transpose()?;
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
    let mut at_start = true;
    loop {
        let read = directory.list_users(tenant, &selection, link.as_deref(), Lane::Bulk).await;
        let page = match read {
            // The directory has forgotten where the earlier report ended, or never gave that place.
            Err(
                DirectoryError::PageExpired
                | DirectoryError::Gone { .. }
                | DirectoryError::ForeignLink,
            ) if at_start && cursor.is_some() => return Err(AdminError::BadCursor),
            read => read?,
        };
        at_start = false;
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
            survey.report.next = link.as_ref().map(|link| seal(tenant, link));
            break;
        }
    }
    let mut report = survey.report;
    keepers(outside.store(), tenant, &mut report.shared.examples).await?;
    Ok(report)
}

/// Where a report of this tenant ended, for whoever asks for the rest.
fn seal(tenant: &TenantId, link: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{tenant} {link}"))
}

/// The place in the listing of this tenant's users that a cursor stands for. Whether it lies within
/// the directory is looked at where it is followed; here, that it is of people and of this tenant.
fn open(tenant: &TenantId, cursor: &str) -> Result<String, AdminError> {
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.as_deref()
        .and_then(|text| text.split_once(' '))
        .filter(|(of, link)| {
            let path = link.split(['?', '#']).next();
            *of == tenant.as_str() && path.is_some_and(|path| path.ends_with("/users"))
        })
        .map(|(_, link)| link.to_owned())
        .ok_or(AdminError::BadCursor)
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
    /// Each connection, who belongs to its groups if that is known, and how it sees the others.
    sharers: Vec<(Sharer, Option<Memberships>, Rivals)>,
    examples: usize,
    now: Timestamp,
    report: Overlap,
}

impl Survey {
    fn new(sharers: Vec<(Sharer, Option<Memberships>)>, examples: usize, now: Timestamp) -> Self {
        let connections = sharers
            .iter()
            .map(|(sharer, members)| Meaning {
                account_id: sharer.account_id.clone(),
                connection_id: sharer.connection_id.clone(),
                means: members.is_some().then_some(0),
                unknown: members.is_none().then_some(UNKNOWN),
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
                next: None,
                shared: Shared::default(),
                unclaimed: Unclaimed::default(),
                undecided: 0,
                graph: GraphCost::default(),
            },
        }
    }

    fn add(&mut self, user: &DirectoryUser) {
        self.report.people += 1;
        let mut meant_by = Vec::new();
        let mut taken_by = Vec::new();
        let mut because = Vec::new();
        let mut may_be_meant = false;
        let connections = self.sharers.iter().zip(&mut self.report.connections);
        for ((sharer, memberships, rivals), meaning) in connections {
            let Some(memberships) = memberships else {
                match refused_anyway(sharer, user, self.now) {
                    Some(reason) => because.push((sharer.account_id.clone(), reason)),
                    None => may_be_meant = true,
                }
                continue;
            };
            match sharer.scope.decide(user, memberships, self.now) {
                ScopeDecision::In { .. } => {
                    meaning.means = meaning.means.map(|means| means + 1);
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
            0 | 1 if may_be_meant => self.report.undecided += 1,
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

/// Why a scope does not mean a person, whoever is in its groups; `None` where that decides.
fn refused_anyway(sharer: &Sharer, user: &DirectoryUser, now: Timestamp) -> Option<String> {
    let verdicts = sharer.scope.explain(user, &Memberships::default(), now);
    let refuses = verdicts.into_iter().find(|one| {
        let by_members = matches!(
            one.clause,
            Clause::IgnoredGroups | Clause::Groups | Clause::AdministrativeUnits
        );
        one.verdict == Stance::Out && !by_members
    });
    refuses.map(|one| one.because)
}

fn name_of(user: &DirectoryUser) -> PersonName {
    let text = |name| user.text(name).map(str::to_owned);
    PersonName {
        object_id: user.id.clone(),
        display_name: text("displayName"),
        user_principal_name: text("userPrincipalName"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cursor comes from outside, and a tenant's token goes where it leads.
    #[test]
    fn only_a_place_among_this_tenants_users_is_gone_on_from() {
        let (own, other) = (TenantId::from_u128(1), TenantId::from_u128(2));
        let link = "https://graph.example/v1.0/users?$skiptoken=a b/groups";
        assert_eq!(open(&own, &seal(&own, link)).unwrap(), link);
        for (of, link) in [
            (&other, link),
            (&own, "https://graph.example/v1.0/groups?$skiptoken=x/users"),
            (&own, "https://graph.example/v1.0/users/8f0c1b1e/messages"),
            (&own, ""),
        ] {
            let refused = open(&own, &seal(of, link));
            assert!(matches!(refused, Err(AdminError::BadCursor)), "{link}");
        }
        for cursor in ["", "x", "????"] {
            assert!(matches!(open(&own, cursor), Err(AdminError::BadCursor)), "{cursor}");
        }
    }
}
