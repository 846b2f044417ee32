//! Settings: what an admin decides for one connection, as one document.
//!
//! The types mirror the JSON; checking says everything that is wrong with a document at once.

pub mod check;
mod defaults;
pub mod presets;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::guard::GuardLimits;
use crate::id::ObjectId;

/// The whole document. A member left out has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Whether the schedule fires.
    pub mode: Mode,
    /// Whom sync means.
    pub scope: Scope,
    /// How contact fields get their values.
    pub mapping: Vec<MappingRow>,
    /// Keys by which a user finds a contact that exists already, in order.
    pub matching: Vec<String>,
    /// What a mapping row leaves out.
    pub mapping_defaults: MappingDefaults,
    /// What may happen by itself.
    pub policies: Policies,
    /// When full runs happen.
    pub schedule: Schedule,
    /// Groups whose members join teams.
    pub teams: Vec<TeamMapping>,
    /// Whom to tell of what.
    pub notifications: Notifications,
    /// Whether new contacts get a welcome mail.
    pub welcome_email: bool,
    /// What must be set up before enabling.
    pub requires: Vec<String>,
    /// How a tenant that several accounts use is split.
    pub routing: Routing,
    /// Optional data with permissions of its own.
    pub features: Features,
    /// Calendar rules.
    pub calendar: Calendar,
}

/// Whether the schedule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// By schedule and on request.
    Automatic,
    /// On request only; the schedule is kept.
    Manual,
}

/// `"all"`, including what comes later, or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllOr<T> {
    /// Everything, also values that appear later.
    All,
    /// Just these.
    Any(T),
}

/// Whom sync means: every dimension must accept a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Scope {
    /// Members of these groups.
    pub groups: AllOr<GroupScope>,
    /// `Member`, `Guest`.
    pub user_types: AllOr<Vec<String>>,
    /// Departments.
    pub departments: AllOr<Vec<String>>,
    /// Offices.
    pub office_locations: AllOr<Vec<String>>,
    /// Domains of the e-mail address (UPN where there is none).
    pub domains: AllOr<Vec<String>>,
    /// What to do with accounts whose sign-in is blocked.
    pub disabled_accounts: DisabledAccounts,
    /// A condition over attributes.
    pub expression: Option<String>,
    /// Users never synced.
    pub ignored_users: Vec<ObjectId>,
    /// Groups whose members are never synced.
    pub ignored_groups: Vec<ObjectId>,
}

/// Groups by id; a rename changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupScope {
    /// Members of any of these.
    pub any: Vec<ObjectId>,
    /// Whether members of groups inside them count.
    #[serde(default = "yes")]
    pub include_nested: bool,
}

/// Accounts whose sign-in is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DisabledAccounts {
    /// Out of scope.
    Exclude,
    /// Like any other.
    Include,
    /// In scope, with an inactive contact.
    IncludeAsInactive,
}

/// How one contact field gets its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MappingRow {
    /// Which field; text form of a [`Target`](crate::contact::Target).
    pub target: String,
    /// Where from: an attribute in brackets, a quoted text, or a function of those.
    pub source: String,
    /// Whether a user without it fails.
    #[serde(default)]
    pub required: bool,
    /// When the field is written; the defaults' where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<FieldPolicy>,
    /// What an empty source means; the defaults' where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_empty: Option<WhenEmpty>,
    /// The value for `whenEmpty: "default"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// When a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldPolicy {
    /// Always what the directory says.
    Overwrite,
    /// Only while the contact has no value.
    FillIfEmpty,
    /// Only when the contact is made.
    CreateOnly,
    /// A person decides.
    Review,
    /// Never.
    Never,
}

/// What an empty source means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WhenEmpty {
    /// The contact keeps its value.
    Keep,
    /// The contact's value is cleared.
    Clear,
    /// The row's default.
    Default,
    /// The record fails.
    Fail,
}

/// What rows leave out, by kind of target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MappingDefaults {
    /// For custom fields.
    pub custom: FieldDefaults,
    /// For telephone numbers.
    pub phones: FieldDefaults,
}

/// Defaults of one kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FieldDefaults {
    /// When it is written.
    pub policy: FieldPolicy,
    /// What an empty source means.
    pub when_empty: WhenEmpty,
}

/// What may happen by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Policies {
    /// Making contacts.
    pub create: ChangeMode,
    /// Changing contacts.
    pub update: ChangeMode,
    /// Taking over contacts that exist already.
    pub link: LinkMode,
    /// Whether managed fields are read-only to people.
    pub lock_managed: bool,
    /// Whether the name of a contact that existed already follows the directory.
    pub name_of_existing: NameOfExisting,
    /// What happens when a user leaves, by cause.
    pub removal: Removal,
    /// How many removals a window allows.
    pub guard: GuardLimits,
}

/// A class of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangeMode {
    /// By itself.
    Auto,
    /// A person decides.
    Review,
    /// Never.
    Off,
}

/// Taking over contacts that exist already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkMode {
    /// By itself.
    Auto,
    /// A person decides.
    Review,
    /// The user is left alone.
    Off,
    /// The record fails.
    Fail,
}

/// The name of contacts that existed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NameOfExisting {
    /// Follows the directory.
    Sync,
    /// Stays.
    Keep,
}

/// What happens when a user leaves, by cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Removal {
    /// In the recycle bin.
    pub soft_deleted: RemovalAction,
    /// Gone for good.
    pub hard_deleted: RemovalAction,
    /// No longer meant by the scope.
    pub out_of_scope: RemovalAction,
    /// Left the groups of the scope.
    pub left_group: RemovalAction,
    /// Sign-in blocked, where the scope excludes such accounts.
    pub disabled: RemovalAction,
    /// Days before the action; 0 = at once.
    pub grace_days: u32,
}

/// What happens to the contact of a user who left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RemovalAction {
    /// Nothing at all.
    Keep,
    /// It keeps its fields and is no longer updated.
    StopUpdating,
    /// A person decides.
    Review,
    /// It keeps its fields and loses the tie to the user.
    Unlink,
    /// It becomes inactive.
    Deactivate,
    /// It is deleted.
    Delete,
}

impl RemovalAction {
    /// Whether the guard counts it.
    pub fn is_destructive(self) -> bool {
        match self {
            Self::Unlink | Self::Deactivate | Self::Delete => true,
            Self::Keep | Self::StopUpdating | Self::Review => false,
        }
    }
}

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

/// A group whose members join a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TeamMapping {
    /// The group.
    pub group: ObjectId,
    /// The team.
    pub team: String,
    /// What leaving the group means.
    #[serde(default)]
    pub on_leave: OnLeave,
}

/// What leaving a mapped group means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnLeave {
    /// Leave the team too.
    #[default]
    Remove,
    /// Stay in the team.
    Keep,
}

/// Whom to tell of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Notifications {
    /// Users of the host product.
    pub users: Vec<String>,
    /// E-mail addresses.
    pub emails: Vec<String>,
    /// `failure`, `changes`, `review`, `guard`.
    pub kinds: Vec<String>,
    /// `off`, `daily`, `weekly`.
    pub digest: String,
}

/// How a tenant that several accounts use is split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Routing {
    /// Lower goes first.
    pub priority: u32,
    /// `both`, `first`, `conflict`.
    pub overlap: String,
}

/// Optional data with permissions of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the document")]
pub struct Features {
    /// Assigned licences.
    pub licences: bool,
    /// Last sign-in.
    pub sign_in: bool,
    /// Authentication methods.
    pub mfa: bool,
    /// Devices.
    pub devices: bool,
    /// Mailbox time zone.
    pub mailbox_settings: bool,
    /// Calendar activities.
    pub calendar: bool,
}

/// Calendar rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Calendar {
    /// How far ahead, in days.
    pub window_days: u32,
    /// Which events.
    pub show_as: Vec<String>,
    /// What of private events is shown.
    pub private: String,
    /// Whether all-day events count.
    pub all_day: bool,
}

/// One thing wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where: a JSON pointer into the document.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub message: String,
}

fn yes() -> bool {
    true
}
