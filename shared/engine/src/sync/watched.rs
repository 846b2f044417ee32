//! The groups and administrative units whose members are followed, and what for.

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::settings::{AllOr, Scope, Settings};

use crate::split::Sharer;

/// A group or administrative unit whose members are followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Watched {
    /// The group or unit.
    pub(crate) group: ObjectId,
    /// How it is read.
    pub(crate) as_what: ReadAs,
    /// What for.
    pub(crate) by: WatchedBy,
}

/// As what members are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ReadAs {
    /// Those of a group, alone.
    Group,
    /// Those of a group and of the groups inside it.
    Nested,
    /// Those of an administrative unit.
    Unit,
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

impl ReadAs {
    /// A group, with the groups inside it or without.
    pub(crate) fn of_group(nested: bool) -> Self {
        if nested { Self::Nested } else { Self::Group }
    }

    /// The word of digests, which outlive releases.
    fn word(self) -> &'static str {
        match self {
            Self::Group => "false",
            Self::Nested => "true",
            Self::Unit => "unit",
        }
    }
}

impl Watched {
    fn is_read_like(&self, other: &Self) -> bool {
        (&self.group, self.as_what) == (&other.group, other.as_what)
    }

    /// Whether only others need it: what is not known of it stops nothing here.
    pub(super) fn is_only_for_rivals(&self) -> bool {
        self.by == WatchedBy { rivals: true, ..WatchedBy::default() }
    }

    pub(super) fn key(&self) -> (ObjectId, ReadAs) {
        (self.group.clone(), self.as_what)
    }

    /// Whether members of groups inside it count.
    pub(super) fn is_nested(&self) -> bool {
        self.as_what == ReadAs::Nested
    }

    /// Whether it is an administrative unit.
    pub(crate) fn is_unit(&self) -> bool {
        self.as_what == ReadAs::Unit
    }
}

/// The groups and units whose members the settings need to know: those of the scope, and the groups
/// that are mapped to teams, with everybody in the groups inside them.
pub(crate) fn watched_groups(settings: &Settings) -> Vec<Watched> {
    let mut watched = scope_groups(&settings.scope);
    for row in &settings.teams {
        let by = WatchedBy { teams: true, ..WatchedBy::default() };
        watch(&mut watched, Watched { group: row.group.clone(), as_what: ReadAs::Nested, by });
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

/// The groups and units that a scope needs to know the members of.
pub(crate) fn scope_groups(scope: &Scope) -> Vec<Watched> {
    let by = WatchedBy { scope: true, ..WatchedBy::default() };
    let scoped = |group: &ObjectId, as_what| Watched { group: group.clone(), as_what, by };
    let mut groups: Vec<Watched> = match &scope.groups {
        AllOr::All => Vec::new(),
        AllOr::Any(groups) => {
            let as_what = ReadAs::of_group(groups.include_nested);
            groups.any.iter().map(|group| scoped(group, as_what)).collect()
        }
    };
    for group in &scope.ignored_groups {
        if !groups.iter().any(|known| known.group == *group) {
            groups.push(scoped(group, ReadAs::Nested));
        }
    }
    if let AllOr::Any(units) = &scope.administrative_units {
        for unit in units {
            watch(&mut groups, scoped(unit, ReadAs::Unit));
        }
    }
    groups
}

/// Whether the changes of any group are followed.
pub(crate) fn follows_groups(watched: &[Watched]) -> bool {
    watched.iter().any(|one| !one.is_unit())
}

/// Digest of which groups are read, and how.
pub(crate) fn groups_digest(groups: &[Watched]) -> String {
    let text: Vec<String> = groups
        .iter()
        .map(|watched| format!("{} {}", watched.group, watched.as_what.word()))
        .collect();
    super::short_digest(&text.join(","))
}
