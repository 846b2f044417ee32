//! The groups whose members are followed, and what for.

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::settings::{AllOr, Scope, Settings};

use crate::split::Sharer;

/// A group whose members are followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Watched {
    pub(crate) group: ObjectId,
    /// Whether members of groups inside it count.
    pub(crate) nested: bool,
    /// What for.
    pub(crate) by: WatchedBy,
}

/// What a group's members are followed for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WatchedBy {
    /// The scope means or ignores it.
    pub(crate) scope: bool,
    /// It is mapped to a team.
    pub(crate) teams: bool,
    /// The scope of another connection to the tenant means or ignores it.
    pub(crate) rivals: bool,
}

impl Watched {
    fn is_read_like(&self, other: &Self) -> bool {
        (&self.group, self.nested) == (&other.group, other.nested)
    }

    /// Whether only others need it: what is not known of it stops nothing here.
    pub(super) fn is_only_for_rivals(&self) -> bool {
        self.by == WatchedBy { rivals: true, ..WatchedBy::default() }
    }

    pub(super) fn key(&self) -> (ObjectId, bool) {
        (self.group.clone(), self.nested)
    }
}

/// The groups whose members the settings need to know: those of the scope, and those that are
/// mapped to teams, with everybody in the groups inside them.
pub(crate) fn watched_groups(settings: &Settings) -> Vec<Watched> {
    let mut watched = scope_groups(&settings.scope);
    for row in &settings.teams {
        let by = WatchedBy { teams: true, ..WatchedBy::default() };
        watch(&mut watched, Watched { group: row.group.clone(), nested: true, by });
    }
    watched
}

/// The same, and those by which the tenant's other connections decide.
pub(crate) fn watched_with_rivals(settings: &Settings, rivals: &[Sharer]) -> Vec<Watched> {
    let mut watched = watched_groups(settings);
    let by = WatchedBy { rivals: true, ..WatchedBy::default() };
    for group in rivals.iter().flat_map(Sharer::groups) {
        watch(&mut watched, Watched { by, ..group });
    }
    watched
}

fn watch(watched: &mut Vec<Watched>, more: Watched) {
    let known = watched.iter_mut().find(|known| known.is_read_like(&more));
    if let Some(Watched { by, .. }) = known {
        by.scope |= more.by.scope;
        by.teams |= more.by.teams;
        by.rivals |= more.by.rivals;
    } else {
        watched.push(more);
    }
}

/// The groups that a scope needs to know the members of.
pub(crate) fn scope_groups(scope: &Scope) -> Vec<Watched> {
    let by = WatchedBy { scope: true, ..WatchedBy::default() };
    let scoped = |group: &ObjectId, nested| Watched { group: group.clone(), nested, by };
    let mut groups: Vec<Watched> = match &scope.groups {
        AllOr::All => Vec::new(),
        AllOr::Any(groups) => {
            groups.any.iter().map(|group| scoped(group, groups.include_nested)).collect()
        }
    };
    for group in &scope.ignored_groups {
        if !groups.iter().any(|known| known.group == *group) {
            groups.push(scoped(group, true));
        }
    }
    groups
}

/// Digest of which groups are read, and how.
pub(crate) fn groups_digest(groups: &[Watched]) -> String {
    let text: Vec<String> =
        groups.iter().map(|watched| format!("{} {}", watched.group, watched.nested)).collect();
    super::short_digest(&text.join(","))
}
