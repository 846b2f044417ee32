//! What a document that says nothing means, and how `"all"` is written.

use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::{
    AllOr, BetweenRuns, Calendar, ChangeMode, DisabledAccounts, FieldDefaults, FieldPolicy,
    Frequency, GroupScope, LinkMode, MappingRow, Mode, NameOfExisting, Notifications, Policies,
    Removal, RemovalAction, Routing, Schedule, Scope, Settings, SettingsTakeEffect, WhenEmpty,
};
use crate::guard::GuardLimits;

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Automatic,
            scope: Scope::default(),
            mapping: default_mapping(),
            matching: vec!["email".to_owned()],
            mapping_defaults: super::MappingDefaults::default(),
            policies: Policies::default(),
            schedule: Schedule::default(),
            teams: Vec::new(),
            notifications: Notifications::default(),
            welcome_email: false,
            requires: Vec::new(),
            routing: Routing::default(),
            features: super::Features::default(),
            calendar: Calendar::default(),
        }
    }
}

fn default_mapping() -> Vec<MappingRow> {
    let mut rows = vec![MappingRow::email("Coalesce([mail], [userPrincipalName])")];
    rows.extend(
        [
            ("displayName", "[displayName]"),
            ("firstName", "[givenName]"),
            ("lastName", "[surname]"),
            ("jobTitle", "[jobTitle]"),
            ("department", "[department]"),
            ("mobilePhone", "[mobilePhone]"),
            ("businessPhone", "[businessPhones]"),
            ("officeLocation", "[officeLocation]"),
        ]
        .map(|(target, source)| MappingRow::overwriting(target, source)),
    );
    rows
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            groups: AllOr::All,
            administrative_units: AllOr::All,
            user_types: AllOr::Any(vec!["Member".to_owned()]),
            departments: AllOr::All,
            office_locations: AllOr::All,
            domains: AllOr::All,
            disabled_accounts: DisabledAccounts::Exclude,
            expression: None,
            ignored_users: Vec::new(),
            ignored_groups: Vec::new(),
        }
    }
}

impl Default for FieldDefaults {
    fn default() -> Self {
        Self { policy: FieldPolicy::Overwrite, when_empty: WhenEmpty::Keep }
    }
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            create: ChangeMode::Auto,
            update: ChangeMode::Auto,
            link: LinkMode::Auto,
            lock_managed: true,
            name_of_existing: NameOfExisting::Keep,
            removal: Removal::default(),
            guard: GuardLimits::default(),
        }
    }
}

impl Default for Removal {
    fn default() -> Self {
        Self {
            soft_deleted: RemovalAction::Review,
            hard_deleted: RemovalAction::Review,
            out_of_scope: RemovalAction::StopUpdating,
            left_group: RemovalAction::StopUpdating,
            disabled: RemovalAction::StopUpdating,
            grace_days: 0,
        }
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            frequency: Frequency::Daily,
            time_of_day: "00:00".to_owned(),
            time_zone: None,
            day_of_week: None,
            day_of_month: None,
            cron: None,
            between_runs: BetweenRuns::Apply,
            settings_take_effect: SettingsTakeEffect::NextRun,
        }
    }
}

impl Default for Notifications {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            emails: Vec::new(),
            kinds: ["failure", "changes", "review", "guard"].map(str::to_owned).to_vec(),
            digest: "daily".to_owned(),
        }
    }
}

impl Default for Calendar {
    fn default() -> Self {
        Self {
            window_days: 30,
            show_as: vec!["busy".to_owned()],
            private: "titleOnly".to_owned(),
            all_day: false,
        }
    }
}

/// The wire form: the word `all`, `{any: […]}`, or (groups) a [`GroupScope`].
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire<T> {
    Word(Word),
    Of(T),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Word {
    All,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Any<V> {
    any: Vec<V>,
}

const EXPECTED: &str = "expected \"all\" or an object with a list `any`";

impl<V: Serialize + Clone> Serialize for AllOr<Vec<V>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => Word::All.serialize(serializer),
            Self::Any(any) => Any { any: any.clone() }.serialize(serializer),
        }
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for AllOr<Vec<V>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Wire::<Any<V>>::deserialize(deserializer) {
            Ok(Wire::Word(Word::All)) => Ok(Self::All),
            Ok(Wire::Of(Any { any })) => Ok(Self::Any(any)),
            Err(_) => Err(serde::de::Error::custom(EXPECTED)),
        }
    }
}

impl Serialize for AllOr<GroupScope> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => Word::All.serialize(serializer),
            Self::Any(groups) => groups.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for AllOr<GroupScope> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Wire::<GroupScope>::deserialize(deserializer) {
            Ok(Wire::Word(Word::All)) => Ok(Self::All),
            Ok(Wire::Of(groups)) => Ok(Self::Any(groups)),
            Err(_) => Err(serde::de::Error::custom(EXPECTED)),
        }
    }
}
