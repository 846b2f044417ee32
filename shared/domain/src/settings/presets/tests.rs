use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::directory::DirectoryUser;
use crate::id::ObjectId;
use crate::mapping::Mapping;
use crate::settings::MappingRow;
use crate::settings::check::check;

#[test]
fn every_preset_is_a_document_that_can_be_saved_as_it_is() {
    for preset in presets() {
        let document = serde_json::to_value(&preset.settings).unwrap();
        assert_eq!(check(&document, &[], "Asia/Kolkata"), Ok(preset.settings), "{}", preset.id);
    }
}

fn named(id: &str) -> Preset {
    presets().into_iter().find(|preset| preset.id == id).unwrap()
}

fn document(id: &str) -> Value {
    serde_json::to_value(named(id).settings).unwrap()
}

fn targets(id: &str) -> Vec<String> {
    named(id).settings.mapping.into_iter().map(|row| row.target).collect()
}

/// Asserts members of a preset, each at its pointer.
fn assert_traits(id: &str, traits: &[(&str, Value)]) {
    let document = document(id);
    for (pointer, expected) in traits {
        assert_eq!(document.pointer(pointer), Some(expected), "{id} {pointer}");
    }
}

fn assert_every_cause(id: &str, action: &str) {
    for cause in ["softDeleted", "hardDeleted", "outOfScope", "leftGroup", "disabled"] {
        assert_traits(id, &[(&format!("/policies/removal/{cause}"), json!(action))]);
    }
}

#[test]
fn what_a_preset_lacks_is_told_and_can_be_asked_for_nowhere() {
    for preset in presets() {
        for pointer in &preset.not_yet {
            let mut document = serde_json::to_value(&preset.settings).unwrap();
            let Some(member) = document.pointer_mut(pointer) else { panic!("{pointer}") };
            let asked = match member {
                Value::Bool(_) => json!(true),
                Value::Array(_) if pointer == "/requires" => json!(["teams"]),
                _ => json!(["somebody@example.com"]),
            };
            *member = asked;
            let problems = check(&document, &[], "UTC").unwrap_err();
            assert!(
                problems.iter().any(|problem| problem.pointer == *pointer
                    && problem.message.starts_with("not available yet")),
                "{} {pointer}",
                preset.id
            );
        }
    }
}

#[test]
fn happyfox_has_its_traits() {
    assert_eq!(targets("happyfox"), ["email", "displayName"], "no phone is mapped");
    assert_every_cause("happyfox", "keep");
    assert_traits(
        "happyfox",
        &[
            ("/mapping/0/source", json!("[userPrincipalName]")),
            ("/mapping/1/policy", json!("createOnly")),
            ("/mappingDefaults/custom/policy", json!("overwrite")),
            ("/mappingDefaults/phones/whenEmpty", json!("fail")),
            ("/policies/nameOfExisting", json!("keep")),
            ("/scope/disabledAccounts", json!("include")),
            ("/schedule/frequency", json!("daily")),
            ("/schedule/timeOfDay", json!("00:00")),
            ("/schedule/timeZone", Value::Null),
            ("/schedule/betweenRuns", json!("ignore")),
            ("/schedule/settingsTakeEffect", json!("nextRun")),
        ],
    );
    assert_eq!(named("happyfox").not_yet, [""; 0]);
}

#[test]
fn lynes_has_its_traits_daily_and_by_hand() {
    for id in ["lynes", "lynes-manual"] {
        assert_eq!(targets(id), ["email", "displayName", "firstName", "lastName"]);
        assert_every_cause(id, "review");
        assert_traits(
            id,
            &[
                ("/policies/create", json!("review")),
                ("/policies/link", json!("review")),
                ("/policies/lockManaged", json!(true)),
                ("/policies/nameOfExisting", json!("sync")),
                ("/schedule/betweenRuns", json!("list")),
                ("/notifications/kinds", json!(["changes", "review"])),
            ],
        );
    }
    assert_traits(
        "lynes",
        &[
            ("/policies/update", json!("auto")),
            ("/schedule/frequency", json!("daily")),
            ("/schedule/timeOfDay", json!("02:00")),
        ],
    );
    assert_traits(
        "lynes-manual",
        &[("/policies/update", json!("review")), ("/schedule/frequency", json!("manual"))],
    );
}

#[test]
fn syncro_has_its_traits() {
    let fields = [
        "email",
        "displayName",
        "firstName",
        "lastName",
        "jobTitle",
        "businessPhone",
        "mobilePhone",
        "streetAddress",
        "city",
        "state",
        "postalCode",
    ];
    assert_eq!(targets("syncro"), fields);
    assert_every_cause("syncro", "stopUpdating");
    assert_traits(
        "syncro",
        &[
            ("/schedule/frequency", json!("hourly")),
            ("/schedule/betweenRuns", json!("ignore")),
            ("/schedule/settingsTakeEffect", json!("nextRun")),
        ],
    );
    assert_there_or_told("syncro", &["licences", "signIn", "mfa", "devices"]);
}

#[test]
fn gethomesafe_has_its_traits() {
    let fields = ["email", "firstName", "lastName", "mobilePhone", "country"];
    assert_eq!(targets("gethomesafe"), fields);
    for (index, field) in fields.iter().enumerate() {
        let expected = if *field == "email" { "fail" } else { "clear" };
        let place = format!("/mapping/{index}/whenEmpty");
        assert_traits("gethomesafe", &[(&place, json!(expected))]);
    }
    assert_traits(
        "gethomesafe",
        &[
            ("/mappingDefaults/custom/whenEmpty", json!("clear")),
            ("/mappingDefaults/phones/whenEmpty", json!("clear")),
            ("/policies/link", json!("fail")),
            ("/schedule/frequency", json!("daily")),
            ("/schedule/betweenRuns", json!("ignore")),
        ],
    );
    let preset = named("gethomesafe");
    let required = preset.settings.requires == ["teams"];
    assert_ne!(required, preset.not_yet.contains(&"/requires".to_owned()));
    assert!(preset.to_do.iter().any(|note| note.contains("onLeave: keep")));
    assert_there_or_told("gethomesafe", &["mailboxSettings", "calendar"]);
}

/// Each feature is on, or told as lacking.
fn assert_there_or_told(id: &str, features: &[&str]) {
    let (document, not_yet) = (document(id), named(id).not_yet);
    for feature in features {
        let pointer = format!("/features/{feature}");
        let is_on = document.pointer(&pointer) == Some(&json!(true));
        assert_ne!(is_on, not_yet.contains(&pointer), "{id} {feature}");
    }
}

#[test]
fn a_phone_added_to_happyfox_fails_when_it_is_empty() {
    let mut settings = happyfox();
    settings.mapping.push(MappingRow {
        target: "mobilePhone".to_owned(),
        source: "[mobilePhone]".to_owned(),
        required: false,
        policy: None,
        when_empty: None,
        default: None,
    });
    let mapping = Mapping::compile(&settings, &[]).unwrap();
    let Value::Object(attributes) =
        json!({"userPrincipalName": "a@x", "displayName": "A", "mobilePhone": null})
    else {
        panic!("an object")
    };
    let user = DirectoryUser { id: ObjectId::from_u128(1), attributes };
    let failures = mapping.changes(&mapping.map(&user, Timestamp::UNIX_EPOCH), None).unwrap_err();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].target.to_string(), "mobilePhone");
}
