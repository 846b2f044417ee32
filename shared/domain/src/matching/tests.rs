//! Keys that find somebody, keys that find several, and spellings of the same.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::contact::{ContactSource, ContactStatus, Link, LinkState};
use crate::id::{AccountId, ConnectionId, ContactId, ObjectId, TenantId};
use crate::mapping::Mapping;
use crate::settings::MappingRow;

fn settings(keys: &[&str]) -> Settings {
    let row = |target: &str, source: &str| MappingRow {
        target: target.to_owned(),
        source: source.to_owned(),
        required: false,
        policy: None,
        when_empty: None,
        default: None,
    };
    let mut settings = Settings {
        matching: keys.iter().map(|key| (*key).to_owned()).collect(),
        ..Settings::default()
    };
    settings.mapping.push(row("employeeId", "[employeeId]"));
    settings
}

fn keys(keys: &[&str]) -> MatchKeys {
    MatchKeys::compile(&settings(keys), &[]).unwrap()
}

fn user(own: Value) -> (DirectoryUser, Mapped) {
    let mut attributes = json!({
        "userPrincipalName": "ada@contoso.example", "mail": "ada@contoso.example",
        "displayName": "Ada L", "givenName": "Ada", "surname": "L", "jobTitle": null,
        "department": null, "mobilePhone": null, "businessPhones": [], "officeLocation": null,
        "employeeId": null, "userType": "Member", "accountEnabled": true,
    });
    if let (Value::Object(all), Value::Object(own)) = (&mut attributes, own) {
        all.extend(own);
    }
    let Value::Object(attributes) = attributes else { panic!("an object") };
    let user = DirectoryUser { id: ObjectId::from_u128(1), attributes };
    let mapped = Mapping::compile(&settings(&["email"]), &[])
        .unwrap()
        .map(&user, jiff::Timestamp::UNIX_EPOCH);
    (user, mapped)
}

fn contact(id: u128, fields: &[(ContactField, &str)]) -> Contact {
    Contact {
        id: ContactId::from_bits(id),
        account_id: AccountId::from_bits(1),
        version: 1,
        status: ContactStatus::Active,
        source: ContactSource::Local,
        fields: fields.iter().map(|(field, value)| (*field, (*value).to_owned())).collect(),
        custom: std::collections::BTreeMap::new(),
        written: Vec::new(),
        managed_fields: Vec::new(),
        protected: false,
        link: None,
        sync: None,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

fn linked(contact: Contact) -> Contact {
    let link = Link {
        connection_id: ConnectionId::from_bits(1),
        tenant_id: TenantId::from_u128(1),
        object_id: ObjectId::from_u128(99),
        user_principal_name: None,
        state: LinkState::Linked,
        acts_at: None,
        planned: None,
        cause: None,
    };
    Contact { link: Some(link), ..contact }
}

/// What the keys lead to, as ids.
fn found(order: &[&str], own: Value, contacts: &[Contact]) -> Vec<u128> {
    let (user, mapped) = user(own);
    let candidates: Vec<&Contact> = contacts.iter().collect();
    match keys(order).find(&user, &mapped, &candidates) {
        Matched::Nobody => vec![],
        Matched::One { contact, .. } => vec![contact.id.to_bits()],
        Matched::Several { contacts, .. } => contacts.iter().map(|one| one.id.to_bits()).collect(),
    }
}

/// What is shown, the keys, the contacts, and whom they lead to.
type Case<'a> = (&'a str, &'a [&'a str], Vec<Contact>, Vec<u128>);

#[test]
fn the_first_key_with_one_hit_decides_and_several_hits_end_the_search() {
    use ContactField::{Email, EmployeeId, MobilePhone};
    let by_mail = contact(1, &[(Email, "Ada@Contoso.example ")]);
    let by_number = contact(2, &[(EmployeeId, "e-7")]);
    let twin = contact(3, &[(EmployeeId, " E-7")]);
    let taken = linked(contact(4, &[(Email, "ada@contoso.example")]));
    let by_phone = contact(5, &[(MobilePhone, "0049 (0)170-555 12 34")]);
    let own = json!({"employeeId": "E-7", "mobilePhone": "+49 0170 5551234"});
    let both = [by_mail.clone(), by_number.clone()];
    let cases: [Case<'_>; 8] = [
        ("by mail, whatever the spelling", &["email"], vec![by_mail.clone()], vec![1]),
        ("the order of the keys decides", &["employeeId", "email"], both.to_vec(), vec![2]),
        ("the other order", &["email", "employeeId"], both.to_vec(), vec![1]),
        (
            "a later key, where the first finds nobody",
            &["email", "employeeId"],
            vec![by_number.clone()],
            vec![2],
        ),
        (
            "two have the number: nobody guesses",
            &["employeeId", "email"],
            vec![by_mail.clone(), twin, by_number],
            vec![2, 3],
        ),
        ("a linked contact is no candidate", &["email"], vec![taken], vec![]),
        ("telephones, whatever the spelling", &["mobilePhone"], vec![by_phone], vec![5]),
        ("the UPN is somebody's address", &["userPrincipalName"], vec![by_mail], vec![1]),
    ];
    for (case, order, contacts, expected) in cases {
        assert_eq!(found(order, own.clone(), &contacts), expected, "{case}");
    }
}

#[test]
fn what_tells_nobody_apart_matches_nobody() {
    use ContactField::{EmployeeId, MobilePhone};
    let empty = contact(1, &[(EmployeeId, " "), (MobilePhone, "204")]);
    let own = json!({"employeeId": " ", "mobilePhone": "204"});
    assert!(found(&["employeeId", "mobilePhone"], own, &[empty]).is_empty());
}

#[test]
fn the_evidence_names_what_speaks_for_a_match_and_what_against() {
    use ContactField::{City, Email, FirstName, LastName, MobilePhone};
    let (_, mapped) = user(json!({"mobilePhone": "204", "surname": "Lovelace"}));
    let contact = contact(
        1,
        &[
            (Email, "ADA@contoso.example"),
            (FirstName, "Ada"),
            (LastName, "Byron"),
            (MobilePhone, "+49 170 5551234"),
            (City, "London"),
        ],
    );
    let key = MatchKey::parse("email").unwrap();
    assert_eq!(
        Match::of(&key, &mapped, &contact).to_string(),
        "matched by email: email equal, displayName only in Entra, firstName equal, lastName \
         differs, mobilePhone only in the contact"
    );
}

proptest! {
    /// The lookup by digests finds every contact that a key could lead to, and whatever order the
    /// candidates come in, the answer is the same.
    #[test]
    fn the_order_of_candidates_decides_nothing(
        numbers in proptest::collection::vec(0_u8..4, 0..8),
        wanted in 0_u8..4,
        turn in 0_usize..8,
    ) {
        let contacts: Vec<Contact> = numbers
            .iter()
            .enumerate()
            .map(|(id, number)| {
                contact(id as u128 + 1, &[(ContactField::EmployeeId, &format!("n{number}"))])
            })
            .collect();
        let mut turned = contacts.clone();
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
            turned.reverse();
        }
        let own = json!({"employeeId": format!("N{wanted}")});
        let straight = found(&["email", "employeeId"], own.clone(), &contacts);
        prop_assert_eq!(&straight, &found(&["email", "employeeId"], own.clone(), &turned));
        let keys = keys(&["email", "employeeId"]);
        let (user, mapped) = user(own);
        let digests = keys.digests_of_user(&user, &mapped);
        let looked_up = contacts.iter().filter(|contact| {
            keys.digests_of_contact(contact).iter().any(|one| digests.contains(one))
        });
        prop_assert_eq!(straight, looked_up.map(|one| one.id.to_bits()).collect::<Vec<_>>());
    }
}
