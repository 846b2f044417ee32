//! Which of a run's changes somebody wants to see.

use contact_sync_domain::contact::Target;
use contact_sync_domain::drift::Moved;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::GoneCause;

use super::{AppliedChange, ChangeKind, ChangeResult};

/// Which changes a list tells of: those that every part lets through.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChangeFilter {
    kind: Option<ChangeKind>,
    result: Option<ChangeResult>,
    /// In lower case; a part of the reason.
    reason: Option<String>,
    field: Option<Target>,
    contact: Option<ContactId>,
    user: Option<ObjectId>,
    cause: Option<GoneCause>,
    moved: Option<Moved>,
}

impl ChangeFilter {
    /// The names of the parameters that a filter is read from.
    pub const PARAMETERS: [&str; 8] =
        ["kind", "result", "reason", "field", "contact", "user", "cause", "moved"];

    /// Reads a filter from what a caller gives for each parameter.
    ///
    /// # Errors
    /// What the first parameter that cannot be read should be, in a sentence.
    pub fn read<'a>(given: impl Fn(&str) -> Option<&'a str>) -> Result<Self, String> {
        let expected = |name: &str, what: &str| format!("`{name}` is {what}.");
        let kind = given("kind").map(|word| {
            let names = ChangeKind::ALL.map(ChangeKind::name).join(", ");
            ChangeKind::parse(word).ok_or_else(|| expected("kind", &format!("one of {names}")))
        });
        let result = given("result").map(|word| {
            ChangeResult::parse(word)
                .ok_or_else(|| expected("result", "success, failed or skipped"))
        });
        let field = given("field").map(|word| {
            Target::parse(word).ok_or_else(|| expected("field", "the name of a contact's field"))
        });
        let contact = given("contact").map(|word| {
            ContactId::parse(word).ok().ok_or_else(|| expected("contact", "the id of a contact"))
        });
        let user = given("user").map(|word| {
            ObjectId::parse(word).ok().ok_or_else(|| expected("user", "the object id of a user"))
        });
        let cause = given("cause").map(|word| {
            let names = GoneCause::ALL.map(GoneCause::name).join(", ");
            GoneCause::parse(word).ok_or_else(|| expected("cause", &format!("one of {names}")))
        });
        let moved = given("moved").map(|word| {
            let names = Moved::ALL.map(Moved::name).join(", ");
            Moved::parse(word).ok_or_else(|| expected("moved", &format!("one of {names}")))
        });
        Ok(Self {
            kind: kind.transpose()?,
            result: result.transpose()?,
            reason: given("reason").map(str::to_lowercase),
            field: field.transpose()?,
            contact: contact.transpose()?,
            user: user.transpose()?,
            cause: cause.transpose()?,
            moved: moved.transpose()?,
        })
    }

    /// Whether people to whom nothing happened are asked for.
    pub(super) fn wants_quiet(&self) -> bool {
        matches!(self.kind, Some(ChangeKind::Unchanged | ChangeKind::Skipped))
    }

    /// Whether a change is to be told.
    pub(super) fn accepts(&self, change: &AppliedChange) -> bool {
        let item = &change.item;
        let fields = || item.fields.iter().chain(&item.pending);
        let reason = || change.reason.as_deref().unwrap_or_default().to_lowercase();
        self.kind.is_none_or(|kind| kind == change.kind)
            && self.result.is_none_or(|result| result == change.result)
            && self.user.as_ref().is_none_or(|user| *user == item.object_id)
            && self.contact.as_ref().is_none_or(|one| item.contact_id.as_ref() == Some(one))
            && self.field.as_ref().is_none_or(|field| fields().any(|one| one.field == *field))
            && self.cause.is_none_or(|cause| item.cause() == Some(cause))
            && self.moved.is_none_or(|side| item.sides().any(|one| one == side))
            && self.reason.as_ref().is_none_or(|part| reason().contains(part))
    }
}
