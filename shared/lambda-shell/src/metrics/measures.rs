//! Which fields of the log are measured, under which name.

use super::Seen;

/// CloudWatch's words for units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Count,
    Milliseconds,
    Seconds,
    Percent,
}

impl Unit {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
            Self::Percent => "Percent",
        }
    }
}

/// A number of the log, its metric and its unit.
const NUMBERS: [(&str, &str, Unit); 41] = [
    // An ended run.
    ("sync.seen", "UsersSeen", Unit::Count),
    ("sync.created", "ContactsCreated", Unit::Count),
    ("sync.updated", "ContactsUpdated", Unit::Count),
    ("sync.removed", "ContactsRemoved", Unit::Count),
    ("sync.failed", "ContactsFailed", Unit::Count),
    ("sync.awaiting_review", "ChangesAwaitingReview", Unit::Count),
    ("graph.requests", "GraphRequests", Unit::Count),
    ("graph.resource_units", "GraphResourceUnits", Unit::Count),
    // A full run: what notifications and looks should have brought before it.
    ("sync.drift", "ReconcileDrift", Unit::Count),
    // Contacts that somebody else wrote between reading and writing them.
    ("sync.stale_writes", "StaleWritesRejected", Unit::Count),
    // From the oldest hint that waited until its changes stood.
    ("sync.lag_seconds", "DeltaLag", Unit::Seconds),
    // How much of Graph's limit is used, told by Graph from 80 % on.
    ("graph.throttle_percent", "GraphThrottlePercent", Unit::Percent),
    // How long bulk reads wait for their share of Graph's limits.
    ("graph.budget_wait_ms", "GraphBudgetWait", Unit::Milliseconds),
    // A delivery of Graph: from the change until it was here.
    ("notifications.lag_ms", "NotificationDelay", Unit::Milliseconds),
    ("notifications.accepted", "NotificationsAccepted", Unit::Count),
    ("refused.incomplete", "NotificationsRefused", Unit::Count),
    ("refused.unknown", "NotificationsRefused", Unit::Count),
    ("refused.client_state", "NotificationsRefused", Unit::Count),
    ("refused.tenant", "NotificationsRefused", Unit::Count),
    ("refused.subscription_id", "NotificationsRefused", Unit::Count),
    // Until the certificate ends.
    ("credential.days_left", "CredentialDaysLeft", Unit::Count),
    // What streams became.
    ("events.published", "EventsPublished", Unit::Count),
    // A sweep or an audit.
    ("sweep.requested", "SyncsRedriven", Unit::Count),
    ("sweep.made", "SubscriptionsMade", Unit::Count),
    ("sweep.renewed", "SubscriptionsRenewed", Unit::Count),
    ("sweep.refused", "SubscriptionsRefused", Unit::Count),
    ("sweep.troubles", "SweepTroubles", Unit::Count),
    ("subscriptions.expiring", "SubscriptionsExpiring", Unit::Count),
    ("connections.silent", "ConnectionsSilent", Unit::Count),
    ("sync.dirty_seconds", "DirtyAge", Unit::Seconds),
    // Each connection has its turn once an hour: an hour's sum is all of them.
    ("connections.waiting", "ConnectionsWaiting", Unit::Count),
    ("connections.enabled", "ConnectionsEnabled", Unit::Count),
    ("connections.paused", "ConnectionsPaused", Unit::Count),
    ("connections.attention", "ConnectionsInAttention", Unit::Count),
    ("connections.off", "ConnectionsOff", Unit::Count),
    // What people were told.
    ("notices.raised", "NoticesRaised", Unit::Count),
    ("notices.mailed", "NoticesMailed", Unit::Count),
    // Whom sync made contacts for.
    ("welcomes.sent", "WelcomesSent", Unit::Count),
    ("welcomes.uncertain", "WelcomesUncertain", Unit::Count),
    // An answer of the REST API.
    ("http.duration_ms", "RequestDuration", Unit::Milliseconds),
    ("report.rows_extended", "ReportRows", Unit::Count),
];

/// A word of the log that is counted: its field, itself, its metric.
const WORDS: [(&str, &str, &str); 8] = [
    ("sync.began", "Full", "RunsStarted"),
    ("sync.began", "Delta", "RunsStarted"),
    // Somebody else took over while it worked.
    ("sync.slice", "Lost", "LeasesLost"),
    ("sync.status", "Succeeded", "RunsSucceeded"),
    ("sync.status", "Partial", "RunsPartial"),
    ("sync.status", "Failed", "RunsFailed"),
    ("sync.status", "Cancelled", "RunsCancelled"),
    // The guard held removals back.
    ("sync.status", "Blocked", "RunsBlocked"),
];

/// Graph's way to say that it is asked too much.
const TOO_MANY_REQUESTS: f64 = 429.0;

/// From here on the trouble is Graph's own.
const SERVER_ERROR: f64 = 500.0;

/// What one line of the log measures; each metric once.
pub(super) fn measured(seen: &Seen) -> Vec<(&'static str, Unit, f64)> {
    let mut found: Vec<(&'static str, Unit, f64)> = Vec::new();
    let mut add = |name: &'static str, unit: Unit, value: f64| match found
        .iter_mut()
        .find(|(known, ..)| *known == name)
    {
        Some((.., sum)) => *sum += value,
        None => found.push((name, unit, value)),
    };
    for (field, metric, unit) in NUMBERS {
        if let Some(number) = seen.number(field) {
            add(metric, unit, number);
        }
    }
    for (field, word, metric) in WORDS {
        if seen.text(field).is_some_and(|text| text.trim_matches('"') == word) {
            add(metric, Unit::Count, 1.0);
        }
    }
    if let Some(status) = seen.number("graph.status") {
        let throttled = (status - TOO_MANY_REQUESTS).abs() < f64::EPSILON;
        let metric = match status {
            _ if throttled => "GraphThrottled",
            status if status >= SERVER_ERROR => "GraphUnavailable",
            _ => "GraphRefused",
        };
        add(metric, Unit::Count, 1.0);
    }
    if let Some(status) = seen.number("http.status") {
        let metric = if status >= SERVER_ERROR { "RequestsFailed" } else { "RequestsServed" };
        add(metric, Unit::Count, 1.0);
    }
    if seen.text("credential.refused").is_some() {
        add("CredentialRefused", Unit::Count, 1.0);
    }
    if seen.is_error() {
        add("ErrorsLogged", Unit::Count, 1.0);
    }
    found
}
