//! The documents of the presets, whole, as the products behave.

use crate::settings::{
    BetweenRuns, ChangeMode, DisabledAccounts, Features, FieldDefaults, FieldPolicy, Frequency,
    LinkMode, MappingDefaults, MappingRow, NameOfExisting, Notifications, Policies, Removal,
    RemovalAction, Schedule, Scope, Settings, SettingsTakeEffect, WhenEmpty,
};

fn cleared_row(target: &str, source: &str) -> MappingRow {
    MappingRow { when_empty: Some(WhenEmpty::Clear), ..MappingRow::overwriting(target, source) }
}

/// The address at which mail arrives.
const MAIL: &str = "Coalesce([mail], [userPrincipalName])";

/// Address and names.
fn person() -> [MappingRow; 4] {
    [
        MappingRow::email(MAIL),
        MappingRow::overwriting("displayName", "[displayName]"),
        MappingRow::overwriting("firstName", "[givenName]"),
        MappingRow::overwriting("lastName", "[surname]"),
    ]
}

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
pub(super) fn happyfox() -> Settings {
    Settings {
        scope: Scope { disabled_accounts: DisabledAccounts::Include, ..Scope::default() },
        mapping: vec![
            MappingRow::email("[userPrincipalName]"),
            MappingRow {
                policy: Some(FieldPolicy::CreateOnly),
                ..MappingRow::overwriting("displayName", "[displayName]")
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
pub(super) fn lynes() -> Settings {
    Settings {
        mapping: person().into(),
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
pub(super) fn lynes_manual() -> Settings {
    let daily = lynes();
    Settings {
        policies: Policies { update: ChangeMode::Review, ..daily.policies.clone() },
        schedule: Schedule { frequency: Frequency::Manual, ..daily.schedule.clone() },
        ..daily
    }
}

/// A fixed list of details, every hour; whoever no longer matches is merely not updated any more.
pub(super) fn syncro() -> Settings {
    let details = [
        ("jobTitle", "[jobTitle]"),
        ("businessPhone", "[businessPhones]"),
        ("mobilePhone", "[mobilePhone]"),
        ("streetAddress", "[streetAddress]"),
        ("city", "[city]"),
        ("state", "[state]"),
        ("postalCode", "[postalCode]"),
    ];
    let details = details.map(|(target, source)| MappingRow::overwriting(target, source));
    Settings {
        mapping: person().into_iter().chain(details).collect(),
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
pub(super) fn gethomesafe() -> Settings {
    let cleared = FieldDefaults { policy: FieldPolicy::Overwrite, when_empty: WhenEmpty::Clear };
    Settings {
        mapping: vec![
            MappingRow::email(MAIL),
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
