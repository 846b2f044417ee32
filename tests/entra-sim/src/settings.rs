//! How the simulated service behaves; every member can be changed while it runs.

use serde::{Deserialize, Serialize};

/// Behaviour that integrators vary in tests. All durations are milliseconds or seconds as named.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// Sign-in, consent and tokens.
    pub login: LoginSettings,
    /// Reads of the directory.
    pub graph: GraphSettings,
    /// Delta queries.
    pub delta: DeltaSettings,
    /// Subscriptions and the delivery of notifications.
    pub notifications: NotificationSettings,
    /// Throttling by resource units.
    pub throttling: ThrottlingSettings,
}

/// Sign-in, consent and tokens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LoginSettings {
    /// Access-token life in seconds; `null` draws 60 to 90 minutes.
    pub token_lifetime_seconds: Option<u32>,
    /// Seconds after consent in which the app is not yet known.
    pub consent_delay_seconds: u32,
    /// Where the consent delay shows.
    pub consent_delay_shows: ConsentDelayShows,
    /// Seconds added to the clock of issued tokens, as a login host with a wrong clock would.
    pub token_skew_seconds: i64,
}

/// Which service lags behind after a consent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConsentDelayShows {
    /// The token endpoint answers AADSTS700016.
    #[default]
    Token,
    /// Tokens are issued, Graph answers 401 `Authorization_IdentityNotFound`.
    Graph,
}

/// Reads of the directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct GraphSettings {
    /// Page size of lists without `$top`.
    pub default_page_size: usize,
    /// Largest page a list gives, whatever `$top` says.
    pub max_page_size: usize,
    /// Seconds until a page token of a list or a delta round stops working.
    pub page_token_lifetime_seconds: u32,
    /// Whether `getByIds` still returns soft-deleted objects (with `deletedDateTime`).
    pub get_by_ids_returns_deleted: bool,
    /// Seconds until a new object or a change is visible to reads by id and to delta queries.
    pub replication_delay_seconds: u32,
    /// Seconds until a new person is in the registration report.
    pub report_delay_seconds: u32,
    /// Status of Intune reads in a tenant without Intune, 403 or 400: not documented.
    pub no_intune_status: u16,
    /// How members of a group that hides them are refused: not documented.
    pub hidden_members: HiddenMembers,
    /// Seconds that Graph's clock is ahead of the simulated one.
    pub clock_skew_seconds: i64,
    /// Characters added to each page and delta token: how long links can get is not documented.
    pub link_padding: usize,
    /// What `User.Read.All` alone shows of the organisation: not documented.
    pub organization_fields: OrganizationFields,
}

/// What `GET /organization` shows without `Organization.Read.All`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OrganizationFields {
    /// Everything.
    #[default]
    All,
    /// The id; the rest is `null` or empty.
    IdOnly,
}

/// What a caller without `Member.Read.Hidden` gets of a group that hides its members.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HiddenMembers {
    /// 200 without members.
    #[default]
    Empty,
    /// 403 `Authorization_RequestDenied`.
    Forbidden,
}

impl Default for GraphSettings {
    fn default() -> Self {
        Self {
            default_page_size: 100,
            max_page_size: 999,
            page_token_lifetime_seconds: 3_600,
            get_by_ids_returns_deleted: true,
            replication_delay_seconds: 0,
            report_delay_seconds: 0,
            no_intune_status: 403,
            hidden_members: HiddenMembers::Empty,
            clock_skew_seconds: 0,
            link_padding: 0,
            organization_fields: OrganizationFields::All,
        }
    }
}

/// Delta queries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DeltaSettings {
    /// Objects on a page.
    pub page_size: usize,
    /// Members of one group in one slice.
    pub member_slice: usize,
    /// Chance in a hundred that an entry comes a second time on the next page.
    pub duplicate_percent: f64,
    /// Chance in a hundred that a page is empty and only links to the next.
    pub empty_page_percent: f64,
    /// Whether the entries of a page come in a seeded random order.
    pub shuffle: bool,
    /// Whether a first round also names soft-deleted objects as `@removed`.
    pub removed_in_first_round: bool,
    /// How many already delivered changes each change round tells again.
    pub replayed_changes: u64,
    /// Days until a delta token dies.
    pub token_lifetime_days: u32,
    /// How a dead delta token is answered.
    pub expired_answer: ExpiredAnswer,
    /// How a manager who was removed is told: not documented.
    pub removed_manager: RemovedManager,
    /// Whether `Prefer: odata.maxpagesize` counts: documented for Outlook alone.
    pub heeds_max_page_size: bool,
}

/// How a delta query tells that a person has no manager any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RemovedManager {
    /// `manager@delta` with an item that is `@removed`.
    #[default]
    Item,
    /// An empty `manager@delta`.
    Empty,
    /// The person without `manager@delta`.
    Absent,
}

impl Default for DeltaSettings {
    fn default() -> Self {
        Self {
            page_size: 200,
            member_slice: 500,
            duplicate_percent: 0.0,
            empty_page_percent: 0.0,
            shuffle: true,
            removed_in_first_round: true,
            replayed_changes: 0,
            token_lifetime_days: 7,
            expired_answer: ExpiredAnswer::default(),
            removed_manager: RemovedManager::Item,
            heeds_max_page_size: false,
        }
    }
}

/// The answer to a dead delta token; the documents and captures differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ExpiredAnswer {
    /// HTTP status, 410 or a 40x.
    pub status: u16,
    /// Error code, as `syncStateNotFound`, `SyncStateNotFound`, `resyncRequired`.
    pub code: String,
    /// Whether a `Location` with an empty `$deltatoken` comes along.
    pub location: bool,
}

impl Default for ExpiredAnswer {
    fn default() -> Self {
        Self { status: 410, code: "syncStateNotFound".to_owned(), location: true }
    }
}

/// Subscriptions and the delivery of notifications.
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a settings document")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NotificationSettings {
    /// Whether changes raise notifications at all; `false` loses them silently.
    pub enabled: bool,
    /// From the change to the first delivery, on the simulated clock.
    pub delay_ms: u64,
    /// Most items in one POST.
    pub max_batch: usize,
    /// Whether one POST may hold items of several subscriptions and tenants sharing the URL.
    pub mixed_batches: bool,
    /// Chance in a hundred that an item is delivered twice.
    pub duplicate_percent: f64,
    /// Chance in a hundred that an item is lost.
    pub drop_percent: f64,
    /// Whether the items of a POST come in a seeded random order.
    pub shuffle: bool,
    /// Whether a `/groups` delivery also carries `members@delta`.
    pub members_in_group_items: bool,
    /// Time a receiver has on the first attempt.
    pub first_timeout_ms: u64,
    /// Time a receiver has on retries, and for the validation handshake.
    pub retry_timeout_ms: u64,
    /// Wait before the first retry; doubles with each further one.
    pub first_retry_seconds: u64,
    /// How long delivery is tried before the item is lost.
    pub give_up_after_seconds: u64,
    /// Answers a host must have given in ten minutes before it is judged slow or dropping.
    pub health_min_samples: usize,
    /// Whether each URL is judged by itself, rather than its host: not documented.
    pub health_by_url: bool,
    /// Hours before expiry at which `reauthorizationRequired` is sent; 0 never sends it by itself.
    pub reauthorize_hours_before_expiry: u32,
    /// Whether `GET /subscriptions` shows `clientState`.
    pub list_shows_client_state: bool,
    /// Whether `notificationUrl` may be plain http on a loopback host.
    pub allow_http_loopback: bool,
    /// Whether a renewal validates the endpoint again, as some have seen.
    pub validate_on_renewal: bool,
    /// Subscriptions on a page of `GET /subscriptions`.
    pub list_page_size: usize,
    /// Most subscriptions of one app in one tenant.
    pub max_per_app_and_tenant: usize,
    /// Most subscriptions in one tenant.
    pub max_per_tenant: usize,
}

impl Default for NotificationSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            delay_ms: 50,
            max_batch: 100,
            mixed_batches: true,
            duplicate_percent: 0.0,
            drop_percent: 0.0,
            shuffle: false,
            members_in_group_items: false,
            first_timeout_ms: 3_000,
            retry_timeout_ms: 10_000,
            first_retry_seconds: 10,
            give_up_after_seconds: 4 * 3_600,
            health_min_samples: 10,
            health_by_url: false,
            reauthorize_hours_before_expiry: 24,
            list_shows_client_state: true,
            allow_http_loopback: true,
            validate_on_renewal: false,
            list_page_size: 100,
            max_per_app_and_tenant: 100,
            max_per_tenant: 1_000,
        }
    }
}

/// Throttling by resource units per app and tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ThrottlingSettings {
    /// Whether budgets are enforced; costs are counted either way.
    pub enabled: bool,
    /// Multiplies the budgets of 3,500, 5,000 and 8,000 units in ten seconds.
    pub scale: f64,
    /// Form of the `Retry-After` header.
    pub retry_after: RetryAfterForm,
    /// Requests of one app over all tenants in ten seconds.
    pub app_requests: f64,
    /// Resource units of one app over all tenants in twenty seconds.
    pub app_units: f64,
    /// Requests for reports of one app in one tenant in ten seconds.
    pub reports: f64,
    /// Requests to Intune of one app in one tenant in twenty seconds.
    pub intune: f64,
    /// Requests of one app for one mailbox in ten minutes.
    pub mailbox: f64,
    /// Reads of subscriptions by one app in one tenant in twenty seconds.
    pub subscription_reads: f64,
    /// Writes of subscriptions by one app in one tenant in twenty seconds.
    pub subscription_writes: f64,
    /// Resource units of a delta page: not documented.
    pub delta_page_units: f64,
}

impl Default for ThrottlingSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            scale: 1.0,
            retry_after: RetryAfterForm::Integer,
            app_requests: 130_000.0,
            app_units: 150_000.0,
            reports: 5.0,
            intune: 1_000.0,
            mailbox: 10_000.0,
            subscription_reads: 40.0,
            subscription_writes: 1_000.0,
            delta_page_units: 1.0,
        }
    }
}

/// How `Retry-After` is written on throttled answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RetryAfterForm {
    /// `10`
    Integer,
    /// `2.128`
    Decimal,
    /// `Sun, 22 Nov 2026 10:00:00 GMT`
    HttpDate,
    /// No header.
    Absent,
}
