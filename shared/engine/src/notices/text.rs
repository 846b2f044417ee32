//! Notices in words: what happened, what was and was not done, what to do.

use contact_sync_domain::connection::Connection;
use contact_sync_domain::notice::{Changes, Digest, PlanMade, Telling, Waiting};
use contact_sync_domain::silence::{Missed, Silence};

/// A title is the subject of a mail.
const LONGEST_TITLE: usize = 160;

/// A notice in words.
pub(super) struct Words {
    /// One line.
    pub(super) title: String,
    /// Paragraphs of plain text.
    pub(super) text: String,
}

/// Puts what is told of a connection into words.
pub(super) fn words(connection: &Connection, telling: &Telling) -> Words {
    let name = name_of(connection);
    let (what, paragraphs) = match telling {
        Telling::NeedsPerson { reason, fix } => (
            needs(reason).to_owned(),
            vec![
            "Nothing is synced until this is mended. Contacts stay as they are; nobody was removed."
                .to_owned(),
            format!("What to do: {}", sentence(fix)),
        ],
        ),
        Telling::RunFailed { because } => (
            "a sync did not reach its end".to_owned(),
            vec![
            because.as_deref().map(sentence).unwrap_or_default(),
            "What was applied before it stopped stands; nobody was removed. It is tried again by \
             itself; you are told when it works."
                .to_owned(),
        ],
        ),
        Telling::RecordsFailed { failed, because } => (
            records(*failed),
            vec![
            because.as_deref().map(sentence).unwrap_or_default(),
            "Everybody else was synced. The run's report names who failed, why, and what helps."
                .to_owned(),
        ],
        ),
        Telling::Silent(silence) => silent(connection, *silence),
        Telling::Recovered => (
            "syncing works again".to_owned(),
            vec!["What changed in the directory meanwhile is caught up with.".to_owned()],
        ),
        Telling::RemovalsHeld { because } => (
            "removals are held back".to_owned(),
            vec![
                because.as_deref().map(sentence).unwrap_or_default(),
                "Nobody was removed. Everything else was applied.".to_owned(),
            ],
        ),
        Telling::RemovalsReleased { removed } => (
            "removals are held back no more".to_owned(),
            vec![format!(
                "The last run dealt with {}; whoever came back, or is in scope again, was left \
                 alone.",
                counted(*removed, "contact", "contacts")
            )],
        ),
        Telling::DecisionsWait(waiting) => (
            decisions(waiting),
            vec![
                "Nothing of what is asked was applied; everything else was.".to_owned(),
                "What to do: look at the review lists and decide.".to_owned(),
            ],
        ),
        Telling::ContactsChanged(changes) => {
            ("contacts were changed".to_owned(), vec![changed(*changes)])
        }
        Telling::PlanWaits(made) => planned(made),
        Telling::Digest(digest) => digested(digest),
    };
    let title = one_line(&format!("{name}: {what}"));
    let mut text = sentence(&title);
    for paragraph in paragraphs.into_iter().filter(|paragraph| !paragraph.is_empty()) {
        text.push_str("\n\n");
        text.push_str(&paragraph);
    }
    Words { title, text }
}

/// By which name people know the connection.
fn name_of(connection: &Connection) -> String {
    let tenant = connection.tenant.as_ref();
    let named = tenant.and_then(|tenant| {
        tenant.name.clone().or_else(|| tenant.verified_domains.first().cloned())
    });
    named.unwrap_or_else(|| connection.id.to_string())
}

fn digested(digest: &Digest) -> (String, Vec<String>) {
    let more = if digest.more { "over " } else { "" };
    let mut failed = Vec::new();
    if digest.failed > 0 {
        failed.push(format!("{} did not reach the end", counted(digest.failed, "sync", "syncs")));
    }
    if digest.partial > 0 {
        failed.push(format!("{} failed in part", counted(digest.partial, "sync", "syncs")));
    }
    let reasons = digest.reasons.iter().map(|(reason, count)| match count {
        1 => format!("- {}", sentence(reason)),
        count => format!("- {count} times: {}", sentence(reason)),
    });
    let failures: Vec<String> =
        std::iter::once(sentence(&failed.join(", "))).chain(reasons).collect();
    let mut paragraphs = vec![
        sentence(&format!("{more}{} ended", counted(digest.runs, "sync", "syncs"))),
        changed(digest.changes),
        failures.join("\n"),
    ];
    if let Some((reason, fix)) = &digest.attention {
        paragraphs.push(format!("{} What to do: {}", sentence(needs(reason)), sentence(fix)));
    }
    if digest.holds {
        let held = "The guard holds removals back until somebody approves them or their cause is \
                    mended; nobody was removed.";
        paragraphs.push(held.to_owned());
    }
    if let Some(waiting) = &digest.waiting {
        paragraphs.push(sentence(&format!("{} for somebody", decisions(waiting))));
    }
    (format!("what happened since {}", digest.since), paragraphs)
}

fn planned(made: &PlanMade) -> (String, Vec<String>) {
    let changes = match changed(made.changes) {
        changes if changes.is_empty() => {
            "It would create, update or remove no contact: look at it for teams and settings."
                .to_owned()
        }
        changes => format!("If it is applied: {changes}"),
    };
    let held = match made.held {
        0 => String::new(),
        held => format!(
            "It has {}, more than the guard allows: whoever applies it confirms the number.",
            counted(held, "removal", "removals")
        ),
    };
    let until = made.until.strftime("%Y-%m-%d %H:%M UTC");
    let fix = format!(
        "What to do: look at the run's changes and apply it, or let it be. It can be applied until \
         {until}."
    );
    let paragraphs = vec!["Nothing of it is done yet.".to_owned(), changes, held, fix];
    ("a plan waits for approval".to_owned(), paragraphs)
}

fn silent(
    connection: &Connection,
    Silence { what: missed, since }: Silence,
) -> (String, Vec<String>) {
    let (what, last) = match missed {
        Missed::Run if connection.last_sync_at.is_none() => {
            ("the first full sync does not reach its end", "It was enabled, or last changed,")
        }
        Missed::Run => ("no full sync came when it should have", "The last one ended"),
        Missed::Look => ("nobody looks at what changes", "The last look was"),
        Missed::Notification => {
            ("Entra tells no changes, though there are some", "The last one that it told was")
        }
    };
    let since = since.strftime("%Y-%m-%d %H:%M UTC");
    let paragraph = format!(
        "{last} at {since}. Nothing failed and nothing was removed; changes since then may be \
         missing."
    );
    let fix = match missed {
        Missed::Run | Missed::Look => {
            "What to do: save the connection's settings again, which renews its schedule, or start \
             a sync; if that does not help, tell whoever operates the installation."
        }
        Missed::Notification => {
            "Changes are found by hourly looks until then. What to do: pause and resume the \
             connection; if that does not help, tell whoever operates the installation that its \
             webhook may not be reached."
        }
    };
    (what.to_owned(), vec![paragraph, fix.to_owned()])
}

fn needs(reason: &str) -> &str {
    match reason {
        "consent-lost" => "syncing stopped, the consent was withdrawn",
        "permission-missing" => "syncing stopped, a permission is missing",
        "blocked-by-policy" => "syncing stopped, a policy of the tenant blocks us",
        "group-missing" => "syncing stopped, a group of the scope is gone",
        "group-empty" => "syncing stopped, a group of the scope tells no members",
        "unit-missing" => "syncing stopped, an administrative unit of the scope is gone",
        "unit-empty" => "syncing stopped, an administrative unit of the scope tells no members",
        "attribute-unknown" => "syncing stopped, the directory lacks an attribute",
        _ => "syncing stopped and needs a person",
    }
}

fn records(failed: u64) -> String {
    match failed {
        0 => "a sync ended in part".to_owned(),
        failed => format!("{} failed", counted(failed, "record", "records")),
    }
}

fn decisions(waiting: &Waiting) -> String {
    match (waiting.count, waiting.more) {
        (1, false) => "1 decision waits".to_owned(),
        (count, false) => format!("{count} decisions wait"),
        (count, true) => format!("over {count} decisions wait"),
    }
}

fn changed(changes: Changes) -> String {
    let parts = [
        (changes.created, "created"),
        (changes.updated, "updated"),
        (changes.removed, "of people who left were dealt with"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, what)| format!("{} {what}", counted(*count, "contact", "contacts")))
        .collect();
    sentence(&parts.join(", "))
}

fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// A text as a sentence of its own.
fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    let Some(first) = letters.next() else { return String::new() };
    let text: String = first.to_uppercase().chain(letters).collect();
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}

/// What comes from the directory may hold anything; a subject is one line.
fn one_line(text: &str) -> String {
    let cleaned = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    cleaned.take(LONGEST_TITLE).collect::<String>().trim().to_owned()
}
