//! What people are told where a change is not taken back: what stands in its way, who did that and
//! when.

use contact_sync_domain::contact::Target;
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::id::RunId;
use contact_sync_domain::redaction::{ERASED, not_taken_back};
use contact_sync_domain::review::{Decision, ReviewAction, ReviewList};
use contact_sync_domain::undo::{Refusal, who};
use contact_sync_domain::written::WriteId;

/// Why nothing of a contact is taken back, given what people did to it, the newest first.
pub(crate) fn sentence(refusal: &Refusal, deeds: &[HistoryEntry]) -> String {
    let did = |is_it: &dyn Fn(&HistoryKind) -> bool| deeds.iter().find(|deed| is_it(&deed.what));
    let (what, by) = match refusal {
        Refusal::Field { field, by } => {
            (format!("{field} was changed since"), writer(field, *by, deeds))
        }
        Refusal::Link => {
            ("the link to the directory was changed since".to_owned(), did(&links).map(named))
        }
        Refusal::Team => {
            ("who holds the contact in a team was changed since".to_owned(), did(&moves).map(named))
        }
        Refusal::Merged => {
            ("the contact was made one with another since".to_owned(), did(&merges).map(named))
        }
        Refusal::Protected => (
            "the contact was protected since".to_owned(),
            did(&|what| *what == HistoryKind::Protected).map(named),
        ),
        Refusal::Removed => ("the contact was removed since".to_owned(), did(&removes).map(named)),
        Refusal::MadeAnew => ("the contact was made anew since".to_owned(), None),
        Refusal::Erased => return not_taken_back(ERASED),
        Refusal::NotKept => ("what stood before is not kept".to_owned(), None),
    };
    let by = by.map_or_else(String::new, |by| format!(", {by}"));
    format!("{what}{by}: nothing of this contact is taken back")
}

/// Who wrote a field, as a phrase.
fn writer(field: &Target, by: Option<WriteId>, deeds: &[HistoryEntry]) -> Option<String> {
    let is_it = |deed: &&HistoryEntry| match by {
        Some(by) => WriteId::from(&deed.id) == by,
        // What has no value has no writer.
        None => deed.changes.iter().any(|change| change.field == *field),
    };
    let run = || by.map(|by| format!("by run {}", RunId::from_bits(by.to_bits())));
    deeds.iter().find(is_it).map(named).or_else(run)
}

/// Who did something, and when, as a phrase.
fn named(deed: &HistoryEntry) -> String {
    format!("by {} at {}", who(deed), deed.at)
}

/// Whether a decision puts somebody on the ignore list.
pub(crate) fn ignores(decision: &Decision) -> bool {
    match decision.action {
        ReviewAction::Delete => true,
        ReviewAction::Unlink => decision.list != ReviewList::Removals,
        ReviewAction::Accept
        | ReviewAction::Create
        | ReviewAction::Ignore
        | ReviewAction::Keep
        | ReviewAction::Link
        | ReviewAction::Merge
        | ReviewAction::Reject
        | ReviewAction::Unignore => false,
    }
}

/// That a decision is taken back, and what is left to do for whoever wants that to last, unless the
/// user comes off the ignore list with it.
pub(crate) fn undone_sentence(
    decision: &Decision,
    by: &str,
    comes_off: bool,
) -> (String, Option<String>) {
    let Decision { action, list, at, .. } = decision;
    let told =
        format!("takes back `{}` in `{}`, decided by {by} at {at}", action.name(), list.name());
    if comes_off {
        let told = format!("{told}; the user comes off the ignore list (scope.ignoredUsers)");
        return (told, None);
    }
    let remedy = "the user stays on the ignore list (scope.ignoredUsers): take them off it before \
                  the connection syncs again";
    (told, ignores(decision).then(|| remedy.to_owned()))
}

/// Why a decision is not taken back, and what helps.
pub(crate) fn told_only(decision: &Decision) -> (String, String) {
    let Decision { action, list, at, actor, .. } = decision;
    let by = actor.as_deref().unwrap_or("somebody");
    let what = format!("`{}` in `{}`, decided by {by} at {at}", action.name(), list.name());
    let (why, helps) = match action {
        ReviewAction::Merge => (
            "two contacts were made one, which is not taken back",
            "make the other contact anew by hand, and link it",
        ),
        ReviewAction::Ignore | ReviewAction::Unignore => (
            "whom to ignore stands in the settings, which are not taken back",
            "change scope.ignoredUsers",
        ),
        ReviewAction::Keep | ReviewAction::Reject => (
            "it refused something, and nothing of the contact was changed by it",
            "forget the refusal where it should be asked again",
        ),
        ReviewAction::Accept if *list == ReviewList::Removals => (
            "it approved of what a run does, which is taken back with that run",
            "reject it in the list `removals` where it still waits",
        ),
        ReviewAction::Accept
        | ReviewAction::Link
        | ReviewAction::Create
        | ReviewAction::Unlink
        | ReviewAction::Delete => {
            ("nothing that it wrote is known", "look at the contact's timeline")
        }
    };
    (format!("{what}, is not taken back: {why}"), helps.to_owned())
}

fn links(what: &HistoryKind) -> bool {
    use ReviewAction as A;
    match what {
        HistoryKind::Decided { action, .. } => matches!(action, A::Link | A::Unlink | A::Accept),
        HistoryKind::Created
        | HistoryKind::Imported
        | HistoryKind::Edited
        | HistoryKind::Protected
        | HistoryKind::Unprotected
        | HistoryKind::Filled { .. }
        | HistoryKind::Merged { .. }
        | HistoryKind::Deleted
        | HistoryKind::TeamJoined { .. }
        | HistoryKind::TeamRole { .. }
        | HistoryKind::TeamLeft { .. } => false,
    }
}

/// Whether somebody made one contact of this one and another.
pub(crate) fn merges(what: &HistoryKind) -> bool {
    match what {
        HistoryKind::Decided { action, .. } => *action == ReviewAction::Merge,
        HistoryKind::Merged { .. } | HistoryKind::Filled { .. } => true,
        HistoryKind::Created
        | HistoryKind::Imported
        | HistoryKind::Edited
        | HistoryKind::Protected
        | HistoryKind::Unprotected
        | HistoryKind::Deleted
        | HistoryKind::TeamJoined { .. }
        | HistoryKind::TeamRole { .. }
        | HistoryKind::TeamLeft { .. } => false,
    }
}

fn moves(what: &HistoryKind) -> bool {
    matches!(what, HistoryKind::TeamJoined { .. } | HistoryKind::TeamLeft { .. })
}

fn removes(what: &HistoryKind) -> bool {
    match what {
        HistoryKind::Decided { action, .. } => *action == ReviewAction::Delete,
        HistoryKind::Deleted | HistoryKind::Merged { .. } => true,
        HistoryKind::Created
        | HistoryKind::Imported
        | HistoryKind::Edited
        | HistoryKind::Protected
        | HistoryKind::Unprotected
        | HistoryKind::Filled { .. }
        | HistoryKind::TeamJoined { .. }
        | HistoryKind::TeamRole { .. }
        | HistoryKind::TeamLeft { .. } => false,
    }
}
