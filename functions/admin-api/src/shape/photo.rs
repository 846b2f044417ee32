//! Photos: of one contact, and how a connection's come along.

use contact_sync_domain::photo::{ContactPhoto, ImageType, PhotoHindrance, PhotoLane, PhotoState};
use jiff::Timestamp;
use serde::Serialize;

/// What is known of a contact's photo. The bytes have an address of their own.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PhotoShape {
    state: PhotoState,
    /// Why it is unavailable.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    content_type: Option<ImageType>,
    size: Option<u64>,
    digest: Option<String>,
    checked_at: Timestamp,
}

impl From<ContactPhoto> for PhotoShape {
    fn from(photo: ContactPhoto) -> Self {
        let (content_type, size, digest) = match photo.image {
            Some(image) => (Some(image.content_type), Some(image.size), Some(image.digest)),
            None => (None, None, None),
        };
        let state = match photo.state {
            // Nothing can be read yet.
            PhotoState::Expected => PhotoState::None,
            state @ (PhotoState::Present | PhotoState::None | PhotoState::Unavailable) => state,
        };
        let reason = photo.unfit.map(contact_sync_domain::photo::Unfit::told);
        Self { state, reason, content_type, size, digest, checked_at: photo.checked_at }
    }
}

/// How a connection's photos come along: absent where its settings do not ask for any.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PhotoLaneShape {
    state: LaneState,
    /// People looked at by the walk that is not over.
    looked: Option<u64>,
    finished_at: Option<Timestamp>,
    trouble: Option<TroubleShape>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum LaneState {
    /// No full run came yet since they were asked for.
    Waiting,
    /// Somebody is being looked at, or will be within minutes.
    Working,
    /// Everybody was looked at.
    Current,
    /// Photos cannot be read; everything else can.
    Unavailable,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TroubleShape {
    what: PhotoHindrance,
    reason: &'static str,
    code: String,
    fix: &'static str,
    since: Timestamp,
}

impl From<Option<PhotoLane>> for PhotoLaneShape {
    fn from(lane: Option<PhotoLane>) -> Self {
        let Some(lane) = lane else {
            return Self {
                state: LaneState::Waiting,
                looked: None,
                finished_at: None,
                trouble: None,
            };
        };
        let state = match (&lane.trouble, &lane.walk, lane.finished_at) {
            (Some(_), ..) => LaneState::Unavailable,
            (None, Some(_), _) => LaneState::Working,
            (None, None, Some(_)) => LaneState::Current,
            (None, None, None) => LaneState::Waiting,
        };
        Self {
            state,
            looked: lane.walk.map(|walk| walk.looked),
            finished_at: lane.finished_at,
            trouble: lane.trouble.map(|trouble| TroubleShape {
                what: trouble.what,
                reason: trouble.what.told(),
                fix: trouble.what.fix(),
                code: trouble.code,
                since: trouble.since,
            }),
        }
    }
}
