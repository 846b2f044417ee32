//! Settings: what an admin decides for one connection, as one document.
//!
//! The types mirror the JSON; checking says everything that is wrong with a document at once.

pub mod check;
mod defaults;
mod difference;
mod mapping;
mod policies;
pub mod presets;
mod routing;
mod schedule;
mod scope;
mod team_mapping;

use serde::{Deserialize, Serialize};

pub use difference::{Difference, differences};
pub use mapping::{FieldDefaults, FieldPolicy, MappingDefaults, MappingRow, WhenEmpty};
pub use policies::{ChangeMode, LinkMode, NameOfExisting, Policies, Removal, RemovalAction};
pub use routing::{Overlap, Routing};
pub use schedule::{BetweenRuns, Frequency, Schedule, SettingsTakeEffect};
pub use scope::{AllOr, DisabledAccounts, GroupScope, Scope};
pub use team_mapping::{OnLeave, TeamMapping};

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
    /// Profile photos.
    pub photo: bool,
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
