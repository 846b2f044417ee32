//! The five steps from the directory to the contact: import, scope, match, map, decide.

use contact_sync_domain::account::Account;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId, TenantId};
use contact_sync_domain::reconcile::{GoneCause, Rules, Tie};
use contact_sync_domain::review::{ReviewItem, ReviewList};
use contact_sync_domain::scope::{Clause, ClauseVerdict, Stance};
use contact_sync_domain::segment::{Outcome, SegmentItem};
use serde_json::{Value, json};

use super::{Explanation, MappedBy};
use crate::admin::explain_team::Person;
use crate::admin::{AdminError, Outside};
use crate::port::{
    Clock, ContactStore, Directory, PendingKind, PendingStore, ReviewStore, SettingsStore,
    SettingsVersion, StoredContact,
};
use crate::sync::{contacts_of_users, gone_sentence, is_removal};

/// How many versions of the settings are looked through for who ignored somebody.
const LOOKED_BACK: usize = 30;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// `import`, `scope`, `match`, `map` or `decide`.
    pub step: &'static str,
    /// What came of it, in a word.
    pub outcome: String,
    /// Why, in a sentence.
    pub because: String,
    /// What it was decided by.
    pub details: Value,
}

impl Step {
    pub(in crate::admin) fn new(
        step: &'static str,
        outcome: impl Into<String>,
        because: impl Into<String>,
        details: Value,
    ) -> Self {
        Self { step, outcome: outcome.into(), because: because.into(), details }
    }

    fn not_reached(step: &'static str) -> Self {
        Self::new(step, "notReached", "an earlier step ended it", Value::Null)
    }
}

/// Of whom, and through what.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) account: &'a Account,
    pub(super) connection: &'a ConnectionId,
    pub(super) tenant: &'a TenantId,
    pub(super) settings: &'a SettingsVersion,
}

/// The steps of somebody who is in the directory.
pub(super) async fn of_present(
    outside: &impl Outside,
    about: About<'_>,
    told: &Explanation,
    user: &ObjectId,
) -> Result<Vec<Step>, AdminError> {
    let import = Step::new(
        "import",
        "found",
        "Graph tells of the person",
        json!({"objectId": user, "attributes": told.user.as_ref().map(|user| user.attributes.len())}),
    );
    let (mut scope, is_in) = scope(told);
    let refuses = |one: &&ClauseVerdict| one.verdict == Stance::Out;
    if told.scope.iter().find(refuses).is_some_and(|one| one.clause == Clause::IgnoredUsers) {
        scope.details = ignored(outside, about, user).await?;
    }
    if !is_in {
        let decide = decide(outside, about, told, user).await?;
        let (found, map) = (matched(told), Step::not_reached("map"));
        return Ok(vec![import, scope, found, map, decide]);
    }
    let decide = decide(outside, about, told, user).await?;
    Ok(vec![import, scope, matched(told), mapped(&told.mapping), decide])
}

/// Who put somebody on the ignore list, and when, as far as it is looked back.
async fn ignored(
    outside: &impl Outside,
    about: About<'_>,
    user: &ObjectId,
) -> Result<Value, AdminError> {
    let mut since = about.settings.clone();
    for _ in 0..LOOKED_BACK {
        let number = since.version.saturating_sub(1);
        let (account, connection) = (&about.account.id, about.connection);
        let before = outside.store().settings_version(account, connection, number).await?;
        match before.filter(|before| before.settings.scope.ignored_users.contains(user)) {
            Some(before) if number > 0 => since = before,
            Some(_) | None => {
                return Ok(json!({
                    "clause": Clause::IgnoredUsers,
                    "settingsVersion": since.version,
                    "since": since.saved_at,
                    "by": {
                        "subject": since.saved_by,
                        "name": since.saved_by_name,
                        "role": since.saved_by_role,
                    },
                }));
            }
        }
    }
    Ok(json!({"clause": Clause::IgnoredUsers}))
}

fn scope(told: &Explanation) -> (Step, bool) {
    let of = |stance: Stance| told.scope.iter().find(move |one| one.verdict == stance);
    if let Some(out) = of(Stance::Out) {
        let details = json!({"clause": out.clause});
        return (Step::new("scope", "out", out.because.clone(), details), false);
    }
    if let Some(unknown) = of(Stance::Unknown) {
        let details = json!({"clause": unknown.clause});
        return (Step::new("scope", "unknown", unknown.because.clone(), details), false);
    }
    if let Some(because) = told.routing {
        return (Step::new("scope", "elsewhere", because, Value::Null), false);
    }
    let because = "every clause of the scope means the person";
    (Step::new("scope", "in", because, Value::Null), true)
}

fn matched(told: &Explanation) -> Step {
    let led = told.decision.as_ref().and_then(|item| item.matched.as_deref());
    let Some(contact) = &told.contact else {
        let (outcome, because) = match led {
            Some(led) => ("undecided", led.to_string()),
            None => {
                ("none", "no contact is linked to the person, and no key leads to one".to_owned())
            }
        };
        return Step::new("match", outcome, because, Value::Null);
    };
    let details = json!({"contactId": contact.id, "key": led.map(|led| led.key.clone())});
    match led {
        Some(led) => Step::new("match", "matched", led.to_string(), details),
        None => Step::new("match", "linked", "the contact is the person's own", details),
    }
}

fn mapped(mapping: &[MappedBy]) -> Step {
    let of = |outcome: &str| -> Vec<&str> {
        let rows = mapping.iter().filter(|row| row.outcome == outcome);
        rows.map(|row| row.target.as_str()).collect()
    };
    let failed = mapping.iter().find(|row| row.outcome == "fail");
    let details = json!({
        "write": of("write"),
        "clear": of("clear"),
        "keep": of("keep"),
        "unknown": of("unknown"),
        "fail": of("fail"),
    });
    if let Some(row) = failed {
        let why = row.reason.as_deref().unwrap_or("its value cannot be written");
        return Step::new("map", "failed", format!("{}: {why}", row.target), details);
    }
    let because = format!("{} of {} rows give a value", of("write").len(), mapping.len());
    Step::new("map", "mapped", because, details)
}

async fn decide(
    outside: &impl Outside,
    about: About<'_>,
    told: &Explanation,
    user: &ObjectId,
) -> Result<Step, AdminError> {
    if is_erased(outside, about, user).await? {
        let because = "the person was erased on request: no contact is made again";
        return Ok(Step::new("decide", "erased", because, Value::Null));
    }
    let Some(item) = &told.decision else { return Ok(Step::not_reached("decide")) };
    decision(outside, about, item, told.contact.as_ref(), user).await
}

/// What a run would do, and what waits about the person.
async fn decision(
    outside: &impl Outside,
    about: About<'_>,
    item: &SegmentItem,
    contact: Option<&Contact>,
    user: &ObjectId,
) -> Result<Step, AdminError> {
    let waiting = waiting(outside, about, user).await?;
    let kind = PendingKind::Removal;
    let is_staged = outside.store().is_pending(about.connection, kind, user.as_str()).await?;
    let kind = PendingKind::Escrow;
    let is_failing = outside.store().is_pending(about.connection, kind, user.as_str()).await?;
    let link = contact.and_then(|contact| contact.link.as_ref());
    let is_back = matches!(item.outcome, Outcome::Create | Outcome::Update | Outcome::Unchanged);
    let waits = is_staged && (!is_back || is_removal(item));
    let is_dated = waits && link.is_some_and(|link| link.planned.is_some());
    let is_held = waits && !is_dated;
    let details = json!({
        "fields": item.fields,
        "remedy": item.remedy,
        "waits": waiting.as_ref().map(|item| json!({
            "review": item.id(),
            "list": item.list,
            "since": item.since,
        })),
        "heldByGuard": is_held,
        "failing": is_failing,
        "actsAt": link.and_then(|link| link.acts_at),
        "planned": link.and_then(|link| link.planned),
    });
    if is_held {
        let because =
            "the removal guard holds it back: approve or refuse it in the list `removals`";
        return Ok(Step::new("decide", "held", because, details));
    }
    if is_dated {
        let because = "the person left and the days of grace go on: what is planned is done when \
                       they end, unless the person is back by then";
        return Ok(Step::new("decide", "dated", because, details));
    }
    let outcome = serde_json::to_value(item.outcome).ok();
    let outcome = outcome.as_ref().and_then(Value::as_str).unwrap_or("unknown").to_owned();
    let mut because = item.reason.clone().unwrap_or_else(|| sentence(item.outcome).to_owned());
    if is_failing {
        because += "; the contact could not be written before: the list `failures` says when it is \
                    tried again";
    }
    Ok(Step::new("decide", outcome, because, details))
}

async fn waiting(
    outside: &impl Outside,
    about: About<'_>,
    user: &ObjectId,
) -> Result<Option<ReviewItem>, AdminError> {
    let places = ReviewList::ALL.map(|list| (list, user.clone()));
    let found = outside.store().reviews_of(about.connection, &places).await?;
    let waits = found.into_iter().filter(|item| item.list != ReviewList::Ignored);
    Ok(waits.max_by_key(|item| item.version))
}

async fn is_erased(
    outside: &impl Outside,
    about: About<'_>,
    user: &ObjectId,
) -> Result<bool, AdminError> {
    let account = &about.account.id;
    let users = std::slice::from_ref(user);
    // A note leads to whoever lives on with another contact than his own.
    let mut ids = contacts_of_users(outside.store(), account, about.tenant, users).await?;
    ids.push(ContactId::barring(account, about.tenant, user));
    let standing = outside.store().get_many(account, &ids).await?;
    let is_erased = |one: &Option<StoredContact>| {
        matches!(one, Some(StoredContact::Tombstone { erased: true, .. }))
    };
    Ok(standing.iter().any(is_erased))
}

/// The steps of somebody whom the directory does not find, with the contact that is left.
pub(super) async fn of_gone(
    outside: &impl Outside,
    about: About<'_>,
    person: &Person,
    who: &str,
) -> Result<Vec<Step>, AdminError> {
    let contact = person.contact().filter(|contact| {
        contact.link.as_ref().is_some_and(|link| link.tenant_id == *about.tenant)
    });
    let linked = contact.and_then(|contact| contact.link.as_ref());
    let user = linked.map(|link| link.object_id.clone()).or_else(|| ObjectId::parse(who).ok());
    let Some(user) = user else {
        let because = "nobody in the directory has this name, and no contact of the account does";
        let import = Step::new("import", "notFound", because, Value::Null);
        let rest = ["scope", "match", "map", "decide"].map(Step::not_reached);
        return Ok([import].into_iter().chain(rest).collect());
    };
    let selection = UserSelection::of(&about.settings.settings);
    let ids = std::slice::from_ref(&user);
    let read = outside.directory().users_by_id(about.tenant, &selection, ids).await?;
    let (outcome, cause) = if read.soft_deleted.contains(&user) {
        ("softDeleted", GoneCause::SoftDeleted)
    } else {
        ("notInDirectory", GoneCause::HardDeleted)
    };
    let details = json!({"objectId": user});
    let import = Step::new("import", outcome, gone_sentence(cause), details);
    let found = match contact {
        Some(contact) => {
            let details = json!({"contactId": contact.id, "key": null});
            Step::new("match", "linked", "the contact is the person's own", details)
        }
        None => Step::new("match", "none", "no contact is linked to the person", Value::Null),
    };
    let decide = if is_erased(outside, about, &user).await? {
        let because = "the person was erased on request: no contact is made again";
        Step::new("decide", "erased", because, Value::Null)
    } else {
        let now = outside.clock().now();
        let rules = Rules::compile(&about.settings.settings, &about.account.custom_fields, now)
            .map_err(AdminError::Invalid)?;
        let tie = Tie { connection: about.connection, tenant: about.tenant };
        let item = rules.decide_gone(&user, contact, cause, gone_sentence(cause), tie);
        decision(outside, about, &item, contact, &user).await?
    };
    Ok(vec![import, Step::not_reached("scope"), found, Step::not_reached("map"), decide])
}

fn sentence(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Create => "the next run makes a contact",
        Outcome::Update => "the next run changes the contact",
        Outcome::Unchanged => "the contact is as it shall be",
        Outcome::Skipped => "no contact is made",
        Outcome::Failed => "the contact cannot be written",
        Outcome::AwaitingReview => "a person decides",
        Outcome::Deferred => "it is decided at the end of the run, when everybody is known",
        Outcome::StopUpdating => "the contact keeps its fields and is no longer updated",
        Outcome::Unlink => "the tie to the contact is cut",
        Outcome::Deactivate => "the contact becomes inactive",
        Outcome::Delete => "the contact is deleted",
        Outcome::Keep => "the contact stays as it is",
        Outcome::Restore => "the contact comes back",
        Outcome::Left => "it moved since the plan was made",
    }
}
