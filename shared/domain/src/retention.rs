//! For how long an account keeps what its runs, and people, did.
//!
//! Days come in classes, since a bucket deletes by folder and not by clock: each class has folders
//! of its own, and one rule for each. A run keeps the class that it began under.

use serde::{Deserialize, Serialize};

/// The classes, in days.
pub const CLASSES: [u16; 4] = [30, 90, 180, 365];

/// The longest of them.
pub const LONGEST: u16 = 365;

/// The folder of the pages of runs.
const SEGMENTS: &str = "segments";

/// The folder of their reports.
const REPORTS: &str = "reports";

/// For how long what runs and people did is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Retention {
    /// Days for which a run's pages can be read: its changes. One of [`CLASSES`].
    pub history_days: u16,
    /// Days for which its report can be read. One of [`CLASSES`].
    pub report_days: u16,
    /// Days for which what people did to contacts can be read. One of [`CLASSES`].
    pub deed_days: u16,
}

impl Default for Retention {
    fn default() -> Self {
        Self { history_days: 30, report_days: 90, deed_days: LONGEST }
    }
}

impl Retention {
    /// Whether nobody chose another.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// The folder in which the pages lie.
    pub fn segment_folder(self) -> String {
        folder(SEGMENTS, self.history_days, Self::default().history_days)
    }

    /// The folder in which the reports lie.
    pub fn report_folder(self) -> String {
        folder(REPORTS, self.report_days, Self::default().report_days)
    }
}

/// Every folder that runs write into, with the days after which the bucket deletes from it.
pub fn folders() -> Vec<(String, u16)> {
    let all = |days| Retention { history_days: days, report_days: days, deed_days: days };
    let segments = CLASSES.map(|days| (all(days).segment_folder(), days));
    let reports = CLASSES.map(|days| (all(days).report_folder(), days));
    segments.into_iter().chain(reports).collect()
}

/// No folder lies in another: the shortest of the rules that fit would count.
fn folder(name: &str, days: u16, usual: u16) -> String {
    if days == usual { name.to_owned() } else { format!("{name}-{days}d") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_before_there_were_classes_stays_where_it_lies() {
        let usual = Retention::default();
        assert_eq!(
            (usual.segment_folder(), usual.report_folder()),
            (SEGMENTS.into(), REPORTS.into())
        );
        assert_eq!(serde_json::from_str::<Retention>("{}").unwrap(), usual);
    }

    #[test]
    fn no_rule_of_one_class_deletes_what_another_keeps() {
        assert_eq!(CLASSES.iter().max(), Some(&LONGEST));
        let folders = folders();
        assert_eq!(folders.len(), 2 * CLASSES.len());
        for (one, _) in &folders {
            let under = folders.iter().filter(|(other, _)| other.starts_with(&format!("{one}/")));
            assert_eq!(under.count(), 0, "{one}");
        }
    }
}
