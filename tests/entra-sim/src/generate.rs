//! Realistic directories by seed: the same seed and size give the same people and groups.

mod groups;
mod names;
mod people;
mod units;

use uuid::Uuid;

use crate::directory::Directory;
use crate::identifiers::seeded_guid;
use crate::options::TenantSpec;

/// Role template of Global Administrator.
pub const GLOBAL_ADMINISTRATOR: Uuid = uuid::uuid!("62e90394-69f5-4237-9190-012177145e10");
/// Role template of Privileged Role Administrator.
pub const PRIVILEGED_ROLE_ADMINISTRATOR: Uuid = uuid::uuid!("e8611ab8-c189-46e8-94e1-60213ab1f814");
/// The role every plain member has in `wids`.
pub(crate) const PLAIN_USER: Uuid = uuid::uuid!("b79fbf4d-3ef9-4689-8143-76b194e85509");

/// Makes a tenant's directory; `first` is the tenant whose addresses some people share.
pub(crate) fn directory(seed: u64, index: u64, spec: &TenantSpec, first: &TenantSpec) -> Directory {
    let mut directory = Directory::default();
    directory.extensions = ["costCenter", "badgeNumber"]
        .map(|name| format!("extension_{}_{name}", extension_owner(seed).simple()))
        .to_vec();
    let maker = people::PeopleMaker::new(seed, index, spec, first);
    for number in 0..u64::from(spec.users) {
        directory.insert_user(maker.person(number));
    }
    groups::add_groups(&mut directory, &maker);
    units::add_units(&mut directory, &maker);
    directory
}

/// The tenant's id: given, or following from the seed.
pub(crate) fn tenant_id(seed: u64, index: u64, spec: &TenantSpec) -> Uuid {
    spec.id.unwrap_or_else(|| seeded_guid(seed, "tenant", index))
}

/// The app whose id is part of the names of directory extensions.
fn extension_owner(seed: u64) -> Uuid {
    seeded_guid(seed, "extension-app", 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::WELL_KNOWN;
    use crate::directory::properties::Catalogue;
    use std::collections::HashSet;

    fn contoso(users: u32) -> Directory {
        let spec = TenantSpec::new("Contoso", "contoso.example", users);
        directory(7, 0, &spec, &spec)
    }

    #[test]
    fn the_same_seed_makes_the_same_directory() {
        let (one, two) = (contoso(60), contoso(60));
        let values = |directory: &Directory| {
            let mut all = Vec::new();
            for user in directory.users.values() {
                for id in Catalogue::users(&[]).defaults() {
                    all.push(user.object.value(id));
                }
            }
            all
        };
        assert_eq!(values(&one), values(&two));
    }

    #[test]
    fn holds_the_awkward_people_a_real_directory_has() {
        let directory = contoso(400);
        let people: Vec<_> = directory.users.values().collect();
        let text = |user: &&crate::directory::User, id| user.object.text(id);
        let upns: HashSet<_> =
            people.iter().filter_map(|u| text(u, WELL_KNOWN.user_principal_name)).collect();
        assert_eq!(upns.len(), 400, "user principal names are unique");
        assert!(upns.iter().any(|upn| upn.contains("#EXT#")), "guests");
        assert!(people.iter().any(|u| text(u, WELL_KNOWN.mail).is_none()), "missing mail");
        let mut mails: Vec<_> = people
            .iter()
            .filter_map(|u| text(u, WELL_KNOWN.mail))
            .map(|m| m.to_lowercase())
            .collect();
        let all = mails.len();
        mails.sort();
        mails.dedup();
        assert!(mails.len() < all, "a mail address of two people");
        assert!(
            people.iter().any(|u| u.object.json(WELL_KNOWN.account_enabled) == Some("false")),
            "disabled accounts"
        );
        let names: String =
            people.iter().filter_map(|u| text(u, WELL_KNOWN.display_name)).collect();
        for (script, letter) in
            [("Cyrillic", 'а'), ("Greek", 'α'), ("Thai", 'ก'), ("Han", '王'), ("Hebrew", 'ל')]
        {
            assert!(names.contains(letter), "{script}");
        }
    }

    #[test]
    fn groups_nest_and_one_nesting_is_a_cycle() {
        let directory = contoso(100);
        let atlas = directory.group_id("Project Atlas").expect("generated");
        assert_eq!(directory.nested_groups(atlas).len(), 2);
    }
}
