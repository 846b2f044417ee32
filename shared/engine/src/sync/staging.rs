//! Staging removals: what a page would take away only waits, until the end of the run judges all of
//! it together.

use std::collections::HashSet;

use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::segment::{LinkChange, Outcome, Phase, Segment, SegmentItem};
use contact_sync_domain::settings::RemovalAction;
use serde::{Deserialize, Serialize};

use super::apply::{is_gone, turns_inactive};
use super::page::pending;
use super::pass::Pass;
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, PendingKind, PendingStore, Randomness};

/// A removal that waits for the judgement at the end of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StagedRemoval {
    pub(super) contact_id: ContactId,
    pub(super) action: RemovalAction,
    pub(super) reason: Option<String>,
    pub(super) link: Option<LinkChange>,
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Destructive outcomes of a page only wait: they are judged together at the end of the run.
    /// So do updates that make a contact inactive, with whatever else they change.
    pub(super) async fn stage_removals(
        &self,
        pass: &mut Pass,
        items: Vec<SegmentItem>,
    ) -> Result<Vec<SegmentItem>, Stop> {
        let mut staged = Vec::new();
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            let action = match item.outcome {
                Outcome::Unlink => RemovalAction::Unlink,
                Outcome::Deactivate => RemovalAction::Deactivate,
                Outcome::Delete => RemovalAction::Delete,
                _ if turns_inactive(&item) => RemovalAction::Deactivate,
                _ => {
                    kept.push(item);
                    continue;
                }
            };
            let Some(contact_id) = item.contact_id.clone() else { continue };
            let left_directory = is_gone(&item);
            staged.push(pending(
                &item.object_id,
                &StagedRemoval {
                    contact_id,
                    action,
                    reason: item.reason.clone(),
                    link: item.link.clone(),
                },
            )?);
            if item.outcome == Outcome::Update {
                kept.push(waiting_update(item));
                continue;
            }
            kept.push(SegmentItem {
                outcome: if left_directory { Outcome::Keep } else { Outcome::Skipped },
                link: None,
                ..item
            });
        }
        if !staged.is_empty() {
            let users = self.staged(pass).await?;
            users.extend(staged.iter().filter_map(|item| ObjectId::parse(&item.key).ok()));
            self.stores.put_pending(&pass.connection.id, PendingKind::Removal, &staged).await?;
        }
        Ok(kept)
    }

    /// Whoever is in scope again is no removal any more.
    pub(super) async fn unstage_returned(
        &self,
        pass: &mut Pass,
        segment: &Segment,
        items: impl Iterator<Item = &SegmentItem>,
    ) -> Result<(), Stop> {
        if segment.phase == Phase::Judgement {
            return Ok(());
        }
        let returned: Vec<ObjectId> = items
            .filter(|item| {
                matches!(
                    item.outcome,
                    Outcome::Create | Outcome::Update | Outcome::Unchanged | Outcome::Failed
                )
            })
            .map(|item| item.object_id.clone())
            .collect();
        let staged = self.staged(pass).await?;
        let back: Vec<String> =
            returned.iter().filter(|user| staged.remove(user)).map(ToString::to_string).collect();
        if !back.is_empty() {
            self.stores.delete_pending(&pass.connection.id, PendingKind::Removal, &back).await?;
        }
        Ok(())
    }

    async fn staged<'p>(&self, pass: &'p mut Pass) -> Result<&'p mut HashSet<ObjectId>, Stop> {
        if pass.staged.is_none() {
            let items = self.stores.pending(&pass.connection.id, PendingKind::Removal).await?;
            let users = items.iter().filter_map(|item| ObjectId::parse(&item.key).ok()).collect();
            pass.staged = Some(users);
        }
        Ok(pass.staged.get_or_insert_default())
    }
}

/// What a page tells of somebody in scope whose contact is to become inactive, until the end of the
/// run decides: nothing is written, so that the next page or run finds all of it again.
fn waiting_update(item: SegmentItem) -> SegmentItem {
    SegmentItem {
        outcome: Outcome::AwaitingReview,
        reason: Some("this change waits for the removal guard".to_owned()),
        link: None,
        status: None,
        fingerprint: None,
        adopted: false,
        ..item
    }
}
