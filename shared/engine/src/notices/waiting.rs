//! Looking at what waits for people.

use contact_sync_domain::id::ConnectionId;
use contact_sync_domain::notice::{OpenList, Told};
use contact_sync_domain::review::ReviewList;
use contact_sync_domain::settings::{ChangeMode, Settings};

use super::{NoticeError, NoticeStores};

/// So many waiting decisions of a list are counted; of more it is said that there are more. A list is
/// in no order of time: what is not looked at may be the news. All of these are some fifty requests.
const MOST_COUNTED: u64 = 50_000;

/// Of a list that stands it is enough to know that there are many.
const MOST_STANDING: u64 = 1_000;

/// How many waiting decisions are read at a time: as many as a megabyte holds.
const PAGE: u16 = 1_000;

/// The lists in which something waits, as far as people may decide there; `told` is what they
/// believe of them.
pub(super) async fn waiting(
    stores: &impl NoticeStores,
    id: &ConnectionId,
    settings: &Settings,
    told: Option<&Told>,
) -> Result<Vec<OpenList>, NoticeError> {
    let mut lists = Vec::new();
    for list in ReviewList::ALL.into_iter().filter(|list| *list != ReviewList::Ignored) {
        lists.extend(open(stores, id, list, stands(list, settings), told).await?);
    }
    Ok(lists)
}

/// Whether people leave what waits there as long as they like: whoever has no contact where none
/// is made by itself.
pub(super) fn stands(list: ReviewList, settings: &Settings) -> bool {
    list == ReviewList::Available && settings.policies.create != ChangeMode::Auto
}

async fn open(
    stores: &impl NoticeStores,
    id: &ConnectionId,
    list: ReviewList,
    stands: bool,
    told: Option<&Told>,
) -> Result<Option<OpenList>, NoticeError> {
    let seen = match told {
        Some(Told::Waiting { lists, .. }) => lists.get(&list).map(|seen| seen.seen),
        Some(_) | None => None,
    };
    let most = if stands { MOST_STANDING } else { MOST_COUNTED };
    let mut found: Option<OpenList> = None;
    let mut cursor: Option<String> = None;
    loop {
        let page = stores.reviews(id, list, cursor.as_deref(), PAGE).await?;
        let Some(page) = page else { return Ok(found) };
        for item in page.items {
            let (oldest, newest) = (item.since, item.since);
            let first = OpenList { list, count: 0, more: false, oldest, newest, stands };
            let open = found.get_or_insert(first);
            open.count += 1;
            open.oldest = open.oldest.min(item.since);
            open.newest = open.newest.max(item.since);
        }
        cursor = page.cursor;
        let Some(open) = found.as_mut().filter(|_| cursor.is_some()) else { return Ok(found) };
        // Of a list that stands it is enough to know that it still does.
        let is_known = stands && seen.is_some_and(|seen| open.oldest <= seen);
        if is_known || open.count >= most {
            open.more = true;
            return Ok(found);
        }
    }
}
