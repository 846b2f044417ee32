//! Cutting a contact's tie although nobody was asked about it.

use contact_sync_domain::account::Account;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{ContactId, ReviewId};
use contact_sync_domain::review::{ReviewAction, ReviewItem, ReviewList, ReviewUser};

use super::ReviewRequest;
use super::desk::Desk;
use super::list::ignored_by_settings;
use crate::admin::contacts::contact;
use crate::admin::{AdminError, Caller, Outside, Precondition};
use crate::port::ReviewStore;

/// Cuts the tie between a contact and its user, who goes on the connection's ignore list; the contact
/// keeps its fields. It is told and taken back as what people decide in the list of changes. A contact
/// without a tie is answered as it is.
pub async fn unlink_contact(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    id: &ContactId,
    precondition: &Precondition,
) -> Result<Contact, AdminError> {
    let old = contact(outside.store(), &account.id, id).await?;
    if !precondition.holds(old.version) {
        return Err(AdminError::Stale);
    }
    let Some(link) = &old.link else { return Ok(old) };
    let desk = Desk::open(outside, caller, account, &link.connection_id).await?;
    let user = &link.object_id;
    let asked = desk.standing(&ReviewId::of(user)).await?;
    let connection = &desk.connection.id;
    let item = ReviewItem {
        list: ReviewList::Changes,
        version: old.version,
        user: ReviewUser::of_contact(user, &old),
        contact_id: Some(id.clone()),
        suggested: None,
        reason: None,
        ..ignored_by_settings(&account.id, connection, &desk.settings, user.clone())
    };
    let request = ReviewRequest {
        contact_version: Some(old.version),
        ..ReviewRequest::of_list(ReviewAction::Unlink, &item)
    };
    let decided = desk.decide(&item, &request, None, None).await?;
    // Whatever waited about the user is decided with it.
    if let Some(asked) = asked.filter(|asked| asked.list != ReviewList::Ignored) {
        outside.store().delete_review(&asked).await?;
    }
    decided.contact.ok_or(AdminError::NotFound("contact"))
}
