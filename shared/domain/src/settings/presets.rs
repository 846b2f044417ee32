//! Presets: settings that behave as another product's directory sync does.
//!
//! Each is written down whole. What this release cannot save of it is left out and told beside it,
//! so that a preset is what it says from the day on which its last member is available.

use serde::Serialize;

use super::check::unavailable;
use super::{
    BetweenRuns, ChangeMode, DisabledAccounts, Features, FieldDefaults, FieldPolicy, Frequency,
    LinkMode, MappingDefaults, MappingRow, NameOfExisting, Notifications, Policies, Removal,
    RemovalAction, Schedule, Scope, Settings, SettingsTakeEffect, WhenEmpty,
};

/// A settings document under a name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preset {
    /// Its id in addresses.
    pub id: &'static str,
    /// What people read.
    pub name: &'static str,
    /// The document, as it can be saved.
    pub settings: Settings,
    /// What the product does besides and this release cannot: JSON pointers into the document.
    pub not_yet: Vec<String>,
    /// What only the account can fill in.
    pub to_do: Vec<&'static str>,
}

/// Every preset.
pub fn presets() -> Vec<Preset> {
    vec![
        preset("happyfox", "HappyFox", &happyfox(), &[]),
        preset("lynes", "Lynes", &lynes(), &[TELL_SOMEBODY]),
        preset("lynes-manual", "Lynes, by hand", &lynes_manual(), &[TELL_SOMEBODY]),
        preset("syncro", "Syncro", &syncro(), &[]),
        preset("gethomesafe", "GetHomeSafe", &gethomesafe(), &[MAP_GROUPS]),
    ]
}

const TELL_SOMEBODY: &str =
    "Name who is told of changes and of what waits (notifications.users, notifications.emails).";

const MAP_GROUPS: &str = "Map at least one group to a team (teams), with onLeave: keep, so that \
                          whoever leaves a group stays in its team.";

/// A preset of all that can be saved of a document.
fn preset(
    id: &'static str,
    name: &'static str,
    whole: &Settings,
    to_do: &[&'static str],
) -> Preset {
    let usual = serde_json::to_value(Settings::default()).unwrap_or_default();
    let mut document = serde_json::to_value(whole).unwrap_or_default();
    let mut not_yet: Vec<String> =
        unavailable(whole).into_iter().map(|problem| problem.pointer).collect();
    for pointer in &not_yet {
        if let (Some(member), Some(usual)) = (document.pointer_mut(pointer), usual.pointer(pointer))
        {
            *member = usual.clone();
        }
    }
    not_yet.extend(nobody_to_tell(whole));
    let settings = serde_json::from_value(document).unwrap_or_default();
    Preset { id, name, settings, not_yet, to_do: to_do.to_vec() }
}

/// A preset that tells of things leaves to the account whom: what could not be saved then is not
/// there yet either.
fn nobody_to_tell(whole: &Settings) -> Vec<String> {
    if whole.notifications == Notifications::default() {
        return Vec::new();
    }
    let somebody = vec!["somebody@example.com".to_owned()];
    let asked = Settings {
        notifications: Notifications {
            users: somebody.clone(),
            emails: somebody,
            ..whole.notifications.clone()
        },
        ..Settings::default()
    };
    unavailable(&asked).into_iter().map(|problem| problem.pointer).collect()
}

fn row(target: &str, source: &str) -> MappingRow {
    MappingRow {
        target: target.to_owned(),
        source: source.to_owned(),
        required: false,
        policy: Some(FieldPolicy::Overwrite),
        when_empty: Some(WhenEmpty::Keep),
        default: None,
    }
}

fn email_row(source: &str) -> MappingRow {
    MappingRow { required: true, when_empty: Some(WhenEmpty::Fail), ..row("email", source) }
}

/// The address at which mail arrives.
const MAIL: &str = "Coalesce([mail], [userPrincipalName])";

fn every_cause(action: RemovalAction) -> Removal {
    Removal {
        soft_deleted: action,
        hard_deleted: action,
        out_of_scope: action,
        left_group: action,
        disabled: action,
        grace_days: 0,
    }
}

/// E-mail and name only, the name once; nothing is ever taken away; one run a day at midnight and
/// none between. A phone or custom field mapped later gets that product's rules by the defaults.
fn happyfox() -> Settings {
    Settings {
        scope: Scope { disabled_accounts: DisabledAccounts::Include, ..Scope::default() },
        mapping: vec![
            email_row("[userPrincipalName]"),
            MappingRow {
                policy: Some(FieldPolicy::CreateOnly),
                ..row("displayName", "[displayName]")
            },
        ],
        mapping_defaults: MappingDefaults {
            custom: FieldDefaults { policy: FieldPolicy::Overwrite, when_empty: WhenEmpty::Keep },
            phones: FieldDefaults { policy: FieldPolicy::Overwrite, when_empty: WhenEmpty::Fail },
        },
        policies: Policies {
            name_of_existing: NameOfExisting::Keep,
            removal: every_cause(RemovalAction::Keep),
            ..Policies::default()
        },
        schedule: Schedule {
            frequency: Frequency::Daily,
            time_of_day: "00:00".to_owned(),
            between_runs: BetweenRuns::Ignore,
            settings_take_effect: SettingsTakeEffect::NextRun,
            ..Schedule::default()
        },
        ..Settings::default()
    }
}

/// Names and address. People decide who is linked, made and removed; changes of those who are
/// linked wait in a list for the night.
fn lynes() -> Settings {
    Settings {
        mapping: vec![
            email_row(MAIL),
            row("displayName", "[displayName]"),
            row("firstName", "[givenName]"),
            row("lastName", "[surname]"),
        ],
        policies: Policies {
            create: ChangeMode::Review,
            update: ChangeMode::Auto,
            link: LinkMode::Review,
            lock_managed: true,
            name_of_existing: NameOfExisting::Sync,
            removal: every_cause(RemovalAction::Review),
            ..Policies::default()
        },
        schedule: Schedule {
            frequency: Frequency::Daily,
            time_of_day: "02:00".to_owned(),
            between_runs: BetweenRuns::List,
            ..Schedule::default()
        },
        notifications: Notifications {
            kinds: vec!["changes".to_owned(), "review".to_owned()],
            ..Notifications::default()
        },
        ..Settings::default()
    }
}

/// The same without a schedule: nothing happens without a person.
fn lynes_manual() -> Settings {
    let daily = lynes();
    Settings {
        policies: Policies { update: ChangeMode::Review, ..daily.policies.clone() },
        schedule: Schedule { frequency: Frequency::Manual, ..daily.schedule.clone() },
        ..daily
    }
}

/// A fixed list of details, every hour; whoever no longer matches is merely not updated any more.
fn syncro() -> Settings {
    Settings {
        mapping: vec![
            email_row(MAIL),
            row("displayName", "[displayName]"),
            row("firstName", "[givenName]"),
            row("lastName", "[surname]"),
            row("jobTitle", "[jobTitle]"),
            row("businessPhone", "[businessPhones]"),
            row("mobilePhone", "[mobilePhone]"),
            row("streetAddress", "[streetAddress]"),
            row("city", "[city]"),
            row("state", "[state]"),
            row("postalCode", "[postalCode]"),
        ],
        policies: Policies {
            name_of_existing: NameOfExisting::Sync,
            removal: every_cause(RemovalAction::StopUpdating),
            ..Policies::default()
        },
        schedule: Schedule {
            frequency: Frequency::Hourly,
            between_runs: BetweenRuns::Ignore,
            settings_take_effect: SettingsTakeEffect::NextRun,
            ..Schedule::default()
        },
        features: Features {
            licences: true,
            sign_in: true,
            mfa: true,
            devices: true,
            ..Features::default()
        },
        ..Settings::default()
    }
}

/// Empty in the directory is empty in the product; an account made by hand with the same address
/// fails that person; groups are teams, and one must be mapped before anything starts. The time
/// zone comes from the mailbox, and so with that feature.
fn gethomesafe() -> Settings {
    let cleared = FieldDefaults { policy: FieldPolicy::Overwrite, when_empty: WhenEmpty::Clear };
    let cleared_row =
        |target, source| MappingRow { when_empty: Some(WhenEmpty::Clear), ..row(target, source) };
    Settings {
        mapping: vec![
            email_row(MAIL),
            cleared_row("firstName", "[givenName]"),
            cleared_row("lastName", "[surname]"),
            cleared_row("mobilePhone", "[mobilePhone]"),
            cleared_row("country", "[country]"),
        ],
        mapping_defaults: MappingDefaults { custom: cleared, phones: cleared },
        policies: Policies { link: LinkMode::Fail, ..Policies::default() },
        schedule: Schedule {
            frequency: Frequency::Daily,
            time_of_day: "02:00".to_owned(),
            between_runs: BetweenRuns::Ignore,
            ..Schedule::default()
        },
        requires: vec!["teams".to_owned()],
        features: Features { mailbox_settings: true, calendar: true, ..Features::default() },
        ..Settings::default()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::directory::DirectoryUser;
    use crate::id::ObjectId;
    use crate::mapping::Mapping;
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
        let failures =
            mapping.changes(&mapping.map(&user, Timestamp::UNIX_EPOCH), None).unwrap_err();
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].target.to_string(), "mobilePhone");
    }
}
