//! What becomes of whom, by each product's own documents and by hand.

use std::collections::BTreeMap;

use contact_sync_flows::{Customer, Person};
use serde_json::Value;

pub(super) type Fields = BTreeMap<String, String>;

/// What a product does, in its own documents' words.
#[expect(clippy::struct_excessive_bools, reason = "each stands for a sentence of theirs")]
pub(super) struct Product {
    pub(super) preset: &'static str,
    /// The attribute in which the address is looked for first.
    pub(super) email: &'static str,
    /// Field and attribute.
    pub(super) rows: &'static [(&'static str, &'static str)],
    /// Empty in the directory is empty in the product.
    pub(super) clears: bool,
    /// The name is written at creation alone.
    pub(super) name_once: bool,
    /// Blocked accounts are synced.
    pub(super) disabled: bool,
    /// People are made by themselves.
    pub(super) creates: bool,
}

pub(super) const HAPPYFOX: Product = Product {
    preset: "happyfox",
    email: "userPrincipalName",
    rows: &[("displayName", "displayName")],
    clears: false,
    name_once: true,
    disabled: true,
    creates: true,
};

pub(super) const LYNES: Product = Product {
    preset: "lynes",
    email: "mail",
    rows: &[("displayName", "displayName"), ("firstName", "givenName"), ("lastName", "surname")],
    clears: false,
    name_once: false,
    disabled: false,
    creates: false,
};

pub(super) const SYNCRO: Product = Product {
    preset: "syncro",
    email: "mail",
    rows: &[
        ("displayName", "displayName"),
        ("firstName", "givenName"),
        ("lastName", "surname"),
        ("jobTitle", "jobTitle"),
        ("businessPhone", "businessPhones"),
        ("mobilePhone", "mobilePhone"),
        ("streetAddress", "streetAddress"),
        ("city", "city"),
        ("state", "state"),
        ("postalCode", "postalCode"),
    ],
    creates: true,
    ..LYNES
};

pub(super) const GETHOMESAFE: Product = Product {
    preset: "gethomesafe",
    rows: &[
        ("firstName", "givenName"),
        ("lastName", "surname"),
        ("mobilePhone", "mobilePhone"),
        ("country", "country"),
    ],
    clears: true,
    creates: true,
    ..LYNES
};

/// What becomes of a person.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    /// Not meant.
    Out,
    /// Meant, with a value that no contact can have.
    Fails,
    /// Meant, with these fields.
    Comes(Fields),
}

/// One line of a text: control characters are spaces, those around it nothing.
fn one_line(text: &str) -> Option<String> {
    let parts: Vec<&str> =
        text.trim().split(char::is_control).filter(|part| !part.is_empty()).collect();
    let line = parts.join(" ").trim().to_owned();
    (!line.is_empty()).then_some(line)
}

/// The first text of an attribute.
fn told(person: &Person, attribute: &str) -> Option<String> {
    match person.attribute(attribute) {
        Value::Array(entries) => entries.iter().filter_map(Value::as_str).find_map(one_line),
        value => value.as_str().and_then(one_line),
    }
}

/// The address of a principal name or mail: a guest's name encodes another one.
fn address(text: &str) -> Option<String> {
    let address = match text.split_once("#EXT#") {
        Some((guest, _)) => {
            guest.rsplit_once('_').map(|(local, domain)| format!("{local}@{domain}"))?
        }
        None => text.to_owned(),
    };
    let (local, domain) = address.split_once('@')?;
    let sound = !local.is_empty() && !domain.is_empty() && !domain.contains('@');
    (sound && !address.contains(char::is_whitespace)).then_some(address)
}

/// The country as ISO has it; the made people's own code beside their country tells it.
fn country(person: &Person) -> Option<String> {
    let written = told(person, "country")?;
    match written.as_str() {
        "Deutschland" => Some("DE".to_owned()),
        "Middle-earth" => Some(written),
        _ => told(person, "usageLocation"),
    }
}

/// A country in a script that no table has stays as it is written.
pub(super) fn as_written(person: &Person, mut wanted: Fields, is: &Fields) -> Fields {
    let written = told(person, "country").filter(|written| !written.is_ascii());
    if wanted.contains_key("country") && written.is_some() && is.get("country") == written.as_ref()
    {
        wanted.extend(written.map(|written| ("country".to_owned(), written)));
    }
    wanted
}

impl Product {
    fn fate(&self, person: &Person) -> Fate {
        let is_member =
            person.text("userType").is_none_or(|kind| kind.eq_ignore_ascii_case("member"));
        let is_blocked = person.attribute("accountEnabled") == &Value::Bool(false);
        if !person.is_live() || !is_member || (is_blocked && !self.disabled) {
            return Fate::Out;
        }
        let named = told(person, self.email).or_else(|| told(person, "userPrincipalName"));
        let Some(email) = named.as_deref().and_then(address) else { return Fate::Fails };
        let mut fields = Fields::from([("email".to_owned(), email)]);
        for (field, attribute) in self.rows {
            let value = if *field == "country" { country(person) } else { told(person, attribute) };
            match value {
                Some(value) if value.chars().count() > 1_024 => return Fate::Fails,
                Some(value) => drop(fields.insert((*field).to_owned(), value)),
                None => {}
            }
        }
        Fate::Comes(fields)
    }

    /// A contact's fields after the directory changed.
    pub(super) fn after(&self, before: &Fields, now: Fields) -> Fields {
        let mut fields = if self.clears { Fields::new() } else { before.clone() };
        fields.extend(now);
        if self.name_once {
            fields.remove("displayName");
            let name = before.get("displayName").cloned();
            fields.extend(name.map(|name| ("displayName".to_owned(), name)));
        }
        fields
    }
}

/// The directory by what becomes of whom, and who wants each address.
pub(super) struct World {
    pub(super) fates: BTreeMap<String, Fate>,
    pub(super) wanting: BTreeMap<String, Vec<String>>,
}

impl World {
    pub(super) fn of(product: &Product, customer: &Customer<'_>) -> Self {
        let people = customer.directory().into_iter();
        let fates: BTreeMap<String, Fate> =
            people.map(|person| (person.id().to_owned(), product.fate(&person))).collect();
        let mut wanting: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (user, fate) in &fates {
            if let Fate::Comes(fields) = fate {
                wanting.entry(fields["email"].to_lowercase()).or_default().push(user.clone());
            }
        }
        Self { fates, wanting }
    }

    pub(super) fn count(&self, is_one: impl Fn(&Fate) -> bool) -> u64 {
        self.fates.values().filter(|fate| is_one(fate)).count() as u64
    }
}
