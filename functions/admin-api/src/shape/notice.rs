//! Notices.

use contact_sync_domain::id::{ConnectionId, NoticeId, RunId};
use contact_sync_domain::notice::{Notice, NoticeKind};
use jiff::Timestamp;
use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NoticeShape {
    id: NoticeId,
    connection_id: ConnectionId,
    kind: NoticeKind,
    reason: String,
    title: String,
    text: String,
    run_id: Option<RunId>,
    users: Vec<String>,
    read_by: Vec<String>,
    at: Timestamp,
}

impl From<Notice> for NoticeShape {
    fn from(notice: Notice) -> Self {
        Self {
            id: notice.id,
            connection_id: notice.connection_id,
            kind: notice.kind,
            reason: notice.reason,
            title: notice.title,
            text: notice.text,
            run_id: notice.run_id,
            users: notice.users,
            read_by: notice.read_by,
            at: notice.at,
        }
    }
}
