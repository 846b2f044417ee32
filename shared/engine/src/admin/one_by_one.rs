//! One person on demand, with the steps shown; and decisions made anew for a person, a group or
//! everybody.

use contact_sync_domain::account::Account;
use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId, RunId};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::sync_state::QueuedRun;
use serde_json::{Value, json};

use super::accounts::account as account_of;
use super::changes::{ChangeFilter, run_changes};
use super::directory::connected;
use super::document::Members;
use super::explain::{Step, explain_to};
use super::explain_team::find_person;
use super::grounds::Grounds;
use super::plans::actor;
use super::runs::{check_room, check_syncs};
use super::{AdminError, Caller, Outside};
use crate::port::{
    Clock, DecisionStore, Directory, Randomness, RunStore, SettingsStore, SyncStateStore,
};
use crate::sync::contacts_of_users;

/// Whose contacts are to be decided as if nothing were known of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reset {
    /// One person, by object id, user principal name or e-mail address.
    User(String),
    /// The members of one group.
    Group(ObjectId),
    /// Everybody.
    All,
}

/// Reads `{user}`, `{group}` or `{all: true}`.
pub fn read_reset(document: &Value) -> Result<Reset, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let user = members.changed_text("user", 320).map(Reset::User);
    let group = members.changed_text("group", 36);
    let group = match group.map(|text| ObjectId::parse(&text)) {
        Some(Ok(group)) => Some(Reset::Group(group)),
        Some(Err(_)) => {
            members.problem("group", "expected the group's object id");
            None
        }
        None => None,
    };
    let all = match members.value("all") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(true)) => Some(Reset::All),
        Some(_) => {
            members.problem("all", "expected true");
            None
        }
    };
    let mut given: Vec<Reset> = [user, group, all].into_iter().flatten().collect();
    let mut problems = members.finish();
    if problems.is_empty() && given.len() != 1 {
        let message = "exactly one of `user`, `group` and `all` is needed".to_owned();
        problems.push(contact_sync_domain::settings::Problem { pointer: String::new(), message });
    }
    match given.pop() {
        Some(reset) if problems.is_empty() => Ok(reset),
        _ => Err(AdminError::Invalid(problems)),
    }
}

/// Queues a run of one person, who is named by object id, user principal name or e-mail address.
pub async fn request_user_run(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    who: &str,
    caller: &Caller,
) -> Result<Run, AdminError> {
    let user = user_of(outside, account, id, who).await?;
    run_about(outside, account, id, &user, (Trigger::Manual, caller)).await
}

/// Has contacts compared with the directory field by field, whatever was recognised before. Links
/// stay; what was refused about a person is asked again.
pub async fn reset(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    what: Reset,
    caller: &Caller,
) -> Result<Run, AdminError> {
    match what {
        Reset::User(who) => {
            let user = user_of(outside, account, id, &who).await?;
            let contact = contact_of(outside, account, id, &user).await?;
            outside.store().forget_refusals(id, &user, &contact).await?;
            run_about(outside, account, id, &user, (Trigger::Reset, caller)).await
        }
        Reset::Group(group) => {
            let found = check_syncs(outside, &account.id, id).await?;
            check_room(&found, &waiting(outside, account, id).await?)?;
            let tenant = connected(outside, &account.id, id).await?.id;
            if outside.directory().find_group(&tenant, &group).await?.is_none() {
                return Err(AdminError::NotFound("group"));
            }
            let run = asked(outside, account, id, (RunKind::User, Trigger::Reset), caller).await?;
            let run = Run { group: Some(group), ..run };
            outside.store().enqueue(&run).await?;
            Ok(run)
        }
        Reset::All => {
            let found = check_syncs(outside, &account.id, id).await?;
            check_room(&found, &waiting(outside, account, id).await?)?;
            let run = asked(outside, account, id, (RunKind::Full, Trigger::Reset), caller).await?;
            outside.store().enqueue(&run).await?;
            Ok(run)
        }
    }
}

/// Queues a run about one person, unless one waits already that sees everything this one would.
pub(super) async fn run_about(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    user: &ObjectId,
    (trigger, caller): (Trigger, &Caller),
) -> Result<Run, AdminError> {
    let store = outside.store();
    let found = check_syncs(outside, &account.id, id).await?;
    let waiting = waiting(outside, account, id).await?;
    for queued in waiting.iter().filter(|queued| queued.kind == RunKind::User) {
        let run = store.run(&account.id, id, &queued.run_id).await?;
        let stands_for_it =
            |run: &Run| run.status == RunStatus::Queued && run.user.as_ref() == Some(user);
        if let Some(run) = run.filter(stands_for_it) {
            return Ok(run);
        }
    }
    check_room(&found, &waiting)?;
    let run = asked(outside, account, id, (RunKind::User, trigger), caller).await?;
    let run = Run { user: Some(user.clone()), ..run };
    store.enqueue(&run).await?;
    Ok(run)
}

/// What waits for the connection's worker.
async fn waiting(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
) -> Result<Vec<QueuedRun>, AdminError> {
    let state = outside.store().sync_state(&account.id, id).await?;
    Ok(state.map(|state| state.queue).unwrap_or_default())
}

async fn asked(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    how: (RunKind, Trigger),
    caller: &Caller,
) -> Result<Run, AdminError> {
    let run = Run::queued(
        RunId::from_bits(outside.randomness().ordered_bits()),
        (account.id.clone(), id.clone()),
        how,
        outside.store().settings(&account.id, id).await?.version,
        outside.clock().now(),
    );
    Ok(Run { requested_by: Some(actor(caller)), ..run })
}

/// Who is meant: somebody in the directory, or whose contact tells who he was.
async fn user_of(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    who: &str,
) -> Result<ObjectId, AdminError> {
    check_syncs(outside, &account.id, id).await?;
    let tenant = connected(outside, &account.id, id).await?.id;
    let settings = outside.store().settings(&account.id, id).await?.settings;
    let grounds = Grounds::of(outside, account, id, &tenant, &settings).await?;
    if let Some(user) = grounds.find_user(outside, who).await? {
        return Ok(user.id);
    }
    let person = find_person(outside, account, who).await?;
    let link = person.contact().and_then(|contact| contact.link.as_ref());
    let link = link.filter(|link| link.connection_id == *id);
    link.map(|link| link.object_id.clone()).ok_or(AdminError::NotFound("user"))
}

async fn contact_of(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    user: &ObjectId,
) -> Result<ContactId, AdminError> {
    let tenant = connected(outside, &account.id, id).await?.id;
    let users = std::slice::from_ref(user);
    let found = contacts_of_users(outside.store(), &account.id, &tenant, users).await?.pop();
    Ok(found.unwrap_or_else(|| ContactId::derived(&account.id, &tenant, user)))
}

/// The steps that a run about one person took, once it has ended: the way to the decision as the
/// rules tell it now, and the decision as it was made. `None` for other runs, and where the person is
/// not known any more.
pub async fn steps_of_run(
    outside: &impl Outside,
    caller: &Caller,
    run: &Run,
) -> Result<Option<Vec<Step>>, AdminError> {
    let Some(user) = run.user.as_ref().filter(|_| run.status.is_terminal()) else {
        return Ok(None);
    };
    let account = account_of(outside.store(), &run.account_id).await?;
    let told = explain_to(outside, caller, &account, &run.connection_id, user.as_str()).await;
    // A directory that cannot be asked now takes nothing away from what was decided.
    let (mut steps, is_shown) = match told {
        Ok(told) => {
            let is_shown = told.is_ours || caller.has(super::Role::Operator).is_ok();
            (told.steps, is_shown)
        }
        Err(AdminError::Directory(_) | AdminError::NotNow { .. }) => (Vec::new(), true),
        Err(error) => return Err(error),
    };
    let everything = |name: &str| match name {
        "user" => Some(user.as_str()),
        _ => None,
    };
    let filter = ChangeFilter::read(everything).unwrap_or_default();
    let changes = match run_changes(outside, run, &filter, None, 100).await {
        Ok(page) => page.items,
        // It is kept no longer.
        Err(AdminError::Expired { .. }) => return Ok(Some(steps)),
        Err(error) => return Err(error),
    };
    if let Some(change) = changes.into_iter().next_back().filter(|_| is_shown) {
        let result = change.result.name();
        let because = change.reason.unwrap_or_else(|| match result {
            "success" => "it was done".to_owned(),
            _ => "it was not done".to_owned(),
        });
        let details = json!({
            "result": result,
            "contactId": change.item.contact_id,
            "fields": change.item.fields,
            "remedy": change.remedy,
        });
        steps.retain(|step| step.step != "decide");
        steps.push(Step::new("decide", change.kind.name(), because, details));
    }
    Ok(Some(steps))
}
