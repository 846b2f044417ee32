//! Administration: what the REST API and pages offer, over ports and without HTTP.

mod accounts;
mod answers;
mod audit;
mod bundle;
mod caller;
mod changes;
mod connections;
mod contact_import;
mod contact_values;
mod contacts;
mod custom_fields;
mod deeds;
mod directory;
mod directory_units;
mod directory_values;
mod document;
mod erase;
mod erasing;
mod error;
mod explain;
mod explain_team;
mod failures;
mod fixing;
mod grounds;
mod idempotency;
mod lifecycle;
mod moving;
mod notices;
mod one_by_one;
mod outside;
mod overlap;
mod photos;
mod plans;
mod query_plan;
mod removals;
mod reports;
mod reviews;
mod run_control;
mod runs;
mod schedule;
mod settings;
mod sharing;
mod teams;
mod tenants;
mod undo;
mod welcome;

pub use accounts::{AccountChange, NewAccount, account, accounts, change_account, create_account};
pub use answers::{
    BySync, Exported, Provenance, TimelineEntry, Writer, contact_as_of, export_person, provenance,
    timeline,
};
pub use audit::{AuditVerdict, Request, audit, enter, keep_head, verify_audit};
pub use bundle::{Product, contact_bundle, run_bundle};
pub use caller::{Caller, Role};
pub use changes::{AppliedChange, ChangeFilter, ChangeKind, ChangeResult, run_changes};
pub use connections::{
    ConnectionDeleted, GuardState, NewConnection, Overview, SubscriptionView, connection,
    create_connection, delete_connection, overview, overviews,
};
pub use contact_import::{
    Columns, Imported, MOST_ERRORS, MOST_ROWS, Row, RowError, import_contacts,
};
pub use contact_values::{ContactEdit, pointer};
pub use contacts::{
    contact, contacts, create_contact, delete_contact, edit_contact, protect_contact,
};
pub use custom_fields::{read_custom_fields, set_custom_fields};
pub use directory::{TenantView, directory_groups, directory_users, tenant_view};
pub use directory_values::{DirectoryValues, directory_values};
pub use erase::{Erased, erase_account};
pub use erasing::{erase_contact, erasure, lift_erasure, read_confirmation};
pub use error::AdminError;
pub use explain::{Explanation, MappedBy, Step, explain_to};
pub use explain_team::{GroupState, Holder, MappedGroup, TeamExplanation, Through, explain_team};
pub use failures::{failures, retry_failure};
pub use fixing::read_fix;
pub use idempotency::{Keyed, begin, finish, key_bits};
pub use lifecycle::{disable, disconnect, enable, pause, read_tenant_id, resume};
pub use moving::{LeftContacts, Move, Moved, move_connection};
pub use notices::{mark_notice_read, notices, read_reader};
pub use one_by_one::{Reset, read_reset, request_user_run, reset, steps_of_run};
pub use outside::{AdminStore, Outside};
pub use overlap::{
    Meaning, Overlap, PersonName, Shared, SharedPerson, Unclaimed, UnclaimedPerson, overlap,
};
pub use photos::{contact_photo, photo_address};
pub use plans::{
    Approval, apply_plan, read_approval, read_preview, request_audit, request_preview,
};
pub use query_plan::{PlanView, query_plan};
pub use removals::approve_held;
pub use reports::{Report, report, report_file_name};
pub use reviews::{
    Decided, ListDecided, ListRequest, ReviewEntry, ReviewRequest, decide_list, decide_review,
    list_names, review_decisions, reviews, shown_as_of, unlink_contact,
};
pub use run_control::{cancel_run, pause_all, pause_of_all, resume_all};
pub use runs::{Asked, RunFilter, read_asked, request_run, run, runs};
pub use settings::{
    AttributeCoverage, ClauseCount, Counted, CoverageProfile, Example, FileTenant, GuardForecast,
    HistoryEntry, Import, Imported as ImportedSettings, LeavingCount, NeededPermission,
    ReasonCount, Saved, SettingsFile, SharedEmail, Stopped, Surveyed, TeamCount, TeamToMake, Trial,
    Tried, Validation, coverage, export_settings, import_settings, roll_back, save_settings,
    settings, settings_history, settings_version, try_settings, validate,
};
pub use teams::{
    Member, MembersPage, RoleByHand, TeamDeleted, TeamOf, add_member, create_team, delete_team,
    read_team, remove_member, rename_team, team, team_members, teams, teams_of,
};
pub use tenants::{TenantUse, grant_tenant, read_accounts, read_tenant, tenant_accounts};
pub use undo::{Span, read_changes, request_undo, request_undo_since};
pub use welcome::{
    Trial as WelcomeTrial, WelcomesIn, preview_welcome, read_trial, read_welcome, save_welcome,
    test_welcome, welcome_again, welcome_template, welcomes,
};

/// How often a change is tried again when somebody else was faster.
const ATTEMPTS: usize = 3;

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of a list that is held whole, by a key that each item has for itself; the cursor is
    /// the key of the page's last item.
    fn of_all<K>(mut items: Vec<T>, key: impl Fn(&T) -> &K, after: Option<&K>, limit: u16) -> Self
    where
        K: Ord + ToString,
    {
        items.sort_by(|one, other| key(one).cmp(key(other)));
        items.retain(|item| after.is_none_or(|after| key(item) > after));
        let more = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        let next = items.last().filter(|_| more).map(|item| key(item).to_string());
        Self { items, next }
    }
}

/// Which versions a request may be applied to (`If-Match`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// The request names none.
    None,
    /// Any that exists.
    Any,
    /// One of these.
    Versions(Vec<u64>),
}

impl Precondition {
    /// Whether the request may be applied to this version.
    pub fn holds(&self, version: u64) -> bool {
        match self {
            Self::None | Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}
