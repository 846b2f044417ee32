//! Settings held against the people that are in the directory, before anything is saved.

use contact_sync_domain::account::{CustomField, CustomFieldType};
use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::contact::{ContactField, ContactSource};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::ObjectId;
use contact_sync_engine::memory::Entra;
use contact_sync_engine::port::{AdministrativeUnit, StoredContact};
use serde_json::{Value, json};

use super::harness::{App, Ask, account_id, of_connection};
use super::people::people;

async fn validate(app: &App, document: &Value) -> Value {
    app.ask(Ask::post(of_connection("/settings/validate"), document)).await.expect(200).json()
}

fn rows(more: &[Value]) -> Value {
    let email = json!({"target": "email", "source": "Coalesce([mail], [userPrincipalName])",
        "required": true, "whenEmpty": "fail"});
    Value::Array([&[email], more].concat())
}

fn reason<'a>(verdict: &'a Value, code: &str) -> &'a Value {
    let reasons = verdict["people"]["byReason"].as_array().unwrap();
    reasons.iter().find(|one| one["code"] == code).unwrap_or_else(|| panic!("{code}: {verdict}"))
}

fn numbers_add_up(verdict: &Value) {
    let of = |name: &str| verdict["people"][name].as_u64().unwrap();
    assert_eq!(of("seen"), of("inScope") + of("wouldSkip"), "{verdict}");
    let linked = verdict["people"]["wouldLink"]["count"].as_u64().unwrap();
    let decided = ["wouldCreate", "wouldUpdate", "unchanged", "wouldAwaitReview", "leftAlone"];
    let decided: u64 = decided.iter().map(|name| of(name)).sum();
    assert_eq!(of("inScope"), decided + linked + of("wouldFail"), "{verdict}");
}

#[tokio::test]
async fn who_would_fail_is_told_with_counts_and_examples_before_anything_is_saved() {
    let app = App::with_connection(S::Ready);
    people(
        &app,
        &[
            json!({"department": "12", "mobilePhone": "+49 30 1234567"}),
            json!({"department": "Sales", "mobilePhone": "+49 30 1234568"}),
            json!({"department": "Sales"}),
            json!({"department": null, "mobilePhone": ""}),
            json!({"userType": "Guest"}),
        ],
    );
    app.outside.store.world().accounts.get_mut(&account_id()).unwrap().custom_fields.push(
        CustomField {
            key: "cost".to_owned(),
            label: "Cost centre".to_owned(),
            kind: CustomFieldType::Text,
            required: true,
            options: Vec::new(),
        },
    );
    let document = json!({"mapping": rows(&[
        json!({"target": "custom.age", "source": "[department]"}),
        json!({"target": "custom.cost", "source": "[department]"}),
        json!({"target": "mobilePhone", "source": "[mobilePhone]", "whenEmpty": "fail"}),
    ])});
    let verdict = validate(&app, &document).await;
    numbers_add_up(&verdict);
    assert_eq!(verdict["valid"], true, "the document itself is sound: {verdict}");
    assert_eq!((&verdict["complete"], &verdict["sampled"]), (&json!(true), &json!(5)));
    let counts = &verdict["people"];
    assert_eq!((&counts["wouldFail"], &counts["wouldCreate"]), (&json!(3), &json!(1)));
    let mismatch = reason(&verdict, "notANumber");
    assert_eq!((&mismatch["count"], &mismatch["pointer"]), (&json!(2), &json!("/mapping/1")));
    assert_eq!(mismatch["examples"][0]["userPrincipalName"], "p2@contoso.example");
    assert!(mismatch["remedy"].as_str().unwrap().contains("department"));
    assert!(!mismatch["reason"].as_str().unwrap().contains("Sales"), "no value in a reason");
    let phone = reason(&verdict, "empty");
    assert_eq!((&phone["count"], &phone["target"]), (&json!(2), &json!("mobilePhone")));
    assert_eq!(reason(&verdict, "requiredEmpty")["count"], 1);
    assert_eq!(counts["skippedBy"][0]["clause"], "userTypes");
    assert!(app.outside.store.world().settings.is_empty());
    assert!(app.outside.store.world().contacts.is_empty());
    assert!(verdict["permissions"][0]["neededBy"].as_array().unwrap().len() == 2);

    let quick = Ask::post(of_connection("/settings/validate?people=false"), &document);
    let quick = app.ask(quick).await.expect(200).json();
    assert_eq!((&quick["people"], &quick["complete"]), (&json!(null), &json!(false)));
}

#[tokio::test]
async fn people_with_one_address_are_named_together() {
    let app = App::with_connection(S::Ready);
    people(
        &app,
        &[
            json!({"mail": "office@contoso.example"}),
            json!({"mail": "Office@contoso.example"}),
            json!({"mail": "ben@contoso.example"}),
        ],
    );
    let verdict = validate(&app, &json!({})).await;
    numbers_add_up(&verdict);
    assert_eq!(verdict["uniqueness"]["sharedEmails"], 1);
    let shared = &verdict["uniqueness"]["examples"][0];
    assert_eq!((&shared["email"], &shared["count"]), (&json!("office@contoso.example"), &json!(2)));
    assert_eq!(reason(&verdict, "emailShared")["count"], 1, "one of the two gets it");
}

#[tokio::test]
async fn what_link_would_do_with_a_contact_that_is_there_is_shown() {
    for (link, would_link, would_fail) in [("auto", 1, 0), ("fail", 0, 1)] {
        let app = App::with_connection(S::Ready);
        people(&app, &[json!({"mail": "ana@contoso.example"}), json!({})]);
        let id = app.add_linked_contact();
        if let Some(StoredContact::Present(contact)) =
            app.outside.store.world().contacts.get_mut(&id)
        {
            contact.source = ContactSource::Local;
            contact.link = None;
            contact.sync = None;
            assert!(contact.fields.contains_key(&ContactField::Email));
        }
        let verdict = validate(&app, &json!({"policies": {"link": link}})).await;
        numbers_add_up(&verdict);
        assert_eq!(verdict["people"]["wouldLink"]["count"], would_link, "{link}: {verdict}");
        assert_eq!(verdict["people"]["wouldFail"], would_fail, "{link}: {verdict}");
        if would_fail == 1 {
            assert_eq!(reason(&verdict, "emailOfLocalContact")["pointer"], "/policies/link");
        }
        let key = email_key("ana@contoso.example");
        assert_eq!(app.outside.store.world().claims[&(account_id(), key)], id, "as it was");
    }
}

#[tokio::test]
async fn who_comes_and_goes_by_a_scope_is_counted_with_the_clause() {
    let app = App::with_connection(S::Ready);
    people(
        &app,
        &[
            json!({"department": "Sales"}),
            json!({"department": "Sales", "userType": "Guest"}),
            json!({"department": "R&D"}),
            json!({"department": "R&D"}),
        ],
    );
    let scope = json!({"scope": {"departments": {"any": ["Sales"]}, "userTypes": "all"}});
    let verdict = validate(&app, &scope).await;
    numbers_add_up(&verdict);
    let change = &verdict["scopeChange"];
    assert_eq!(change["newlyIn"][0]["clause"], "userTypes");
    assert_eq!(change["newlyIn"][0]["count"], 1);
    assert_eq!(
        (&change["newlyOut"][0]["clause"], &change["newlyOut"][0]["count"]),
        (&json!("departments"), &json!(2))
    );
    let nobody = json!({"scope": {"departments": {"any": ["Moon base"]}}});
    let nobody = validate(&app, &nobody).await;
    assert!(nobody["warnings"].to_string().contains("nobody in the directory"), "{nobody}");
}

#[tokio::test]
async fn groups_that_do_not_exist_and_permissions_that_lack_are_told() {
    let app = App::with_connection(S::Ready);
    let unknown = "00000000-0000-0000-0000-00000000beef";
    let scope = json!({"scope": {"groups": {"any": [unknown]}, "ignoredUsers": [unknown]}});
    let verdict = validate(&app, &scope).await;
    assert_eq!(verdict["valid"], false);
    assert_eq!(verdict["errors"][0]["pointer"], "/scope/groups/any/0");
    assert_eq!(verdict["people"], Value::Null, "no group is an empty one: {verdict}");
    assert!(verdict["warnings"].to_string().contains("/scope/ignoredUsers/0"), "{verdict}");
    let needed = &verdict["permissions"][1];
    assert_eq!(
        (&needed["name"], &needed["neededBy"]),
        (&json!("GroupMember.Read.All"), &json!(["/scope/groups"]))
    );
    let app = App::with_connection(S::Invited);
    let verdict = validate(&app, &json!({})).await;
    assert_eq!((&verdict["valid"], &verdict["people"]), (&json!(true), &json!(null)));
    assert!(verdict["warnings"].to_string().contains("no organisation"), "{verdict}");
}

#[tokio::test]
async fn administrative_units_that_do_not_exist_or_may_not_be_read_are_told() {
    let app = App::with_connection(S::Ready);
    people(&app, &[json!({}), json!({}), json!({})]);
    let (known, unknown) = (ObjectId::from_u128(0xA0), ObjectId::from_u128(0xBEEF));
    let put = |entra: &mut Entra| {
        let first = entra.users.keys().next().unwrap().clone();
        let unit = AdministrativeUnit { id: known.clone(), display_name: Some("North".into()) };
        entra.units.insert(known.clone(), (unit, vec![first]));
    };
    put(&mut app.outside.directory.entra());
    let scope = |any: &[&ObjectId]| json!({"scope": {"administrativeUnits": {"any": any}}});
    let verdict = validate(&app, &scope(&[&known, &unknown])).await;
    assert_eq!(verdict["valid"], false, "{verdict}");
    assert_eq!(verdict["errors"][0]["pointer"], "/scope/administrativeUnits/any/1");
    assert!(verdict["errors"][0]["message"].to_string().contains("administrative unit"));

    let verdict = validate(&app, &scope(&[&known])).await;
    assert_eq!((&verdict["valid"], &verdict["people"]["inScope"]), (&json!(true), &json!(1)));
    let change = &verdict["scopeChange"];
    assert!(change.to_string().contains("administrativeUnits"), "who goes, and why: {verdict}");
    let needed = &verdict["permissions"][2];
    assert_eq!(needed["name"], "AdministrativeUnit.Read.All");
    assert_eq!(needed["neededBy"], json!(["/scope/administrativeUnits"]));

    let told = app.ask(Ask::get(of_connection("/directory/values?property=administrativeUnit")));
    let told = told.await.expect(200).json();
    assert_eq!(told["items"], json!([{"value": known, "name": "North", "count": 1}]), "{told}");
    let named = of_connection("/directory/values?property=administrativeUnit&query=south");
    assert_eq!(app.ask(Ask::get(named)).await.expect(200).json()["items"], json!([]));

    app.outside.directory.entra().hides_units = true;
    let verdict = validate(&app, &scope(&[&known])).await;
    assert_eq!(verdict["people"], Value::Null, "nobody is looked at: {verdict}");
    assert!(verdict["warnings"].to_string().contains("AdministrativeUnit.Read.All"), "{verdict}");
    assert_eq!(validate(&app, &json!({})).await["permissions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn how_attributes_are_filled_is_shown_without_their_values() {
    let app = App::with_connection(S::Ready);
    people(
        &app,
        &[
            json!({"mobilePhone": "+49 30 1234567", "department": "Sales"}),
            json!({"mobilePhone": "ask Ben", "department": "sales"}),
            json!({}),
            json!({"userType": "Guest", "department": "Elsewhere"}),
        ],
    );
    let coverage = app.ask(Ask::get(of_connection("/settings/coverage"))).await.expect(200);
    assert!(!coverage.text.contains("ask Ben"));
    let coverage = coverage.json();
    assert_eq!((&coverage["seen"], &coverage["inScope"]), (&json!(4), &json!(3)));
    let of = |name: &str| {
        let attributes = coverage["attributes"].as_array().unwrap();
        attributes.iter().find(|one| one["attribute"] == name).unwrap().clone()
    };
    let phone = of("mobilePhone");
    assert_eq!((&phone["filled"], &phone["malformed"]), (&json!(2), &json!(1)));
    assert_eq!((&phone["percent"], &phone["usedBy"]), (&json!(66.6), &json!(["mobilePhone"])));
    assert_eq!(of("department")["distinct"], 1);
    assert_eq!(of("extensionAttribute7")["filled"], 0);
    let shown = app.ask(Ask::get(of_connection("/settings/coverage?examples=true"))).await;
    assert!(shown.expect(200).text.contains("ask Ben"));
    let viewer = Ask::get(of_connection("/settings/coverage")).role("viewer");
    app.ask(viewer).await.problem(403, "role-too-small");
}

#[tokio::test]
async fn a_directory_that_asks_to_wait_is_said_to() {
    let app = App::with_connection(S::Ready);
    app.outside.directory.entra().is_throttled = true;
    let ask = Ask::post(of_connection("/settings/validate"), &json!({}));
    app.ask(ask).await.problem(503, "directory-busy");
}

#[tokio::test]
async fn one_person_goes_through_unsaved_settings_step_by_step() {
    let app = App::with_connection(S::Ready);
    people(&app, &[json!({"mail": "ana@contoso.example", "department": " Sales "})]);
    let document = json!({
        "scope": {"departments": {"any": ["R&D"]}},
        "mapping": rows(&[
            json!({"target": "department", "source": "ToUpper([department])"}),
            json!({"target": "custom.age", "source": "[department]"}),
            json!({"target": "mobilePhone", "source": "[mobilePhone]", "whenEmpty": "clear"}),
        ]),
    });
    let body = json!({"user": "ana@contoso.example", "settings": document});
    let tried = app.ask(Ask::post(of_connection("/settings/test"), &body)).await.expect(200);
    let tried = tried.json();
    assert_eq!((&tried["inScope"], &tried["wouldFail"]), (&json!(false), &json!(true)));
    let out: Vec<&Value> = tried["scope"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|clause| clause["verdict"] == "out")
        .collect();
    assert_eq!(out[0]["clause"], "departments");
    let field = |target: &str| {
        let fields = tried["fields"].as_array().unwrap();
        fields.iter().find(|one| one["target"] == target).unwrap().clone()
    };
    let department = field("department");
    assert_eq!((&department["value"], &department["outcome"]), (&json!("SALES"), &json!("write")));
    assert_eq!(department["attributes"][0]["value"], " Sales ");
    assert!(department["trace"].as_array().unwrap().len() >= 2, "{department}");
    assert_eq!(field("custom.age")["code"], "notANumber");
    assert_eq!(field("mobilePhone")["outcome"], "clear");
    assert!(app.outside.store.world().settings.is_empty(), "nothing was saved");

    // The saved settings, on a person by id.
    let body = json!({"user": "00000000-0000-0000-0000-000000000001"});
    let tried = app.ask(Ask::post(of_connection("/settings/test"), &body)).await.expect(200).json();
    assert_eq!((&tried["inScope"], &tried["wouldFail"]), (&json!(true), &json!(false)));
    for (body, pointer) in [
        (json!({"user": "nobody@contoso.example"}), "/user"),
        (json!({}), "/user"),
        (json!({"user": "x", "settings": {"mode": "odd"}}), "/settings/mode"),
    ] {
        let refused = app.ask(Ask::post(of_connection("/settings/test"), &body)).await;
        assert_eq!(refused.problem(422, "invalid-fields"), [pointer], "{body}");
    }
}
