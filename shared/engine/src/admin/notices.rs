//! What people are told, in the product.

use contact_sync_domain::id::{AccountId, NoticeId};
use contact_sync_domain::notice::Notice;
use serde_json::Value;

use super::document::Members;
use super::{ATTEMPTS, AdminError, Page, account};
use crate::port::{AccountStore, NoticeFilter, NoticeStore};

/// The longest id of a user of the host product, in characters.
const LONGEST_USER: usize = 256;

/// A page of an account's notices, newest first.
pub async fn notices<S>(
    store: &S,
    id: &AccountId,
    filter: &NoticeFilter,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<Notice>, AdminError>
where
    S: AccountStore + NoticeStore,
{
    account(store, id).await?;
    match store.notices(id, filter, cursor, limit).await? {
        Some(page) => Ok(Page { items: page.notices, next: page.cursor }),
        None => Err(AdminError::BadCursor),
    }
}

/// Who read a notice.
pub fn read_reader(document: &Value) -> Result<String, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let user = members.text("user", LONGEST_USER);
    let problems = members.finish();
    match (user, problems.is_empty()) {
        (Some(user), true) => Ok(user),
        (Some(_) | None, _) => Err(AdminError::Invalid(problems)),
    }
}

/// Notes that a user read a notice; once more changes nothing. A notice is no business of users
/// whom it does not tell.
pub async fn mark_notice_read<S>(
    store: &S,
    account: &AccountId,
    id: &NoticeId,
    user: &str,
) -> Result<(), AdminError>
where
    S: NoticeStore,
{
    for _ in 0..ATTEMPTS {
        let found = store.notice(account, id).await?;
        let told = found.filter(|notice| notice.users.iter().any(|told| told == user));
        let Some(mut notice) = told else { return Err(AdminError::NotFound("notification")) };
        if notice.read_by.iter().any(|reader| reader == user) {
            return Ok(());
        }
        notice.read_by.push(user.to_owned());
        notice.version += 1;
        if store.update_notice(&notice).await? {
            return Ok(());
        }
    }
    Err(AdminError::Moved)
}
