//! Presets: settings that behave as another product's directory sync does.
//!
//! A preset is here once all that it sets is available.

use serde::Serialize;

use super::{
    BetweenRuns, DisabledAccounts, FieldDefaults, FieldPolicy, Frequency, MappingDefaults,
    MappingRow, Policies, Removal, RemovalAction, Schedule, Scope, Settings, SettingsTakeEffect,
    WhenEmpty,
};

/// A whole settings document under a name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preset {
    /// Its id in addresses.
    pub id: &'static str,
    /// What people read.
    pub name: &'static str,
    /// The document.
    pub settings: Settings,
}

/// Every preset.
pub fn presets() -> Vec<Preset> {
    vec![Preset { id: "happyfox", name: "HappyFox", settings: happyfox() }]
}

/// E-mail and name only, the name once; nothing is ever taken away; one run a day at midnight and
/// none between. A phone or custom field mapped later gets that product's rules by the defaults.
fn happyfox() -> Settings {
    let row = |target: &str, source: &str| MappingRow {
        target: target.to_owned(),
        source: source.to_owned(),
        required: false,
        policy: None,
        when_empty: None,
        default: None,
    };
    Settings {
        scope: Scope { disabled_accounts: DisabledAccounts::Include, ..Scope::default() },
        mapping: vec![
            MappingRow {
                required: true,
                policy: Some(FieldPolicy::Overwrite),
                when_empty: Some(WhenEmpty::Fail),
                ..row("email", "[userPrincipalName]")
            },
            MappingRow {
                policy: Some(FieldPolicy::CreateOnly),
                when_empty: Some(WhenEmpty::Keep),
                ..row("displayName", "[displayName]")
            },
        ],
        mapping_defaults: MappingDefaults {
            custom: FieldDefaults { policy: FieldPolicy::Overwrite, when_empty: WhenEmpty::Keep },
            phones: FieldDefaults { policy: FieldPolicy::Overwrite, when_empty: WhenEmpty::Fail },
        },
        policies: Policies {
            removal: Removal {
                soft_deleted: RemovalAction::Keep,
                hard_deleted: RemovalAction::Keep,
                out_of_scope: RemovalAction::Keep,
                left_group: RemovalAction::Keep,
                disabled: RemovalAction::Keep,
                grace_days: 0,
            },
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
