//! Generated groups: departments, nesting, a cycle, a dynamic, a large and a mail-enabled one.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::names::DEPARTMENTS;
use super::people::{PeopleMaker, Role, role};
use crate::directory::members::{MemberKind, Membership};
use crate::directory::object::DirectoryObject;
use crate::directory::properties::Catalogue;
use crate::directory::{Directory, Group, OtherObject};
use crate::identifiers::seeded_guid;

/// Adds the groups of a tenant; people must be there.
pub(super) fn add_groups(directory: &mut Directory, maker: &PeopleMaker<'_>) {
    let mut plan = Plan { maker, groups: Vec::new() };
    let everyone: Vec<Uuid> = (0..maker.users())
        .filter(|number| role(*number) != Role::Guest)
        .map(|number| maker.id(number))
        .collect();
    plan.add("Everyone", Kind::Security, people(&everyone));
    plan.add("All Members", Kind::Dynamic, people(&everyone));
    let mut departments: Vec<Vec<Uuid>> = vec![Vec::new(); DEPARTMENTS.len()];
    for number in 0..maker.users() {
        let members = maker.department(number).and_then(|index| departments.get_mut(index));
        if let Some(members) = members {
            members.push(maker.id(number));
        }
    }
    for (name, members) in DEPARTMENTS.iter().zip(&departments) {
        plan.add(name, Kind::Security, people(members));
    }
    nest(&mut plan, &everyone, directory);
    for group in plan.groups {
        directory.insert_group(group);
    }
}

fn nest(plan: &mut Plan<'_, '_>, everyone: &[Uuid], directory: &mut Directory) {
    let group = |name: &str, maker: &PeopleMaker<'_>| (group_id(maker, name), MemberKind::Group);
    let maker = plan.maker;
    let customer_facing = ["Sales", "Support", "Marketing"].map(|name| group(name, maker));
    plan.add("Customer Facing", Kind::Security, customer_facing.to_vec());
    let mut company = vec![group("Customer Facing", maker), group("Engineering", maker)];
    company.extend(everyone.first().map(|id| (*id, MemberKind::User)));
    plan.add("Head Office", Kind::Security, company);
    let mut atlas: Vec<_> = everyone.iter().skip(3).step_by(9).take(20).copied().collect();
    atlas.truncate(20);
    let mut members = people(&atlas);
    members.push(group("Project Atlas Partners", maker));
    plan.add("Project Atlas", Kind::Security, members);
    let guests: Vec<Uuid> = (0..maker.users())
        .filter(|number| role(*number) == Role::Guest)
        .take(50)
        .map(|number| maker.id(number))
        .collect();
    let mut partners = people(&guests);
    partners.push(group("Project Atlas", maker));
    plan.add("Project Atlas Partners", Kind::Security, partners);
    let newsletter: Vec<Uuid> = everyone.iter().step_by(3).take(60).copied().collect();
    plan.add("Newsletter", Kind::Unified, people(&newsletter));
    plan.add("Board", Kind::Hidden, people(&everyone.iter().take(3).copied().collect::<Vec<_>>()));
    plan.add("Empty Group", Kind::Security, Vec::new());
    let mut devices = people(&everyone.iter().take(2).copied().collect::<Vec<_>>());
    for (number, kind, name) in [
        (0, MemberKind::Device, "LAPTOP-0001"),
        (1, MemberKind::ServicePrincipal, "Backup service"),
        (2, MemberKind::OrgContact, "Outside counsel"),
    ] {
        let id = seeded_guid(maker.seed, &format!("other/{}", maker.tenant), number);
        directory.others.insert(id, OtherObject { kind, display_name: name.to_owned() });
        devices.push((id, kind));
    }
    plan.add("Workplace", Kind::Security, devices);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Security,
    Dynamic,
    /// A Microsoft 365 group.
    Unified,
    /// Membership is hidden.
    Hidden,
}

struct Plan<'m, 'a> {
    maker: &'m PeopleMaker<'a>,
    groups: Vec<Group>,
}

impl Plan<'_, '_> {
    fn add(&mut self, name: &str, kind: Kind, members: Vec<(Uuid, MemberKind)>) {
        let catalogue = Catalogue::groups();
        let mut object = DirectoryObject::new(group_id(self.maker, name), 0);
        let mut set = |property: &str, value: Value| {
            if let Some(id) = catalogue.find(property) {
                object.set(id, &value, 0);
            }
        };
        let nickname: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let types = match kind {
            Kind::Dynamic => json!(["DynamicMembership"]),
            Kind::Unified => json!(["Unified"]),
            Kind::Security | Kind::Hidden => json!([]),
        };
        set("displayName", json!(name));
        set("mailNickname", json!(nickname));
        set("groupTypes", types);
        set("securityEnabled", json!(kind != Kind::Unified));
        set("mailEnabled", json!(kind == Kind::Unified));
        set("createdDateTime", json!("2019-03-04T09:00:00Z"));
        if kind == Kind::Unified {
            let mail = format!("{}@{}", nickname.to_lowercase(), self.maker.domain());
            set("proxyAddresses", json!([format!("SMTP:{mail}")]));
            set("mail", json!(mail));
            set("description", json!("Sent on Fridays"));
        }
        if kind == Kind::Dynamic {
            set("membershipRule", json!("user.userType -eq \"Member\""));
            set("membershipRuleProcessingState", json!("On"));
        }
        if kind == Kind::Hidden {
            set("visibility", json!("HiddenMembership"));
        }
        let members: BTreeMap<Uuid, Membership> = members
            .into_iter()
            .map(|(id, kind)| (id, Membership { kind, present: true, changed: 0 }))
            .collect();
        self.groups.push(Group { object, members });
    }
}

fn people(ids: &[Uuid]) -> Vec<(Uuid, MemberKind)> {
    ids.iter().map(|id| (*id, MemberKind::User)).collect()
}

fn group_id(maker: &PeopleMaker<'_>, name: &str) -> Uuid {
    seeded_guid(maker.seed, &format!("group/{}/{name}", maker.tenant), 0)
}
