//! Who belongs to what a scope names.

use crate::id::ObjectId;

/// Who belongs to the groups and administrative units that a scope names, nested groups resolved by
/// whoever read them. Object ids as 128 bits: 16 bytes a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memberships {
    groups: Vec<u128>,
    ignored: Vec<u128>,
    /// Each unit with its members.
    units: Vec<(u128, Vec<u128>)>,
    /// Whom groups and units together leave, where the scope names units.
    both: Option<Vec<u128>>,
}

impl Memberships {
    /// Members of any of the scope's groups, and of any of the ignored groups.
    pub fn new(
        groups: impl IntoIterator<Item = u128>,
        ignored: impl IntoIterator<Item = u128>,
    ) -> Self {
        Self { groups: sorted(groups), ignored: sorted(ignored), ..Self::default() }
    }

    /// The same for a scope that names units, each with its members; `by_group` says whether it names
    /// groups, too.
    #[must_use]
    pub fn within(
        self,
        units: impl IntoIterator<Item = (ObjectId, Vec<u128>)>,
        by_group: bool,
    ) -> Self {
        let units: Vec<(u128, Vec<u128>)> =
            units.into_iter().map(|(unit, members)| (unit.as_u128(), sorted(members))).collect();
        let mut both = sorted(units.iter().flat_map(|(_, members)| members.iter().copied()));
        if by_group {
            both.retain(|user| self.groups.binary_search(user).is_ok());
        }
        Self { units, both: Some(both), ..self }
    }

    /// Whom the scope's groups and units name, each once, in ascending order: members of a group
    /// and of a unit where it asks for both.
    pub fn in_scope(&self) -> &[u128] {
        self.both.as_deref().unwrap_or(&self.groups)
    }

    /// Whether any of the scope's groups or units names a user.
    pub fn names(&self, user: &ObjectId) -> bool {
        self.is_in_group(user) || self.units_of(user).next().is_some()
    }

    /// The scope's units that a user is in.
    pub fn units_of(&self, user: &ObjectId) -> impl Iterator<Item = ObjectId> {
        let user = user.as_u128();
        let has = move |members: &Vec<u128>| members.binary_search(&user).is_ok();
        self.units
            .iter()
            .filter(move |(_, members)| has(members))
            .map(|(unit, _)| ObjectId::from_u128(*unit))
    }

    pub(super) fn is_in_group(&self, user: &ObjectId) -> bool {
        self.groups.binary_search(&user.as_u128()).is_ok()
    }

    pub(super) fn is_ignored(&self, user: &ObjectId) -> bool {
        self.ignored.binary_search(&user.as_u128()).is_ok()
    }
}

fn sorted(members: impl IntoIterator<Item = u128>) -> Vec<u128> {
    let mut members: Vec<u128> = members.into_iter().collect();
    members.sort_unstable();
    members.dedup();
    members
}
