//! Edits by hand of fields that sync manages: where the settings do not lock those, an edit stands
//! until the directory asks for another value than the one that it replaced.

use serde_json::Value;

use crate::contact::{SyncMark, Target};
use crate::mapping::value::{is_blank, is_same};

impl SyncMark {
    /// Takes down that a person changed a field that sync manages from one value to another. Of
    /// several edits the first one replaced what sync wrote; who puts that back edited nothing.
    pub fn person_wrote(&mut self, target: &Target, was: Option<Value>, is: Option<&Value>) {
        let replaced =
            self.replaced.entry(target.clone()).or_insert_with(|| was.unwrap_or_default());
        let is_back = match is {
            Some(value) => is_same(replaced, value),
            None => is_blank(replaced),
        };
        if is_back {
            self.replaced.remove(target);
        }
    }

    /// Whether what a person put there stands although the directory asks for this value (`None`: for
    /// none): it still asks for what the person replaced.
    pub(crate) fn is_replaced(&self, target: &Target, asked: Option<&Value>) -> bool {
        self.replaced.get(target).is_some_and(|replaced| match asked {
            Some(value) => is_same(replaced, value),
            None => is_blank(replaced),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contact::ContactField;

    const TITLE: Target = Target::Field(ContactField::JobTitle);

    fn mark() -> SyncMark {
        serde_json::from_value(json!({"sourceVersion": 1, "settingsVersion": 1, "run": "run_1"}))
            .unwrap()
    }

    #[test]
    fn the_first_of_several_edits_says_what_the_directory_asked_for() {
        let mut mark = mark();
        mark.person_wrote(&TITLE, Some(json!("Clerk")), Some(&json!("Boss")));
        mark.person_wrote(&TITLE, Some(json!("Boss")), Some(&json!("King")));
        assert!(mark.is_replaced(&TITLE, Some(&json!("Clerk"))));
        assert!(!mark.is_replaced(&TITLE, Some(&json!("Boss"))), "the directory never said that");
        assert!(!mark.is_replaced(&TITLE, None), "the directory asks for none now: that is news");
    }

    #[test]
    fn whoever_puts_back_what_was_there_edited_nothing() {
        let mut mark = mark();
        mark.person_wrote(&TITLE, Some(json!("Clerk")), None);
        assert!(mark.is_replaced(&TITLE, Some(&json!("Clerk"))));
        mark.person_wrote(&TITLE, None, Some(&json!("Clerk")));
        assert!(mark.replaced.is_empty());
        mark.person_wrote(&TITLE, None, Some(&json!("Boss")));
        assert!(mark.is_replaced(&TITLE, None), "an empty field was filled, and stays");
    }
}
