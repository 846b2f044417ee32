//! Scope, mapping and fingerprint of made-up people, over and over: the program whose time and
//! instructions `contact-sync-benches -- mapping` counts.
//!
//! `map_users <people> <rounds> <usual | rich>` prints the nanoseconds that the rounds took on the
//! processor.
#![expect(clippy::print_stdout, reason = "the figure is the result")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::reconcile::Rules;
use contact_sync_domain::scope::Memberships;
use contact_sync_domain::settings::Settings;
use jiff::Timestamp;
use serde_json::{Value, json};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [people, rounds, rows] = arguments.as_slice() else { return ExitCode::from(2) };
    let (Ok(people), Ok(rounds)) = (people.parse::<u32>(), rounds.parse::<u32>()) else {
        return ExitCode::from(2);
    };
    let settings = if rows == "rich" { rich() } else { Settings::default() };
    let Ok(rules) = Rules::compile(&settings, &[], Timestamp::UNIX_EPOCH) else {
        return ExitCode::FAILURE;
    };
    let people: Vec<DirectoryUser> = (0..people).map(person).collect();
    let memberships = Memberships::default();
    let before = on_processor();
    for _ in 0..rounds {
        for person in &people {
            black_box(rules.view(black_box(person), &memberships));
        }
    }
    println!("{}", on_processor() - before);
    ExitCode::SUCCESS
}

/// Nanoseconds that this thread ran, by the kernel's count; by the clock where there is none.
fn on_processor() -> u128 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ran = counted.and_then(|text| text.split(' ').next()?.parse().ok());
    ran.unwrap_or_else(|| START.get_or_init(Instant::now).elapsed().as_nanos())
}

/// The default rows, and expressions as admins write them where the directory is untidy.
fn rich() -> Settings {
    let mapping = json!([
        {"target": "email", "source": "Coalesce([mail], [userPrincipalName])"},
        {"target": "displayName", "source": "Join(' ', PCase([givenName]), PCase([surname]))"},
        {"target": "firstName", "source": "PCase([givenName])"},
        {"target": "lastName", "source": "PCase([surname])"},
        {"target": "jobTitle", "source": "IIF(InStr([jobTitle], 'Dr.') gt 0, Replace([jobTitle], 'Dr. ', , , ''), [jobTitle])"},
        {"target": "department", "source": "Switch([department], [department], 'HR', 'Human Resources', 'IT', 'Information Technology')"},
        {"target": "companyName", "source": "Coalesce([companyName], 'Contoso')"},
        {"target": "mobilePhone", "source": "Replace([mobilePhone], , '[^0-9+]', , '')"},
        {"target": "businessPhone", "source": "Item([businessPhones], 1)"},
        {"target": "officeLocation", "source": "Word([officeLocation], 1, '/')"},
        {"target": "city", "source": "NormalizeDiacritics([city])"},
        {"target": "employeeId", "source": "ToUpper(Trim([employeeId]))"},
    ]);
    let mapping = serde_json::from_value(mapping).unwrap_or_default();
    Settings { mapping, ..Settings::default() }
}

/// Somebody, with what Graph tells of most people and nulls where it tells nothing.
fn person(number: u32) -> DirectoryUser {
    let attributes = json!({
        "userPrincipalName": format!("person{number}@contoso.example"),
        "mail": if number.is_multiple_of(10) { Value::Null } else { json!(format!("person{number}@contoso.example")) },
        "otherMails": [], "proxyAddresses": [format!("SMTP:person{number}@contoso.example")],
        "displayName": format!("Zoë Müller {number}"), "givenName": "ZOË", "surname": "MÜLLER",
        "jobTitle": if number.is_multiple_of(7) { "Dr. Head of Sales" } else { "Head of Sales" },
        "department": if number.is_multiple_of(3) { "HR" } else { "Sales" }, "companyName": null,
        "officeLocation": "Zürich/2.14", "businessPhones": ["+41 44 555 01 00"],
        "mobilePhone": "+41 (79) 555-01-00", "faxNumber": null, "streetAddress": "Seestrasse 1",
        "city": "Zürich", "state": "ZH", "postalCode": "8002", "country": "Switzerland",
        "usageLocation": "CH", "preferredLanguage": "de-CH", "employeeId": format!("e{number:05}"),
        "employeeType": "Employee", "employeeHireDate": "2020-05-01T00:00:00Z",
        "employeeOrgData": {"division": "EMEA", "costCenter": "4711"}, "userType": "Member",
        "accountEnabled": true, "createdDateTime": "2020-04-01T08:00:00Z",
        "externalUserState": null, "onPremisesExtensionAttributes": {"extensionAttribute1": "x"},
    });
    let Value::Object(attributes) = attributes else { unreachable!("an object was written") };
    DirectoryUser { id: ObjectId::from_u128(u128::from(number) + 1), attributes }
}
