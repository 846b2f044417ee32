//! Presets: settings that behave as another product's directory sync does.
//!
//! Each is written down whole (`documents`). What this release cannot save of it is left out and
//! told beside it, so that a preset is what it says from the day on which its last member is
//! available.

mod documents;

use serde::Serialize;

use super::check::unavailable;
use super::{Notifications, Settings};
use documents::{gethomesafe, happyfox, lynes, lynes_manual, syncro};

/// A settings document under a name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preset {
    /// Its id in addresses.
    pub id: &'static str,
    /// What people read.
    pub name: &'static str,
    /// The document, as it can be saved.
    pub settings: Settings,
    /// What the product does besides and this release cannot: JSON pointers into the document.
    pub not_yet: Vec<String>,
    /// What only the account can fill in.
    pub to_do: Vec<&'static str>,
}

/// Every preset.
pub fn presets() -> Vec<Preset> {
    vec![
        preset("happyfox", "HappyFox", &happyfox(), &[]),
        preset("lynes", "Lynes", &lynes(), &[TELL_SOMEBODY]),
        preset("lynes-manual", "Lynes, by hand", &lynes_manual(), &[TELL_SOMEBODY]),
        preset("syncro", "Syncro", &syncro(), &[]),
        preset("gethomesafe", "GetHomeSafe", &gethomesafe(), &[MAP_GROUPS]),
    ]
}

const TELL_SOMEBODY: &str =
    "Name who is told of changes and of what waits (notifications.users, notifications.emails).";

const MAP_GROUPS: &str = "Map at least one group to a team (teams), with onLeave: keep, so that \
                          whoever leaves a group stays in its team.";

/// A preset of all that can be saved of a document.
fn preset(
    id: &'static str,
    name: &'static str,
    whole: &Settings,
    to_do: &[&'static str],
) -> Preset {
    let usual = serde_json::to_value(Settings::default()).unwrap_or_default();
    let mut document = serde_json::to_value(whole).unwrap_or_default();
    let mut not_yet: Vec<String> =
        unavailable(whole).into_iter().map(|problem| problem.pointer).collect();
    for pointer in &not_yet {
        if let (Some(member), Some(usual)) = (document.pointer_mut(pointer), usual.pointer(pointer))
        {
            *member = usual.clone();
        }
    }
    not_yet.extend(nobody_to_tell(whole));
    let settings = serde_json::from_value(document).unwrap_or_default();
    Preset { id, name, settings, not_yet, to_do: to_do.to_vec() }
}

/// A preset that tells of things leaves to the account whom: what could not be saved then is not
/// there yet either.
fn nobody_to_tell(whole: &Settings) -> Vec<String> {
    if whole.notifications == Notifications::default() {
        return Vec::new();
    }
    let somebody = vec!["somebody@example.com".to_owned()];
    let asked = Settings {
        notifications: Notifications {
            users: somebody.clone(),
            emails: somebody,
            ..whole.notifications.clone()
        },
        ..Settings::default()
    };
    unavailable(&asked).into_iter().map(|problem| problem.pointer).collect()
}

#[cfg(test)]
mod tests;
