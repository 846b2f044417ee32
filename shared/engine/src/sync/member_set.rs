//! The members of one group: as read, as stored, and as the directory's delta changes them.

use std::collections::HashSet;

use contact_sync_domain::id::ObjectId;

use super::watched::Watched;
use crate::port::{GroupChange, MemberKind};

/// Why nobody joins or leaves a team by a group for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// It does not exist.
    Missing,
    /// Its members may not be read.
    Unreadable,
    /// It had members and tells none.
    Emptied,
}

/// The members of one group, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MemberSet {
    pub(crate) users: Vec<u128>,
    /// The groups inside it, where their members count.
    pub(crate) inner: Vec<u128>,
    /// While it is doubted, this is what was known before.
    pub(crate) doubt: Option<Doubt>,
    /// Who was in it and has not been judged since, where the group has a limit of removals.
    pub(crate) left: Vec<u128>,
}

/// What the stored form begins with.
const FORM: u8 = 1;

/// The same where somebody left whom the removal guard still counts to the group.
const WITH_LEFT: u8 = 2;

impl MemberSet {
    pub(super) fn sort(&mut self) {
        for ids in [&mut self.users, &mut self.inner] {
            ids.sort_unstable();
            ids.dedup();
        }
    }

    /// Users who are not in the other set.
    pub(super) fn without<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = u128> + 's {
        self.users.iter().filter(|user| other.users.binary_search(user).is_err()).copied()
    }

    /// Remembers who was in the group before and is not by now.
    pub(super) fn note_left(&mut self, before: &Self) {
        let mut left: Vec<u128> = before.without(self).collect();
        let back = |user: &u128| self.users.binary_search(user).is_ok();
        left.extend(before.left.iter().filter(|user| !back(user)));
        left.sort_unstable();
        left.dedup();
        self.left = left;
    }

    /// Whether a user is in the group, or left it and has not been judged since.
    pub(super) fn counts(&self, user: &ObjectId) -> bool {
        self.knows(user) || self.left.binary_search(&user.as_u128()).is_ok()
    }

    /// Whether any of these groups is this one, or inside it.
    pub(super) fn is_touched(&self, watched: &Watched, touched: &HashSet<&ObjectId>) -> bool {
        touched.contains(&watched.group)
            || touched.iter().any(|group| self.inner.binary_search(&group.as_u128()).is_ok())
    }

    /// The set after these changes; `None` when the edges that Graph named do not tell it all.
    ///
    /// Edges are additive: a large group comes in slices, on several pages and more than once, so
    /// what a slice does not name is still there. The last word on a member counts.
    pub(super) fn with_edges(&self, watched: &Watched, changes: &[GroupChange]) -> Option<Self> {
        if self.doubt.is_some() {
            return None;
        }
        let mut set = self.clone();
        for change in changes {
            match change {
                GroupChange::Gone(group) => {
                    if self.has_inside(watched, group) {
                        return None;
                    }
                }
                GroupChange::Changed { group, members } if *group == watched.group => {
                    for edge in members {
                        match edge.kind {
                            MemberKind::Group if watched.is_nested() => return None,
                            // Not a word of what it is: perhaps a device, or a group.
                            MemberKind::Unknown
                                if !self.knows(&edge.id)
                                    && (watched.is_nested() || !edge.is_gone) =>
                            {
                                return None;
                            }
                            MemberKind::Group | MemberKind::Other => continue,
                            MemberKind::User | MemberKind::Unknown => {}
                        }
                        // Who leaves a group that has others inside it may be in one of those.
                        if edge.is_gone && !self.inner.is_empty() {
                            return None;
                        }
                        set.apply(&edge.id, edge.is_gone);
                    }
                }
                GroupChange::Changed { group, members } => {
                    let tells = members.iter().any(|edge| edge.kind != MemberKind::Other);
                    if tells && self.has_inside(watched, group) {
                        let joins = members
                            .iter()
                            .all(|edge| edge.kind == MemberKind::User && !edge.is_gone);
                        if !joins {
                            return None;
                        }
                        for edge in members {
                            set.apply(&edge.id, false);
                        }
                    }
                }
            }
        }
        Some(set)
    }

    fn has_inside(&self, watched: &Watched, group: &ObjectId) -> bool {
        *group == watched.group || self.inner.binary_search(&group.as_u128()).is_ok()
    }

    pub(super) fn knows(&self, user: &ObjectId) -> bool {
        self.users.binary_search(&user.as_u128()).is_ok()
    }

    /// Puts a user in or takes him out.
    pub(super) fn apply(&mut self, user: &ObjectId, is_gone: bool) {
        match (self.users.binary_search(&user.as_u128()), is_gone) {
            (Ok(place), true) => {
                self.users.remove(place);
            }
            (Err(place), false) => self.users.insert(place, user.as_u128()),
            (Ok(_), false) | (Err(_), true) => {}
        }
    }

    /// The stored form: one byte each for form and doubt, the number of inner groups, in the second
    /// form the number of those who left, then ids.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let doubt = match self.doubt {
            None => 0,
            Some(Doubt::Missing) => 1,
            Some(Doubt::Unreadable) => 2,
            Some(Doubt::Emptied) => 3,
        };
        let inner = u32::try_from(self.inner.len()).unwrap_or(u32::MAX);
        let form = if self.left.is_empty() { FORM } else { WITH_LEFT };
        let mut bytes = vec![form, doubt];
        bytes.extend(inner.to_be_bytes());
        if form == WITH_LEFT {
            let left = u32::try_from(self.left.len()).unwrap_or(u32::MAX);
            bytes.extend(left.to_be_bytes());
        }
        let ids = self.inner.iter().chain(&self.left).chain(&self.users);
        bytes.extend(ids.flat_map(|id| id.to_be_bytes()));
        bytes
    }

    /// Reads the stored form; `None` for anything else.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, ids) = bytes.split_at_checked(6)?;
        let [form, doubt, inner @ ..] = head else { return None };
        let (left, ids) = match *form {
            FORM => (0, ids),
            WITH_LEFT => {
                let (left, ids) = ids.split_at_checked(4)?;
                (u32::from_be_bytes(left.try_into().ok()?), ids)
            }
            _ => return None,
        };
        let doubt = match doubt {
            0 => None,
            1 => Some(Doubt::Missing),
            2 => Some(Doubt::Unreadable),
            3 => Some(Doubt::Emptied),
            _ => return None,
        };
        let inner = u32::from_be_bytes(inner.try_into().ok()?);
        let mut ids: Vec<u128> = ids
            .chunks_exact(16)
            .filter_map(|chunk| chunk.try_into().ok().map(u128::from_be_bytes))
            .collect();
        let inner = usize::try_from(inner).ok().filter(|inner| *inner <= ids.len())?;
        let mut others = ids.split_off(inner);
        let left = usize::try_from(left).ok().filter(|left| *left <= others.len())?;
        let users = others.split_off(left);
        Some(Self { users, inner: ids, doubt, left: others })
    }
}

#[cfg(test)]
mod tests;
