//! Why people would fail, by the row or policy from which it comes.

use std::collections::HashMap;

use contact_sync_domain::contact::{Contact, ContactField};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::ContactId;
use contact_sync_domain::reconcile::View;
use contact_sync_domain::segment::SegmentItem;

use super::super::findings::{Counted, ReasonCount};
use super::Survey;
use crate::admin::Outside;
use crate::port::StoredContact;
use crate::sync::present;

impl<O: Outside> Survey<'_, O> {
    /// Counts somebody whose record would fail.
    pub(super) fn fail(
        &mut self,
        user: &DirectoryUser,
        item: &SegmentItem,
        existing: Option<&Contact>,
        stored: &HashMap<ContactId, StoredContact>,
    ) {
        self.count_failed();
        let (code, pointer, target) = match self.terms.view(user) {
            View::In(wanted) => {
                let mapped = wanted.mapped();
                if let Err(failures) = self.terms.rules.mapping().changes(mapped, existing) {
                    for failure in failures {
                        let target = failure.target.to_string();
                        let rows = &self.settings.mapping;
                        let row = rows.iter().position(|row| row.target == target);
                        let pointer =
                            row.map_or("/mapping".to_owned(), |row| format!("/mapping/{row}"));
                        let reason = ReasonCount {
                            code: failure.rule.name(),
                            pointer,
                            target: Some(target),
                            reason: failure.reason,
                            remedy: failure.remedy,
                            people: Counted::default(),
                        };
                        self.reason(user, reason);
                    }
                    return;
                }
                let candidates = item.question.iter().flat_map(|question| &question.candidates);
                let mut owners = candidates.filter_map(|owner| present(stored.get(owner)));
                let email = Some(ContactField::Email.name().to_owned());
                if owners.any(|owner| owner.link.is_none()) {
                    ("emailOfLocalContact", "/policies/link", email)
                } else {
                    ("emailOfOtherContact", "/mapping", email)
                }
            }
            View::Failed { .. } => ("unreadable", "/scope/expression", None),
            View::Unknown { .. } | View::Out { .. } => ("notTold", "/mapping", None),
        };
        let reason = ReasonCount {
            code,
            pointer: pointer.to_owned(),
            target,
            reason: item.reason.clone().unwrap_or_default(),
            remedy: item.remedy.clone().unwrap_or_default(),
            people: Counted::default(),
        };
        self.reason(user, reason);
    }

    /// Counts somebody whose address another person gets.
    pub(super) fn fail_shared(&mut self, user: &DirectoryUser) {
        self.count_failed();
        let reason = ReasonCount {
            code: "emailShared",
            pointer: "/mapping".to_owned(),
            target: Some(ContactField::Email.name().to_owned()),
            reason: "another person in the directory has this e-mail".to_owned(),
            remedy: "give one of the two another e-mail in Entra".to_owned(),
            people: Counted::default(),
        };
        self.reason(user, reason);
    }

    fn count_failed(&mut self) {
        self.found.in_scope += 1;
        self.found.would_fail += 1;
    }
}
