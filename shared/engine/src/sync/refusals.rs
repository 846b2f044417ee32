//! Refusals that are over: what led to the question is no more, so that it is asked anew when it
//! comes again.

use contact_sync_domain::id::ContactId;
use contact_sync_domain::reconcile::View;
use contact_sync_domain::review::Rejected;

use super::pass::Pass;
use super::people::Person;
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, DecisionStore, Directory, Randomness};

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Forgets that the contacts of these people are to stay active, of those whose accounts are
    /// enabled again, and that they are to stay inactive, of those who left or are disabled again.
    /// Nothing is asked of the store where nothing of the kind was refused.
    pub(super) async fn forget_overcome(
        &self,
        pass: &mut Pass,
        people: &[Person],
        contacts: &[ContactId],
    ) -> Result<(), Stop> {
        let overcome = people.iter().zip(contacts).filter_map(|(person, contact)| match person {
            Person::Here(_, View::In(wanted)) => pass.rules.overcome(Some(wanted), contact),
            Person::Here(_, View::Out { .. }) | Person::Gone(..) => {
                pass.rules.overcome(None, contact)
            }
            Person::Here(_, View::Unknown { .. } | View::Failed { .. }) => None,
        });
        for refused in overcome.collect::<Vec<Rejected>>() {
            self.stores.forget_refusal(&pass.connection.id, &refused).await?;
            pass.rules.forget(&refused);
        }
        Ok(())
    }
}
