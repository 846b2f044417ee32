//! A directory of many years: of everything that has lost or doubled people in syncs before, some.

use entra_sim::{DirectoryCommand, Effect, EntraSim, Fault};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::directory::Person;
use crate::scene::SceneOptions;

/// The listing of people.
const LISTING: &str = "/v1.0/users?*$select=*";

/// What changed since, which Graph tells in part only.
const CHANGES: &str = "/v1.0/users/delta*";

/// How many kinds of people [`spoil`] tells apart.
const KINDS: usize = 40;

impl SceneOptions {
    /// A service that behaves as badly as it may: pages without people, people on several pages, in
    /// another order each time, changes told again.
    #[must_use]
    pub fn with_nasty_pages(mut self) -> Self {
        self.settings.delta.duplicate_percent = 15.0;
        self.settings.delta.empty_page_percent = 15.0;
        self.settings.delta.replayed_changes = 20;
        self.settings.delta.removed_in_first_round = true;
        self.settings.notifications.duplicate_percent = 10.0;
        self.settings.notifications.shuffle = true;
        self
    }
}

/// Spoils a tenant's people, all but the admin who consents; answers of whom changes shall be told in
/// part only.
pub fn spoil(sim: &EntraSim, tenant: Uuid) -> Vec<String> {
    let people = people(sim, tenant);
    let addresses: Vec<String> = people.iter().map(|person| person.address().to_owned()).collect();
    let after = |number: usize| &addresses[(number + 1) % addresses.len()];
    let mut held_back = Vec::new();
    for (number, person) in people.iter().enumerate() {
        if person.text("displayName") == Some("Alex Admin") {
            continue;
        }
        if let Some(attributes) = attributes(number, person, after(number)) {
            sim.update_user(tenant, person.id(), attributes).unwrap();
        }
        match number % KINDS {
            // In the bin, back from it, gone for good.
            30 => sim.delete_user(tenant, person.id()).unwrap(),
            31 => {
                sim.delete_user(tenant, person.id()).unwrap();
                sim.restore_user(tenant, person.id()).unwrap();
            }
            32 => sim.purge_user(tenant, person.id()).unwrap(),
            // The same person with another object id.
            33 => anew(sim, tenant, person),
            // Told without what decides: absent is not empty.
            34 | 35 => held_back.push(person.id().to_owned()),
            _ => {}
        }
    }
    held_back
}

/// From now on changes of these people are told without what decides, which is not empty for that;
/// and a page of the listing is empty.
pub fn read_badly(sim: &EntraSim, held_back: Vec<String>) {
    let without = ["mail", "displayName", "accountEnabled"].map(str::to_owned).to_vec();
    let effect = Effect::EditObjects { only: held_back, without, blank: Vec::new(), hide: false };
    sim.add_fault(Fault::once(CHANGES, effect).times(0));
    sim.add_fault(Fault::once(LISTING, Effect::EmptyPage).at_request(2));
}

/// Deletes a person for good and makes the same one again, under another object id.
pub fn anew(sim: &EntraSim, tenant: Uuid, person: &Person) {
    sim.purge_user(tenant, person.id()).unwrap();
    let mut copy =
        json!({"userPrincipalName": person.upn(), "displayName": person.attribute("displayName")});
    for name in ["mail", "givenName", "surname", "country", "usageLocation", "userType"] {
        if person.text(name).is_some() {
            copy[name] = person.attribute(name).clone();
        }
    }
    sim.create_user(tenant, copy).unwrap();
}

/// Changes people while the directory is being read, behind the delta token.
pub fn stir(sim: &EntraSim, tenant: Uuid, commands: Vec<DirectoryCommand>) {
    let effect = Effect::Mutate { tenant: tenant.to_string(), commands };
    sim.add_fault(Fault::once(LISTING, effect).at_request(1));
}

fn people(sim: &EntraSim, tenant: Uuid) -> Vec<Person> {
    let users = sim.users(tenant).unwrap().into_iter().map(Person::new);
    users.filter(Person::is_live).collect()
}

/// What is wrong with the person of this number; `next` is the next one's address.
fn attributes(number: usize, person: &Person, next: &str) -> Option<Value> {
    let id = person.id();
    Some(match number % KINDS {
        0 => json!({"mail": null}),
        // A mailbox of several, and an address of two.
        1 if number % 400 < KINDS => json!({"mail": "shared.mailbox@contoso.example"}),
        1 => json!({"mail": next}),
        2 => json!({"userType": null}),
        3 => json!({"userType": "Guest"}),
        4 => json!({"accountEnabled": false}),
        5 => json!({"displayName": "Zoë\u{301} 🦊 \u{202e}evil\u{202c} د. ليلى"}),
        6 => json!({"jobTitle": "Line\u{0}one\nLine\ttwo", "city": "\u{7}"}),
        7 => json!({"mobilePhone": "ask at the desk", "businessPhones": []}),
        8 => json!({"givenName": null, "surname": null, "displayName": " "}),
        9 => json!({"onPremisesExtensionAttributes":
            {"extensionAttribute1": "x".repeat(2_000), "extensionAttribute15": null}}),
        10 => json!({"mail": "not an address"}),
        11 => json!({"department": "=HYPERLINK(\"http://x\")", "jobTitle": "@SUM(1+1)"}),
        12 => json!({"mail": person.upn().to_uppercase()}),
        // As many addresses as there may be, the primary one last.
        13 => json!({"proxyAddresses": proxies(id, person.address())}),
        14 => {
            json!({"otherMails": (0..250).map(|n| format!("{n}.{id}@old.example")).collect::<Vec<_>>()})
        }
        // A guest by name who counts as a member, and one whose name encodes no address.
        15 => json!({"mail": null, "userPrincipalName":
            format!("ana.{}_fabrikam.example#EXT#@contoso.onmicrosoft.com", &id[..8])}),
        16 => json!({"mail": null, "userPrincipalName":
            format!("{}#EXT#@contoso.onmicrosoft.com", &id[..8])}),
        17 => json!({"streetAddress": "Straße ".repeat(146)}),
        18 => json!({"streetAddress": "x".repeat(1_025)}),
        19 => json!({"displayName": "ﷺ".repeat(256)}),
        20 => json!({"mail": format!(" {}+tag@contoso.example\t", &id[..8])}),
        21 => json!({"mail": format!("JOSÉ.{}@CONTOSO.example", &id[..8])}),
        22 => json!({"businessPhones": [" +49 30 1234 "], "mobilePhone": "\u{a0}"}),
        23 => json!({"employeeOrgData": null, "onPremisesExtensionAttributes": null}),
        24 => json!({"country": "Deutschland"}),
        25 => json!({"country": "Middle-earth"}),
        26 => json!({"givenName": "null", "surname": "NULL", "jobTitle": "undefined"}),
        27 => json!({"jobTitle": "'; DROP TABLE contacts; --", "city": "\\u0000"}),
        28 => json!({"userType": "member"}),
        29 => json!({"mail": "x@y@contoso.example"}),
        _ => return None,
    })
}

fn proxies(id: &str, address: &str) -> Vec<String> {
    let aliases = (0..240).map(|n| format!("smtp:{n}.{id}@contoso.example"));
    let others = ["SIP:a@contoso.example", "X500:/o=First/ou=Exchange", "x400:c=US;a= ;p=First"];
    let primary = format!("SMTP:{address}");
    aliases.chain(others.map(str::to_owned)).chain([primary]).collect()
}
