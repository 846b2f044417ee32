//! When full runs happen, as the document says it.

use serde::{Deserialize, Serialize};

/// When full runs happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Schedule {
    /// How often.
    pub frequency: Frequency,
    /// `HH:MM`, in the zone below; hourly runs use the minutes.
    pub time_of_day: String,
    /// IANA name; null = the account's.
    pub time_zone: Option<String>,
    /// `monday` … `sunday`, for weekly.
    pub day_of_week: Option<String>,
    /// 1 to 31, for monthly; a month without that day runs on its last.
    pub day_of_month: Option<u8>,
    /// Six fields as EventBridge Scheduler takes them (`0 2 ? * MON-FRI *`), for `cron`.
    pub cron: Option<String>,
    /// What happens to changes between full runs.
    pub between_runs: BetweenRuns,
    /// When changed settings act.
    pub settings_take_effect: SettingsTakeEffect,
}

/// How often full runs happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Frequency {
    /// Only on request.
    Manual,
    /// Every hour.
    Hourly,
    /// Every day.
    Daily,
    /// Every week.
    Weekly,
    /// Every month.
    Monthly,
    /// As the expression says.
    Cron,
}

/// What happens to changes between full runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BetweenRuns {
    /// They are applied as they are noticed.
    Apply,
    /// They wait in the list for the run.
    List,
    /// Only runs look.
    Ignore,
}

/// When changed settings act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SettingsTakeEffect {
    /// A full run starts when they are saved.
    Now,
    /// At the next run.
    NextRun,
}
