//! Directories in which much is wrong, and contacts that were there before them.

use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::{ObjectId, TeamId};
use contact_sync_domain::settings::{DisabledAccounts, LinkMode, Settings, TeamMapping};
use contact_sync_domain::team::Team;
use serde_json::{Value, json};

use super::chance::Chance;
use super::scene::{Scene, account_id, map, start, user_with};
use super::takeovers::by_staff_number;
use crate::port::Group;

/// How many contacts people made.
pub(super) const LOCALS: u128 = 6;

/// Some departments.
pub(super) const DEPARTMENTS: [&str; 3] = ["Sales", "Research", "sales "];

pub(super) fn group() -> ObjectId {
    ObjectId::from_u128(50_001)
}

fn staff_number(chance: &mut Chance) -> Value {
    match chance.below(4) {
        0 => Value::Null,
        1 => json!(format!("E-{}", chance.below(6))),
        2 => json!(format!(" e-{} ", chance.below(6))),
        _ => json!(format!("N-{}", chance.below(1_000_000))),
    }
}

/// One person, with something wrong more often than not.
pub(super) fn person(chance: &mut Chance, number: u128, people: u128) -> DirectoryUser {
    let other = || format!("user{}@contoso.example", number + 1);
    let mail = match chance.below(12) {
        // Somebody else's, spelt in another way.
        0 => json!(other().to_uppercase()),
        1 => Value::Null,
        // That of a contact that people made.
        2 | 3 => json!(format!("Local{}@By.Hand", chance.below(8))),
        4 => json!(format!("local{}@by.hand", chance.below(8))),
        5 => json!(" "),
        _ => json!(format!("user{number}@contoso.example")),
    };
    let is_guest = chance.once_in(8);
    let upn = if is_guest {
        format!("user{number}_gmail.com#EXT#@contoso.example")
    } else {
        format!("user{number}@contoso.example")
    };
    let enabled = if chance.once_in(10) { json!(false) } else { json!(true) };
    let name = if chance.once_in(8) { Value::Null } else { json!(format!("Name {number}")) };
    let mut user = user_with(
        number,
        &json!({
            "mail": mail, "userPrincipalName": upn, "employeeId": staff_number(chance),
            "userType": if is_guest { "Guest" } else { "Member" }, "accountEnabled": enabled,
            "displayName": name, "department": chance.pick(&DEPARTMENTS),
            "mobilePhone": if chance.once_in(3) { Value::Null } else { json!("+49 30 1234") },
        }),
    );
    let manager = chance.once_in(2).then(|| {
        ObjectId::from_u128(
            1 + u128::try_from(chance.below(usize::try_from(people).unwrap())).unwrap(),
        )
    });
    user.tell_manager(manager.as_ref());
    user
}

/// Settings that many could have made.
pub(super) fn settings(chance: &mut Chance) -> impl FnOnce(&mut Settings) + use<> {
    let matching = chance.pick(&[
        vec!["email"],
        vec!["employeeId", "email"],
        vec!["email", "employeeId"],
        vec!["employeeId"],
        vec!["userPrincipalName", "employeeId"],
    ]);
    let link = chance.pick(&[LinkMode::Auto, LinkMode::Auto, LinkMode::Auto, LinkMode::Review]);
    let disabled = chance.pick(&[DisabledAccounts::Exclude, DisabledAccounts::IncludeAsInactive]);
    let guests = chance.once_in(2);
    let managers = chance.once_in(2);
    let teams = chance.once_in(2);
    move |settings| {
        by_staff_number(settings);
        settings.matching = matching.into_iter().map(str::to_owned).collect();
        settings.policies.link = link;
        settings.scope.disabled_accounts = disabled;
        if guests {
            settings.scope.user_types = contact_sync_domain::settings::AllOr::All;
        }
        if managers {
            map(settings, "manager");
        }
        if teams {
            settings.teams = vec![TeamMapping::new(group(), &TeamId::from_bits(1))];
        }
    }
}

/// A connection to a directory of so many people that never synced, all drawn from the seed.
pub(super) fn scene(seed: u64, people: u128) -> Scene {
    let mut chance = Chance::of(seed);
    let settings = settings(&mut chance);
    let everybody: Vec<DirectoryUser> =
        (1..=people).map(|number| person(&mut chance, number, people)).collect();
    let members: Vec<ObjectId> =
        everybody.iter().filter(|_| chance.once_in(3)).map(|user| user.id.clone()).collect();
    let scene = Scene::of(everybody);
    scene.set_settings(settings);
    let team = Team {
        id: TeamId::from_bits(1),
        account_id: account_id(),
        name: "North".into(),
        version: 1,
        created_at: start(),
        updated_at: start(),
    };
    scene.worker.stores.world().teams.insert(team.id.clone(), team);
    let made = Group { id: group(), display_name: None };
    scene.worker.directory.inner.entra().put_group(made, members, Vec::new());
    for local in 0..LOCALS {
        let staff_number = format!("E-{}", chance.below(6));
        let staff_number = (!chance.once_in(3)).then_some(staff_number.as_str());
        scene.put_local(local, &format!("local{local}@by.hand"), staff_number);
    }
    scene
}
