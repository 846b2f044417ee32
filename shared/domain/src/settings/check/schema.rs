//! The settings document's members and what each may hold. A test keeps it in step with the types.

use crate::expression::MAX_LENGTH;

use super::shape::{Member, Shape};

/// How many users a connection ignores one by one: the document stays one `DynamoDB` item.
pub const MOST_IGNORED_USERS: usize = 2_000;
/// How many characters a role in a team has at most.
pub const MOST_OF_A_ROLE: usize = 64;
const MAX_VALUES: usize = 500;
/// Each is read by itself.
const MAX_UNITS: usize = 100;
const MAX_ROWS: usize = 200;
/// Each is counted wherever removals are: few enough to be read at a glance.
const MAX_GROUP_LIMITS: usize = 20;

const SHORT: Shape = Shape::Text(256);

const fn optional(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, required: false }
}

const fn required(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, required: true }
}

pub(super) const SETTINGS: Shape = Shape::Record(&[
    optional("mode", Shape::OneOf(&["automatic", "manual"])),
    optional("scope", SCOPE),
    optional("mapping", Shape::List(&MAPPING_ROW, MAX_ROWS)),
    optional("matching", Shape::List(&SHORT, 10)),
    optional("mappingDefaults", Shape::Record(MAPPING_DEFAULTS)),
    optional("policies", Shape::Record(POLICIES)),
    optional("schedule", Shape::Record(SCHEDULE)),
    optional("teams", Shape::List(&TEAM, MAX_VALUES)),
    optional("notifications", Shape::Record(NOTIFICATIONS)),
    optional("welcomeEmail", Shape::Flag),
    optional("requires", Shape::List(&Shape::OneOf(&["teams"]), 1)),
    optional("routing", Shape::Record(ROUTING)),
    optional("features", Shape::Record(FEATURES)),
    optional("calendar", Shape::Record(CALENDAR)),
]);

const SCOPE: Shape = Shape::Record(&[
    optional("groups", Shape::AllOr(&GROUPS)),
    optional("administrativeUnits", Shape::AllOr(&UNITS)),
    optional("userTypes", Shape::AllOr(&VALUES)),
    optional("departments", Shape::AllOr(&VALUES)),
    optional("officeLocations", Shape::AllOr(&VALUES)),
    optional("domains", Shape::AllOr(&VALUES)),
    optional("disabledAccounts", Shape::OneOf(&["exclude", "include", "includeAsInactive"])),
    optional("expression", Shape::Nullable(&Shape::Text(2_000))),
    optional("ignoredUsers", Shape::List(&Shape::ObjectId, MOST_IGNORED_USERS)),
    optional("ignoredGroups", Shape::List(&Shape::ObjectId, MAX_VALUES)),
]);

const GROUPS: Shape = Shape::Record(&[
    required("any", Shape::List(&Shape::ObjectId, MAX_VALUES)),
    optional("includeNested", Shape::Flag),
]);

const UNITS: Shape = Shape::Record(&[required("any", Shape::List(&Shape::ObjectId, MAX_UNITS))]);

const VALUES: Shape = Shape::Record(&[required("any", Shape::List(&SHORT, MAX_VALUES))]);

pub(super) const MAPPING_ROW: Shape = Shape::Record(&[
    required("target", SHORT),
    required("source", Shape::Text(MAX_LENGTH)),
    optional("required", Shape::Flag),
    optional("policy", Shape::Nullable(&FIELD_POLICY)),
    optional("whenEmpty", Shape::Nullable(&WHEN_EMPTY)),
    optional("default", Shape::Anything),
]);

const FIELD_POLICY: Shape =
    Shape::OneOf(&["overwrite", "fillIfEmpty", "createOnly", "review", "never"]);
const WHEN_EMPTY: Shape = Shape::OneOf(&["keep", "clear", "default", "fail"]);

const MAPPING_DEFAULTS: &[Member] =
    &[optional("custom", FIELD_DEFAULTS), optional("phones", FIELD_DEFAULTS)];

const FIELD_DEFAULTS: Shape =
    Shape::Record(&[optional("policy", FIELD_POLICY), optional("whenEmpty", WHEN_EMPTY)]);

const POLICIES: &[Member] = &[
    optional("create", CHANGE_MODE),
    optional("update", CHANGE_MODE),
    optional("link", Shape::OneOf(&["auto", "review", "off", "fail"])),
    optional("lockManaged", Shape::Flag),
    optional("nameOfExisting", Shape::OneOf(&["sync", "keep"])),
    optional("removal", Shape::Record(REMOVAL)),
    optional("guard", Shape::Record(GUARD)),
];

const CHANGE_MODE: Shape = Shape::OneOf(&["auto", "review", "off"]);

const REMOVAL: &[Member] = &[
    optional("softDeleted", REMOVAL_ACTION),
    optional("hardDeleted", REMOVAL_ACTION),
    optional("outOfScope", REMOVAL_ACTION),
    optional("leftGroup", REMOVAL_ACTION),
    optional("disabled", REMOVAL_ACTION),
    optional("graceDays", Shape::Whole(0, 365)),
];

const REMOVAL_ACTION: Shape =
    Shape::OneOf(&["keep", "stopUpdating", "review", "unlink", "deactivate", "delete"]);

const GUARD: &[Member] = &[
    optional("maxCount", Shape::Whole(0, 1_000_000)),
    optional("maxPercent", Shape::Number(0.0, 100.0)),
    optional("windowHours", Shape::Whole(1, 720)),
    optional("causes", Shape::Record(CAUSE_LIMITS)),
    optional("groups", Shape::List(&GROUP_LIMIT, MAX_GROUP_LIMITS)),
];

const CAUSE_LIMITS: &[Member] = &[
    optional("softDeleted", Shape::Nullable(&LIMIT)),
    optional("hardDeleted", Shape::Nullable(&LIMIT)),
    optional("outOfScope", Shape::Nullable(&LIMIT)),
    optional("leftGroup", Shape::Nullable(&LIMIT)),
    optional("disabled", Shape::Nullable(&LIMIT)),
];

const LIMIT: Shape = Shape::Record(&[
    optional("maxCount", Shape::Nullable(&LIMIT_COUNT)),
    optional("maxPercent", Shape::Nullable(&LIMIT_PERCENT)),
]);

const GROUP_LIMIT: Shape = Shape::Record(&[
    required("group", Shape::ObjectId),
    optional("maxCount", Shape::Nullable(&LIMIT_COUNT)),
    optional("maxPercent", Shape::Nullable(&LIMIT_PERCENT)),
]);

const LIMIT_COUNT: Shape = Shape::Whole(0, 1_000_000);
const LIMIT_PERCENT: Shape = Shape::Number(0.0, 100.0);

const SCHEDULE: &[Member] = &[
    optional(
        "frequency",
        Shape::OneOf(&["manual", "hourly", "daily", "weekly", "monthly", "cron"]),
    ),
    optional("timeOfDay", SHORT),
    optional("timeZone", Shape::Nullable(&SHORT)),
    optional("dayOfWeek", Shape::Nullable(&SHORT)),
    optional("dayOfMonth", Shape::Nullable(&Shape::Whole(1, 31))),
    optional("cron", Shape::Nullable(&SHORT)),
    optional("betweenRuns", Shape::OneOf(&["apply", "list", "ignore"])),
    optional("settingsTakeEffect", Shape::OneOf(&["now", "nextRun"])),
];

const TEAM: Shape = Shape::Record(&[
    required("group", Shape::ObjectId),
    optional("team", SHORT),
    optional("teamName", Shape::Nullable(&SHORT)),
    optional("createTeam", Shape::Flag),
    optional("role", Shape::Nullable(&Shape::Text(MOST_OF_A_ROLE))),
    optional("onLeave", Shape::OneOf(&["remove", "keep"])),
]);

const NOTIFICATIONS: &[Member] = &[
    optional("users", Shape::List(&SHORT, MAX_VALUES)),
    optional("emails", Shape::List(&Shape::Text(320), MAX_VALUES)),
    optional("kinds", Shape::List(&Shape::OneOf(&["failure", "changes", "review", "guard"]), 4)),
    optional("digest", Shape::OneOf(&["off", "daily", "weekly"])),
];

const ROUTING: &[Member] = &[
    optional("priority", Shape::Whole(0, 1_000_000)),
    optional("overlap", Shape::OneOf(&["both", "first", "conflict"])),
];

const FEATURES: &[Member] = &[
    optional("licences", Shape::Flag),
    optional("signIn", Shape::Flag),
    optional("mfa", Shape::Flag),
    optional("devices", Shape::Flag),
    optional("mailboxSettings", Shape::Flag),
    optional("calendar", Shape::Flag),
    optional("photo", Shape::Flag),
];

const CALENDAR: &[Member] = &[
    optional("windowDays", Shape::Whole(1, 365)),
    optional("showAs", Shape::List(&SHORT, 10)),
    optional("private", SHORT),
    optional("allDay", Shape::Flag),
];
