//! What the document can say and this release cannot do: refused, never ignored.

use crate::settings::{BetweenRuns, FieldPolicy, Problem, Routing, Settings};

/// Every member that asks for something this release cannot do.
pub(super) fn problems(settings: &Settings) -> Vec<Problem> {
    let features = settings.features;
    let defaults = &settings.mapping_defaults;
    let routing = Routing::default();
    let asked = [
        (!settings.teams.is_empty(), "/teams", "mapping groups to teams"),
        (!settings.notifications.users.is_empty(), "/notifications/users", "notifications"),
        (!settings.notifications.emails.is_empty(), "/notifications/emails", "notifications"),
        (settings.welcome_email, "/welcomeEmail", "welcome mails"),
        (!settings.requires.is_empty(), "/requires", "requirements before enabling"),
        (features.licences, "/features/licences", "licences"),
        (features.sign_in, "/features/signIn", "sign-in activity"),
        (features.mfa, "/features/mfa", "authentication methods"),
        (features.devices, "/features/devices", "devices"),
        (features.mailbox_settings, "/features/mailboxSettings", "mailbox settings"),
        (features.calendar, "/features/calendar", "calendars"),
        (
            settings.routing.priority != routing.priority,
            "/routing/priority",
            "splitting a tenant over accounts",
        ),
        (
            settings.routing.overlap != routing.overlap,
            "/routing/overlap",
            "splitting a tenant over accounts",
        ),
        (
            settings.schedule.between_runs == BetweenRuns::List,
            "/schedule/betweenRuns",
            "`list`; choose `apply` or `ignore`",
        ),
        (settings.policies.removal.grace_days > 0, "/policies/removal/graceDays", "days of grace"),
        (
            defaults.custom.policy == FieldPolicy::Review,
            "/mappingDefaults/custom/policy",
            "`review` of single fields",
        ),
        (
            defaults.phones.policy == FieldPolicy::Review,
            "/mappingDefaults/phones/policy",
            "`review` of single fields",
        ),
    ];
    let asked = asked.into_iter().filter(|(is_asked, ..)| *is_asked).map(|(_, pointer, what)| {
        Problem { pointer: pointer.to_owned(), message: format!("not available yet: {what}") }
    });
    asked.chain(rows_for_review(settings)).chain(matching(settings)).collect()
}

fn rows_for_review(settings: &Settings) -> impl Iterator<Item = Problem> {
    let rows = settings.mapping.iter().enumerate();
    rows.filter(|(_, row)| row.policy == Some(FieldPolicy::Review)).map(|(index, _)| Problem {
        pointer: format!("/mapping/{index}/policy"),
        message: "not available yet: `review`".to_owned(),
    })
}

fn matching(settings: &Settings) -> Vec<Problem> {
    let keys = &settings.matching;
    if keys.is_empty() {
        let message = "expected [\"email\"]: people and contacts find each other by it".to_owned();
        return vec![Problem { pointer: "/matching".to_owned(), message }];
    }
    let mut problems = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let message = match key.as_str() {
            "email" if index == 0 => continue,
            "email" => "`email` is there already".to_owned(),
            other => format!("not available yet: matching by `{other}`; leave only `email`"),
        };
        problems.push(Problem { pointer: format!("/matching/{index}"), message });
    }
    problems
}
