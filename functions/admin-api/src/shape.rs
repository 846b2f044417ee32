//! What the API's clients read, as JSON.

mod connection;
mod contact;
mod notice;
mod photo;
mod review;
mod run;
mod step;
mod team;
mod tenants;
mod welcome;

pub(crate) use connection::{ConnectionShape, TenantShape, UserShape};
pub(crate) use contact::{ContactShape, EventShape};
pub(crate) use notice::NoticeShape;
pub(crate) use photo::PhotoShape;
pub(crate) use review::{DecidedShape, ListDecidedShape, ReviewListShape};
pub(crate) use run::{ChangeShape, RunShape};
pub(crate) use step::StepShape;
pub(crate) use team::{MemberShape, TeamShape};
pub(crate) use tenants::{OverlapShape, TenantUseShape};
pub(crate) use welcome::{RenderedShape, WelcomeShape, WelcomeTemplateShape};

use contact_sync_domain::account::{Account, CustomField};
use contact_sync_domain::id::AccountId;
use contact_sync_domain::retention::Retention;
use jiff::Timestamp;
use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountShape {
    id: AccountId,
    external_id: String,
    name: String,
    time_zone: String,
    allowed_origins: Vec<String>,
    custom_fields: Vec<CustomField>,
    retention: Retention,
    created_at: Timestamp,
}

impl From<Account> for AccountShape {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            external_id: account.external_id,
            name: account.name,
            time_zone: account.time_zone,
            allowed_origins: account.allowed_origins,
            custom_fields: account.custom_fields,
            retention: account.retention,
            created_at: account.created_at,
        }
    }
}
