//! Profile photos: what is known of a contact's photo, and how far a connection's photos were
//! looked at.
//!
//! A photo is no field. No delta tells of it, it has a pace of its own, and what keeps it from being
//! read (a permission, a mailbox) keeps nothing else.

mod lane;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::{AccountId, ConnectionId, ContactId};

pub use lane::{OpenPhotoWalk, PhotoHindrance, PhotoLane, PhotoTrouble, PhotoWalk};

/// The largest photo that is kept, in bytes. Microsoft 365 takes none of more than 4 MB
/// (Graph: Update profilePhoto).
pub const LARGEST: usize = 4 * 1024 * 1024;

/// Who was looked at so recently is passed over: less than a day, so that a daily run that begins
/// somewhat earlier than yesterday's finds everybody due.
pub const FRESH: SignedDuration = SignedDuration::from_hours(20);

/// What kind of image a photo is, by its first bytes: what a server says of it decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageType {
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// PNG.
    #[serde(rename = "image/png")]
    Png,
    /// GIF.
    #[serde(rename = "image/gif")]
    Gif,
}

impl ImageType {
    /// Of these bytes; `None` where they are no image that browsers show and nothing else.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        [
            (Self::Jpeg, b"\xFF\xD8\xFF".as_slice()),
            (Self::Png, b"\x89PNG\r\n\x1A\n"),
            (Self::Gif, b"GIF87a"),
            (Self::Gif, b"GIF89a"),
        ]
        .into_iter()
        .find_map(|(kind, magic)| bytes.starts_with(magic).then_some(kind))
    }

    /// The media type (RFC 2046).
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
        }
    }

    /// What the names of such files end with, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
        }
    }
}

/// A photo that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Its media type.
    pub content_type: ImageType,
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of its bytes (hexadecimal).
    pub digest: String,
}

/// What stands of a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PhotoState {
    /// It was found for the first time, and is being stored.
    Expected,
    /// It is kept.
    Present,
    /// The person has none.
    None,
    /// There is something that cannot be kept.
    Unavailable,
}

/// Why something cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unfit {
    /// It is neither JPEG nor PNG nor GIF.
    NotAnImage,
    /// It is larger than [`LARGEST`].
    TooLarge,
}

impl Unfit {
    /// For people.
    pub fn told(self) -> &'static str {
        match self {
            Self::NotAnImage => "not an image: neither JPEG nor PNG nor GIF",
            Self::TooLarge => "larger than 4 MB",
        }
    }
}

/// What a look at a person's photo found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// No photo.
    None,
    /// A photo to keep.
    Image(Image),
    /// Something that cannot be kept.
    Unfit(Unfit),
}

impl Finding {
    /// What an answer of the directory comes to; `None`: the person has no photo.
    pub fn of(bytes: Option<&[u8]>) -> Self {
        let Some(bytes) = bytes else { return Self::None };
        if bytes.len() > LARGEST {
            return Self::Unfit(Unfit::TooLarge);
        }
        match ImageType::of(bytes) {
            None => Self::Unfit(Unfit::NotAnImage),
            Some(content_type) => {
                let digest = Sha256::digest(bytes);
                let digest = digest
                    .iter()
                    .fold(String::with_capacity(64), |digits, byte| format!("{digits}{byte:02x}"));
                let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                Self::Image(Image { content_type, size, digest })
            }
        }
    }
}

/// What is known of a contact's photo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactPhoto {
    /// Whose.
    pub account_id: AccountId,
    /// Which contact's.
    pub contact_id: ContactId,
    /// Through which connection it was looked at.
    pub connection_id: ConnectionId,
    /// Raised by every change; begins at the milliseconds of the first look, so that a contact that
    /// comes back goes on above what was told of it before.
    pub version: u64,
    /// What stands.
    pub state: PhotoState,
    /// Why it cannot be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<Unfit>,
    /// The photo that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// When the person was looked at last.
    pub checked_at: Timestamp,
    /// Since when it is so.
    pub changed_at: Timestamp,
}

impl ContactPhoto {
    /// What is known before the first photo is stored, or where there is none.
    pub fn first(
        (account, connection): (&AccountId, &ConnectionId),
        contact: &ContactId,
        finding: &Finding,
        now: Timestamp,
    ) -> Self {
        let first = Self {
            account_id: account.clone(),
            contact_id: contact.clone(),
            connection_id: connection.clone(),
            version: u64::try_from(now.as_millisecond()).unwrap_or(1),
            state: PhotoState::Expected,
            unfit: None,
            image: None,
            checked_at: now,
            changed_at: now,
        };
        match finding {
            Finding::Image(_) => first,
            Finding::None | Finding::Unfit(_) => first.found(finding),
        }
    }

    fn found(self, finding: &Finding) -> Self {
        let (state, image, unfit) = match finding {
            Finding::None => (PhotoState::None, None, None),
            Finding::Image(image) => (PhotoState::Present, Some(image.clone()), None),
            Finding::Unfit(unfit) => (PhotoState::Unavailable, None, Some(*unfit)),
        };
        Self { state, unfit, image, ..self }
    }

    /// The same after another finding.
    #[must_use]
    pub fn changed(self, connection: &ConnectionId, finding: &Finding, now: Timestamp) -> Self {
        let next = Self {
            version: self.version + 1,
            connection_id: connection.clone(),
            checked_at: now,
            changed_at: now,
            ..self
        };
        next.found(finding)
    }

    /// Whether a finding is what stands already.
    pub fn is(&self, finding: &Finding) -> bool {
        match (self.state, finding) {
            (PhotoState::None, Finding::None) => true,
            (PhotoState::Present, Finding::Image(image)) => self.image.as_ref() == Some(image),
            (PhotoState::Unavailable, Finding::Unfit(unfit)) => self.unfit == Some(*unfit),
            (
                PhotoState::Expected
                | PhotoState::None
                | PhotoState::Present
                | PhotoState::Unavailable,
                _,
            ) => false,
        }
    }

    /// Whether the person is to be looked at again. Whose photo was being stored is due at once.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.state == PhotoState::Expected || now.duration_since(self.checked_at) >= FRESH
    }
}

#[cfg(test)]
mod tests;
