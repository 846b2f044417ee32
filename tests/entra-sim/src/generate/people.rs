//! One generated person.

use serde_json::{Value, json};
use uuid::Uuid;

use super::names::{CULTURES, Culture, DEPARTMENTS, TITLES};
use super::{GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR};
use crate::directory::User;
use crate::directory::object::DirectoryObject;
use crate::directory::properties::{Catalogue, PropertyId};
use crate::identifiers::{seeded_guid, seeded_number};
use crate::options::TenantSpec;

/// Makes the people of one tenant.
#[derive(Debug)]
pub(super) struct PeopleMaker<'a> {
    pub(super) seed: u64,
    pub(super) tenant: u64,
    spec: &'a TenantSpec,
    first: &'a TenantSpec,
    extensions: Vec<String>,
}

/// What kind of account a person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The tenant's global administrator.
    Administrator,
    Member,
    Guest,
    /// A room or shared mailbox: enabled, without a person's names.
    Resource,
}

/// Who the person with this number is.
pub(super) fn role(number: u64) -> Role {
    match number {
        0 => Role::Administrator,
        _ if number % 25 == 9 => Role::Guest,
        _ if number % 50 == 17 => Role::Resource,
        _ => Role::Member,
    }
}

/// A source of small decisions for one person, spent digit by digit.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        let value = self.0 % sides;
        self.0 = (self.0 / sides).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ self.0.rotate_left(17);
        value
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T>(&mut self, items: &'static [T]) -> Option<&'static T> {
        let count = u64::try_from(items.len()).unwrap_or(1).max(1);
        usize::try_from(self.below(count)).ok().and_then(|index| items.get(index))
    }
}

impl<'a> PeopleMaker<'a> {
    pub(super) fn new(seed: u64, tenant: u64, spec: &'a TenantSpec, first: &'a TenantSpec) -> Self {
        let owner = super::extension_owner(seed).simple();
        let extensions =
            vec![format!("extension_{owner}_costCenter"), format!("extension_{owner}_badgeNumber")];
        Self { seed, tenant, spec, first, extensions }
    }

    pub(super) fn id(&self, number: u64) -> Uuid {
        seeded_guid(self.seed, &format!("user/{}", self.tenant), number)
    }

    pub(super) fn users(&self) -> u64 {
        u64::from(self.spec.users)
    }

    pub(super) fn domain(&self) -> &str {
        &self.spec.domain
    }

    /// Index into [`DEPARTMENTS`], `None` for those without one.
    pub(super) fn department(&self, number: u64) -> Option<usize> {
        if role(number) != Role::Member {
            return None;
        }
        let mut dice = Dice(seeded_number(self.seed, "department", number));
        if dice.chance(8) {
            return None;
        }
        usize::try_from(dice.below(u64::try_from(DEPARTMENTS.len()).ok()?)).ok()
    }

    fn culture(number: u64) -> Option<&'static Culture> {
        let count = u64::try_from(CULTURES.len()).unwrap_or(1);
        usize::try_from(number % count).ok().and_then(|index| CULTURES.get(index))
    }

    /// The local part of an address: Latin letters and the person's number.
    fn local_part(&self, number: u64) -> String {
        if number == 0 {
            return "admin".to_owned();
        }
        let mut dice = Dice(seeded_number(self.seed, "name", number));
        let Some(culture) = Self::culture(number) else { return format!("user{number}") };
        let (given, family) = (dice.pick(culture.given), dice.pick(culture.family));
        let ascii = |name: Option<&(&str, &'static str)>| name.map_or("x", |(_, ascii)| ascii);
        format!("{}.{}{number}", ascii(given), ascii(family))
    }

    /// The mail address a person has, missing for some, shared by a few.
    fn mail(&self, number: u64) -> Option<String> {
        let role = role(number);
        if role == Role::Guest {
            return Some(format!("{}@partner.example", self.local_part(number)));
        }
        if number % 23 == 21 {
            return None;
        }
        if number == 12 || number % 5_000 == 4_012 {
            // Two people with one address, written differently.
            return self.mail(number - 1).map(|mail| capitalised(&mail));
        }
        if self.tenant > 0 && number % 7 == 3 && number < u64::from(self.first.users) {
            // Works for both organisations: the same address in two tenants.
            return Some(format!("{}@{}", self.local_part(number), self.first.domain));
        }
        Some(format!("{}@{}", self.local_part(number), self.spec.domain))
    }

    pub(super) fn person(&self, number: u64) -> User {
        let id = self.id(number);
        let mut values = Values::new(DirectoryObject::new(id, 0), &self.extensions);
        let role = role(number);
        let mut dice = Dice(seeded_number(self.seed, "name", number));
        Self::names(&mut values, number, role, &mut dice);
        let mut dice = Dice(seeded_number(self.seed, &format!("work/{}", self.tenant), number));
        self.account(&mut values, number, role, &mut dice);
        if matches!(role, Role::Member | Role::Administrator) {
            self.work(&mut values, number, &mut dice);
        }
        let manager = (number > 0 && number % 20 != 13 && role == Role::Member)
            .then(|| self.id(number / 8))
            .filter(|manager| *manager != id);
        let roles = match number {
            0 => vec![GLOBAL_ADMINISTRATOR],
            2 => vec![PRIVILEGED_ROLE_ADMINISTRATOR],
            _ => Vec::new(),
        };
        User { object: values.object, manager, manager_changed: 0, roles }
    }

    fn names(values: &mut Values<'_>, number: u64, role: Role, dice: &mut Dice) {
        let Some(culture) = Self::culture(number) else { return };
        match role {
            Role::Administrator => {
                values.text("displayName", "Alex Admin");
                values.text("givenName", "Alex");
                values.text("surname", "Admin");
            }
            Role::Resource => values.text("displayName", &format!("Room {number}")),
            Role::Member | Role::Guest => {
                let given = dice.pick(culture.given).map_or("", |(name, _)| name);
                let family = dice.pick(culture.family).map_or("", |(name, _)| name);
                let display = match (culture.family_first, number % 11 == 5) {
                    (true, _) => format!("{family} {given}"),
                    // Some organisations write names the other way round.
                    (false, true) => format!("{family}, {given}"),
                    (false, false) => format!("{given} {family}"),
                };
                values.text("displayName", &display);
                values.text("givenName", given);
                if number % 40 != 6 {
                    values.text("surname", family);
                }
                values.text("preferredLanguage", culture.language);
            }
        }
    }

    fn account(&self, values: &mut Values<'_>, number: u64, role: Role, dice: &mut Dice) {
        let local = self.local_part(number);
        let mail = self.mail(number);
        let initial = crate::tenants::initial_domain(&self.spec.domain);
        let guest = role == Role::Guest;
        let name = if guest {
            format!("{local}_partner.example#EXT#@{initial}")
        } else {
            format!("{local}@{}", self.spec.domain)
        };
        values.text("userPrincipalName", &name);
        values.text("mailNickname", &local);
        values.json("accountEnabled", &json!(number % 33 != 14));
        if number % 97 != 50 {
            values.text("userType", if guest { "Guest" } else { "Member" });
        }
        let month = 1 + dice.below(12);
        let day = 1 + dice.below(28);
        let year = 2017 + dice.below(9);
        values.text("createdDateTime", &format!("{year}-{month:02}-{day:02}T08:{day:02}:00Z"));
        let mut proxies = Vec::new();
        if let Some(mail) = mail {
            values.text("mail", &mail);
            proxies.push(json!(format!("SMTP:{mail}")));
            proxies.push(json!(format!("smtp:{local}@{initial}")));
        }
        values.json("proxyAddresses", &Value::Array(proxies));
        if guest {
            let state = if dice.chance(70) { "Accepted" } else { "PendingAcceptance" };
            values.text("externalUserState", state);
            values.text("creationType", "Invitation");
            values.json("otherMails", &json!([format!("{local}@partner.example")]));
        }
        if number % 5 == 2 {
            values.json("onPremisesSyncEnabled", &json!(true));
            values.text("onPremisesSamAccountName", &local);
            values.text("onPremisesLastSyncDateTime", "2026-11-20T02:00:00Z");
        }
        values.json("isResourceAccount", &json!(role == Role::Resource));
        if matches!(role, Role::Member | Role::Administrator) {
            let licences = crate::directory::licences::assigned(self.id(number), self.spec.premium);
            values.json("assignedLicenses", &licences);
        }
    }

    fn work(&self, values: &mut Values<'_>, number: u64, dice: &mut Dice) {
        let Some(culture) = Self::culture(number) else { return };
        if let Some(name) = self.department(number).and_then(|index| DEPARTMENTS.get(index)) {
            values.text("department", name);
        }
        if !dice.chance(12) {
            values.text("jobTitle", dice.pick(TITLES).copied().unwrap_or_default());
        }
        values.text("companyName", &self.spec.name);
        values.text("city", culture.city);
        values.text("country", culture.country);
        values.text("usageLocation", culture.country_code);
        values.text("postalCode", &format!("{:05}", dice.below(99_999)));
        values.text("streetAddress", &format!("{} {}", culture.city, 1 + dice.below(180)));
        values.text("officeLocation", &format!("{}/{}", culture.country_code, 1 + dice.below(9)));
        if !dice.chance(35) {
            values.json("businessPhones", &json!([format!("{} {number:04}", culture.dial)]));
        }
        if !dice.chance(45) {
            values.text("mobilePhone", &format!("{} {:06}", culture.dial, dice.below(999_999)));
        }
        if !dice.chance(20) {
            values.text("employeeId", &format!("E{number:06}"));
            values.text("employeeType", if dice.chance(85) { "Employee" } else { "Contractor" });
        }
        if dice.chance(60) {
            let centre = format!("CC-{}", 100 + dice.below(40));
            values.json("employeeOrgData", &json!({"division": "EMEA", "costCenter": centre}));
        }
        if dice.chance(15) {
            let attributes = json!({"extensionAttribute1": format!("region-{}", dice.below(5))});
            values.json("onPremisesExtensionAttributes", &attributes);
        }
        if let [cost_centre, badge] = self.extensions.as_slice()
            && dice.chance(25)
        {
            values.text(cost_centre, &format!("CC-{}", 100 + dice.below(40)));
            values.text(badge, &format!("B-{number}"));
        }
    }
}

/// Collects values by property name.
struct Values<'a> {
    object: DirectoryObject,
    catalogue: Catalogue<'a>,
}

impl<'a> Values<'a> {
    fn new(object: DirectoryObject, extensions: &'a [String]) -> Self {
        Self { object, catalogue: Catalogue::users(extensions) }
    }

    fn property(&self, name: &str) -> Option<PropertyId> {
        let found = self.catalogue.find(name);
        debug_assert!(found.is_some(), "{name} is not in the catalogue");
        found
    }

    fn text(&mut self, name: &str, text: &str) {
        self.json(name, &Value::String(text.to_owned()));
    }

    fn json(&mut self, name: &str, value: &Value) {
        if let Some(id) = self.property(name) {
            self.object.set(id, value, 0);
        }
    }
}

fn capitalised(mail: &str) -> String {
    let mut letters = mail.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
