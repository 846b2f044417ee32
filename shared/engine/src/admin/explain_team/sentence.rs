//! Why somebody is, or is not, in a team by one connection, as a sentence for people.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::scope::Clause;
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::team::Why;

use super::{GroupState, MappedGroup};
use crate::admin::AdminError;
use crate::port::{DirectoryError, Group};

/// What a sentence is made of.
pub(super) struct Facts<'f> {
    pub(super) status: ConnectionStatus,
    pub(super) why: Why,
    pub(super) groups: &'f [MappedGroup],
    pub(super) refused_by: &'f [Clause],
    /// Whether the directory knows the person, as far as it was asked.
    pub(super) is_found: bool,
    /// What a run would do with a person in scope.
    pub(super) decision: Option<&'f SegmentItem>,
    pub(super) trouble: Option<&'f str>,
    pub(super) is_live: bool,
}

impl Facts<'_> {
    /// The sentence, and what a person can do about it.
    pub(super) fn told(&self) -> (String, Option<String>) {
        match self.why {
            Why::Holds => self.holds(),
            Why::Joins => (
                format!("the person is in {}, and joins the team{}", self.member_of(), self.role()),
                Some(self.soon()),
            ),
            Why::Leaves => (
                format!("the person is in none of the mapped groups any more{}", self.leaving()),
                Some(self.soon()),
            ),
            Why::InNoGroup => (
                format!("the person is in none of the mapped groups: {}", self.labels(|_| true)),
                Some(
                    "put the person into one of them in Entra, or map a group that he is in".into(),
                ),
            ),
            Why::NotToBeTold => self.not_to_be_told(),
            Why::NotMapped => (
                "the settings map no group to the team".into(),
                Some("map a group of the person's to the team, or put the contact there".into()),
            ),
            Why::NotSynced => self.not_synced(),
            Why::NoLongerSynced => (
                format!(
                    "the contact is not updated any more, so that it joins no team{}",
                    self.refused()
                ),
                Some("take the person into the scope again".into()),
            ),
            Why::Removed => (
                "the person is gone from the directory; teams stay as they are for who comes back"
                    .into(),
                None,
            ),
        }
    }

    fn holds(&self) -> (String, Option<String>) {
        let of = self.member_of();
        if of.is_empty() {
            let doubted = self.labels(|one| one.state != GroupState::NotMember);
            let sentence = format!(
                "a mapped group held the membership and cannot be told of now: {doubted}; nobody \
                 leaves by that"
            );
            return (sentence, self.trouble.map(str::to_owned));
        }
        let seen = if self.is_live { "" } else { ", as last read" };
        (format!("the person is in {of}{seen}{}", self.role()), None)
    }

    /// What the mapped groups make of the person in the team: the first that has him and says so.
    fn role(&self) -> String {
        let mut members = self.groups.iter().filter(|one| one.state == GroupState::Member);
        let first = members.find_map(|one| Some((one.role.as_deref()?, label(&one.group))));
        first.map_or_else(String::new, |(role, group)| format!(", as `{role}` by {group}"))
    }

    fn not_to_be_told(&self) -> (String, Option<String>) {
        let gone = self.labels(|one| one.state == GroupState::Gone);
        if !gone.is_empty() {
            let remedy = "take the mapping out of the settings, or map another group";
            return (
                format!("a mapped group does not exist any more: {gone}"),
                Some(remedy.into()),
            );
        }
        let unknown = self.labels(|one| one.state == GroupState::Unknown);
        let trouble = self.trouble.map(|trouble| format!(": {trouble}")).unwrap_or_default();
        (
            format!("the members of a mapped group could not be told: {unknown}{trouble}"),
            Some("nobody joins by it until it can be read; try again later".into()),
        )
    }

    fn not_synced(&self) -> (String, Option<String>) {
        if let Some(trouble) = self.trouble.filter(|_| self.decision.is_none() && !self.is_live) {
            let sentence = format!("the person has no contact through the connection; {trouble}");
            return (sentence, None);
        }
        if !self.is_found {
            let sentence = "the directory has nobody of that name".to_owned();
            return (sentence, Some("look for the person by object id".into()));
        }
        if !self.refused_by.is_empty() {
            let sentence = format!("the person has no contact{}", self.refused());
            return (sentence, Some("take the person into the scope".into()));
        }
        let Some(item) = self.decision else {
            return ("the person has no contact through the connection".into(), None);
        };
        match item.outcome {
            Outcome::Create | Outcome::Update => (
                "the person has no contact yet; the next full run makes it, and its teams".into(),
                Some(self.soon()),
            ),
            _ => (
                item.reason.clone().unwrap_or_else(|| "the contact waits for a decision".into()),
                item.remedy.clone().or_else(|| Some("decide it among the reviews".into())),
            ),
        }
    }

    /// When what is missing will happen.
    fn soon(&self) -> String {
        match self.status {
            ConnectionStatus::Enabled => {
                "the next look at the directory does it; Sync Now looks at once".into()
            }
            ConnectionStatus::Paused => "resume the connection: a paused one writes nothing".into(),
            ConnectionStatus::Attention => {
                "the connection needs attention before it goes on".into()
            }
            ConnectionStatus::Invited
            | ConnectionStatus::Authorized
            | ConnectionStatus::Ready
            | ConnectionStatus::Disabled
            | ConnectionStatus::Disconnected => {
                "enable the connection: it writes nothing now".into()
            }
        }
    }

    fn leaving(&self) -> &'static str {
        let keeps =
            |one: &MappedGroup| one.on_leave == contact_sync_domain::settings::OnLeave::Keep;
        if self.groups.iter().any(keeps) { "; the mapping says whether leavers stay" } else { "" }
    }

    fn refused(&self) -> String {
        if self.refused_by.is_empty() {
            return String::new();
        }
        let clauses: Vec<String> = self.refused_by.iter().map(|one| name(*one)).collect();
        format!(": the scope refuses the person by {}", clauses.join(", "))
    }

    fn member_of(&self) -> String {
        self.labels(|one| one.state == GroupState::Member)
    }

    fn labels(&self, which: impl Fn(&MappedGroup) -> bool) -> String {
        let meant = self.groups.iter().filter(|one| which(one));
        let labels: Vec<String> = meant
            .map(|one| {
                let through: Vec<String> = one.path.iter().skip(1).map(label).collect();
                match through.as_slice() {
                    [] => label(&one.group),
                    through => format!("{} through {}", label(&one.group), through.join(" and ")),
                }
            })
            .collect();
        labels.join(", ")
    }
}

/// A group by its name, where it is known.
fn label(group: &Group) -> String {
    group.display_name.clone().unwrap_or_else(|| group.id.to_string())
}

/// A clause as the settings name it.
fn name(clause: Clause) -> String {
    let name = match clause {
        Clause::IgnoredUsers => "ignoredUsers",
        Clause::IgnoredGroups => "ignoredGroups",
        Clause::DisabledAccounts => "disabledAccounts",
        Clause::Groups => "groups",
        Clause::AdministrativeUnits => "administrativeUnits",
        Clause::UserTypes => "userTypes",
        Clause::Departments => "departments",
        Clause::OfficeLocations => "officeLocations",
        Clause::Domains => "domains",
        Clause::Expression => "expression",
    };
    format!("scope.{name}")
}

/// Why the person could not be looked at.
pub(super) fn trouble(error: &AdminError) -> String {
    match error {
        AdminError::Directory(error) => directory_trouble(error),
        AdminError::NotNow { .. } => "the connection is not connected to a directory".into(),
        AdminError::GroupMissing(group) => format!("a group of the scope is gone: {group}"),
        AdminError::UnitMissing(unit) => {
            format!("an administrative unit of the scope is gone: {unit}")
        }
        AdminError::Invalid(_) => "the settings do not hold any more: validate them".into(),
        _ => "it could not be worked out".into(),
    }
}

/// Why the directory did not tell.
pub(super) fn directory_trouble(error: &DirectoryError) -> String {
    match error {
        DirectoryError::Throttled { .. } => "Microsoft asks us to wait".into(),
        DirectoryError::Forbidden { what, .. } => format!("a permission is missing for {what}"),
        DirectoryError::ConsentLost { .. } => "the tenant no longer lets us in".into(),
        DirectoryError::NotFound { .. } => "the directory has nobody of that id".into(),
        _ => "the directory did not answer".into(),
    }
}
