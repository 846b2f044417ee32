//! What people are told where a change is not taken back: what stands in its way, who did that and
//! when.

use contact_sync_domain::contact::Target;
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::id::RunId;
use contact_sync_domain::review::ReviewAction;
use contact_sync_domain::undo::Refusal;
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
        Refusal::Protected => (
            "the contact was protected since".to_owned(),
            did(&|what| *what == HistoryKind::Protected).map(named),
        ),
        Refusal::Removed => ("the contact was removed since".to_owned(), did(&removes).map(named)),
        Refusal::MadeAnew => ("the contact was made anew since".to_owned(), None),
        Refusal::Erased => ("the person was erased on request".to_owned(), None),
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
    let actor = &deed.actor;
    let who = actor.name.as_ref().or(actor.subject.as_ref()).unwrap_or(&actor.role);
    format!("by {who} at {}", deed.at)
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
