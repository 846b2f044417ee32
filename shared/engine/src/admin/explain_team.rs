//! Why somebody is, or is not, in a team: everything that holds the membership, and what each
//! connection's mapped groups say of the person, with the groups through which he is in them.
//! Nothing is written.
//!
//! Groups are read from Graph now, with a bounded number of requests; where that is not possible,
//! what the runs stored answers, with the time as of which. What the next look at the directory
//! would do is worked out by the rule by which runs settle memberships.
//!
//! Nothing is told of people without a contact but which clauses of the scope refuse them: whoever
//! may see the account's teams may not see the whole directory by that.

mod around;
mod person;
mod sentence;

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId, TeamId};
use contact_sync_domain::scope::{Clause, Stance};
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::settings::{OnLeave, Settings};
use contact_sync_domain::team::{
    Ended, Evidence, Membership, Observed, Origin, Standing, Team, TeamRow, Why,
};
use jiff::{SignedDuration, Timestamp};

use super::explain::{Explanation, explain};
use super::schedule::next_run_at;
use super::teams::team;
use super::{AdminError, Outside};
use crate::port::{Clock, ConnectionStore, Group, SettingsStore, SyncStateStore, TeamStore};
use crate::sync::{MemberSets, ReadAs, Watched, WatchedBy};

pub use around::GroupState;

use around::Looker;
pub(super) use person::Person;
use person::find;

/// How long Graph is asked before the answer must be on its way.
const TIME: SignedDuration = SignedDuration::from_secs(12);

/// Why somebody is, or is not, in a team.
#[derive(Debug, Clone, PartialEq)]
pub struct TeamExplanation {
    /// The team.
    pub team: Team,
    /// The person's contact; `None` where there is none.
    pub contact: Option<Contact>,
    /// The membership as stored, also one that ended a while ago.
    pub membership: Option<Membership>,
    /// Everything that holds it.
    pub held_by: Vec<Holder>,
    /// When the membership ended, and by what.
    pub left: Option<(Timestamp, Option<Ended>)>,
    /// What each connection that maps groups to the team, or held the membership, says.
    pub connections: Vec<Through>,
}

/// Something that holds the membership.
#[derive(Debug, Clone, PartialEq)]
pub struct Holder {
    /// What.
    pub origin: Origin,
    /// The group, with its name where it is known.
    pub group: Option<Group>,
    /// The way from the mapped group down to the one that has the person directly; empty where it
    /// is not known.
    pub path: Vec<Group>,
}

/// What the mapped groups of one connection make of the person.
#[derive(Debug, Clone, PartialEq)]
pub struct Through {
    /// Which connection.
    pub connection_id: ConnectionId,
    /// Its state: only an enabled one writes.
    pub status: ConnectionStatus,
    /// The person in its directory; told of people with a contact only.
    pub user: Option<ObjectId>,
    /// What the next look at the directory would find.
    pub why: Why,
    /// The same as a sentence.
    pub because: String,
    /// What a person can do about it.
    pub remedy: Option<String>,
    /// Each group that its settings map to the team.
    pub groups: Vec<MappedGroup>,
    /// The clauses of its scope that refuse the person.
    pub refused_by: Vec<Clause>,
    /// How old the stored members of its groups are.
    pub members_as_of: Option<Timestamp>,
    /// When its schedule comes due next.
    pub next_run_at: Option<Timestamp>,
    /// Whether the groups were read from Graph now.
    pub is_live: bool,
    /// Requests that took.
    pub requests: u32,
    /// Why not everything could be read.
    pub trouble: Option<String>,
}

/// A group that is mapped to the team.
#[derive(Debug, Clone, PartialEq)]
pub struct MappedGroup {
    /// Which.
    pub group: Group,
    /// What leaving it means.
    pub on_leave: OnLeave,
    /// What its members are in the team, where the settings say so.
    pub role: Option<String>,
    /// What is known of the person and the group.
    pub state: GroupState,
    /// What the stored members, by which runs go, say.
    pub stored: Evidence,
    /// The way from the group down to the one that has the person directly.
    pub path: Vec<Group>,
    /// Whether that way is told to its end.
    pub is_path_whole: bool,
}

/// What every connection is asked.
#[derive(Clone, Copy)]
struct Asked<'a> {
    account: &'a Account,
    team: &'a Team,
    person: &'a Person,
    membership: Option<&'a Membership>,
    until: Timestamp,
}

/// A connection that says something about the team.
struct Sayer {
    connection: Connection,
    settings: Settings,
    /// What its runs would do with somebody who has no contact in scope through it.
    told: Option<Explanation>,
    trouble: Option<String>,
}

/// Whom a text means, as far as the account's contacts tell.
pub(super) async fn find_person(
    outside: &impl Outside,
    account: &Account,
    who: &str,
) -> Result<Person, AdminError> {
    let connections = outside.store().connections(&account.id).await?;
    find(outside, account, &connections, who).await
}

/// Explains one person, named by a contact's id, an object id, a UPN or an e-mail address.
pub async fn explain_team(
    outside: &impl Outside,
    account: &Account,
    team_id: &TeamId,
    who: &str,
) -> Result<TeamExplanation, AdminError> {
    let store = outside.store();
    let team = team(store, &account.id, team_id).await?;
    let connections = store.connections(&account.id).await?;
    let mut person = find(outside, account, &connections, who).await?;
    let mut sayers = Vec::new();
    for connection in connections {
        let settings = store.settings(&account.id, &connection.id).await?.settings;
        let mut sayer = Sayer { connection, settings, told: None, trouble: None };
        if sayer.maps(&team.id) {
            sayer.ask(outside, account, &person).await?;
            person.learn(&sayer.connection.id, sayer.told.as_ref());
        }
        sayers.push(sayer);
    }
    let membership = match &person.contact_id {
        Some(id) => store.membership(&account.id, id, &team.id).await?,
        None => None,
    };
    if person.contact.is_none() && person.key.is_none() && membership.is_none() {
        return Err(AdminError::NotFound("contact"));
    }
    let holds =
        |id: &ConnectionId| membership.as_ref().is_some_and(|membership| membership.is_of(id));
    sayers.retain(|sayer| sayer.maps(&team.id) || holds(&sayer.connection.id));
    let until = outside.clock().now() + TIME;
    let membership = membership.as_ref();
    let asked = Asked { account, team: &team, person: &person, membership, until };
    let mut through = Vec::new();
    for sayer in &sayers {
        through.push(say(outside, &asked, sayer).await?);
    }
    let held_by = membership.into_iter().flat_map(|one| &one.origins);
    let held_by = held_by.map(|origin| holder(origin, &through)).collect();
    let ended = membership.filter(|membership| !membership.stands());
    let left = ended.map(|membership| (membership.updated_at, membership.ended.clone()));
    let membership = membership.cloned();
    let contact = person.contact;
    Ok(TeamExplanation { team, contact, membership, held_by, left, connections: through })
}

impl Sayer {
    fn maps(&self, team: &TeamId) -> bool {
        self.settings.teams.iter().any(|row| row.team == team.as_str())
    }

    /// Asks what runs would do with a person who is not linked in scope already.
    async fn ask(
        &mut self,
        outside: &impl Outside,
        account: &Account,
        person: &Person,
    ) -> Result<(), AdminError> {
        let (standing, _) = person.standing(&self.connection.id);
        let Some(key) = person.key.as_deref().filter(|_| standing != Standing::Linked) else {
            return Ok(());
        };
        match explain(outside, account, &self.connection.id, key).await {
            Ok(told) => self.told = Some(told),
            Err(AdminError::Store(error)) => return Err(error.into()),
            Err(error) => self.trouble = Some(sentence::trouble(&error)),
        }
        Ok(())
    }
}

/// What one connection says.
async fn say(
    outside: &impl Outside,
    asked: &Asked<'_>,
    sayer: &Sayer,
) -> Result<Through, AdminError> {
    let Asked { account, team, person, membership, until } = *asked;
    let Sayer { connection, settings, told, trouble } = sayer;
    let (standing, linked) = person.standing(&connection.id);
    let found = told.as_ref().and_then(|told| told.user.as_ref()).map(|user| &user.id);
    let user = linked.or(found);
    let rows: Vec<_> = settings.teams.iter().filter(|row| row.team == team.id.as_str()).collect();
    let by = WatchedBy { teams: true, ..WatchedBy::default() };
    let watched: Vec<Watched> = rows
        .iter()
        .map(|row| Watched { group: row.group.clone(), as_what: ReadAs::Nested, by })
        .collect();
    let mut stored = MemberSets::default();
    for one in &watched {
        let one = std::slice::from_ref(one);
        let set = MemberSets::load(outside.blobs(), &account.id, &connection.id, one).await?;
        stored.absorb(set.unwrap_or_default());
    }
    let mut looker = Looker::new(outside, connection, until);
    if let Some((group, _)) = stored.doubts().next() {
        looker.trouble = Some(format!("the last look could not rely on the members of {group}"));
    }
    let around = match user.filter(|_| !rows.is_empty()) {
        Some(user) => looker.around(user).await,
        None => None,
    };
    let mut groups = Vec::new();
    for row in &rows {
        let known = user.map_or(Evidence::Unknown, |user| stored.evidence(&row.group, user));
        let mut mapped = looker.mapped(&row.group, around.as_ref(), known, &stored).await;
        mapped.on_leave = row.on_leave;
        mapped.role.clone_from(&row.role);
        groups.push(mapped);
    }
    let evidence: Vec<TeamRow<'_>> = groups
        .iter()
        .map(|one| TeamRow {
            group: &one.group.id,
            on_leave: one.on_leave,
            role: one.role.as_deref(),
            evidence: one.state.evidence(),
        })
        .collect();
    let seen = Observed { connection: &connection.id, user, standing, rows: &evidence };
    let nothing =
        |id: &ContactId| Membership::none(account.id.clone(), team.id.clone(), id.clone());
    let id = person.contact_id.clone().unwrap_or_else(|| ContactId::from_bits(0));
    let why = Why::of(&membership.cloned().unwrap_or_else(|| nothing(&id)), &seen);
    let state = outside.store().sync_state(&account.id, &connection.id).await?;
    let refused_by = told.as_ref().map(refusing).unwrap_or_default();
    let is_live = around.is_some();
    let trouble = trouble.clone().or(looker.trouble);
    let facts = sentence::Facts {
        status: connection.status,
        why,
        groups: &groups,
        refused_by: &refused_by,
        is_found: told.as_ref().is_none_or(|told| told.user.is_some()),
        decision: told
            .as_ref()
            .and_then(|told| told.decision.as_ref())
            .filter(|item| is_told(item)),
        trouble: trouble.as_deref(),
        is_live,
    };
    let (because, remedy) = facts.told();
    Ok(Through {
        connection_id: connection.id.clone(),
        status: connection.status,
        user: linked.cloned(),
        why,
        because,
        remedy,
        groups,
        refused_by,
        members_as_of: state.and_then(|state| state.work.groups_delta).map(|it| it.issued_at),
        next_run_at: next_run_at(settings, account, outside.clock().now())
            .filter(|_| connection.status == ConnectionStatus::Enabled),
        is_live,
        requests: looker.requests,
        trouble,
    })
}

/// The clauses that refuse the person; their reasons may name values of people outside the scope.
fn refusing(told: &Explanation) -> Vec<Clause> {
    let refusing = told.scope.iter().filter(|clause| clause.verdict == Stance::Out);
    refusing.map(|clause| clause.clause).collect()
}

/// Whether a decision is about somebody whom the scope means.
fn is_told(item: &SegmentItem) -> bool {
    matches!(
        item.outcome,
        Outcome::Create
            | Outcome::Update
            | Outcome::Unchanged
            | Outcome::Failed
            | Outcome::AwaitingReview
            | Outcome::Deferred
    )
}

fn holder(origin: &Origin, through: &[Through]) -> Holder {
    let known = origin.group().and_then(|(connection, group)| {
        let through = through.iter().find(|one| one.connection_id == *connection)?;
        through.groups.iter().find(|one| one.group.id == *group)
    });
    let bare = origin.group().map(|(_, id)| Group { id: id.clone(), display_name: None });
    let is_held = matches!(origin, Origin::Group { .. });
    Holder {
        origin: origin.clone(),
        group: known.map(|one| one.group.clone()).or(bare),
        path: known.filter(|_| is_held).map(|one| one.path.clone()).unwrap_or_default(),
    }
}
