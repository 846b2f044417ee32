//! The terms on which a connection's runs decide people. Whoever says what a run would do (reviews,
//! validation, the explanation of one person) says it on the same terms.

use contact_sync_domain::contact::{Contact, LinkState};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::reconcile::{
    Claimant, Found, Rules, Tie, View, blank_item, hex, user_address,
};
use contact_sync_domain::routing::Rivals;
use contact_sync_domain::scope::Memberships;
use contact_sync_domain::segment::{Outcome, SegmentItem};

/// By what people are decided, and for whom.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// Whose contacts.
    pub(crate) account: &'a AccountId,
    /// Through what is linked.
    pub(crate) tie: Tie<'a>,
    /// The settings' rules.
    pub(crate) rules: &'a Rules,
    /// Who is in the groups of the scope.
    pub(crate) memberships: &'a Memberships,
    /// The tenant's other connections.
    pub(crate) rivals: &'a Rivals,
    /// Whether people are decided as if nothing were known of them.
    pub(crate) afresh: bool,
}

impl Terms<'_> {
    /// What becomes of one person, given his contact and the others that he may lead to.
    pub(crate) fn decide<'c>(
        &self,
        user: &DirectoryUser,
        view: &View,
        (contact_id, existing, candidates): (&ContactId, Option<&Contact>, &[&Contact]),
        claimant_of: impl Fn(&str) -> Claimant<'c>,
    ) -> SegmentItem {
        match view {
            View::Unknown { attribute } => SegmentItem {
                reason: Some(format!("Entra did not tell `{attribute}` of this person")),
                remedy: Some("grant our application User.Read.All again".to_owned()),
                email: user_address(user),
                ..blank_item(&user.id, None, Outcome::Failed)
            },
            View::Failed { because } => SegmentItem {
                reason: Some(because.clone()),
                remedy: Some(
                    "correct the value of this user in Entra, or the condition in the settings"
                        .to_owned(),
                ),
                email: user_address(user),
                ..blank_item(&user.id, existing.map(|contact| contact.id.clone()), Outcome::Failed)
            },
            View::Out { cause, because } => {
                let item = self.rules.decide_gone(&user.id, existing, *cause, because, self.tie);
                SegmentItem { email: user_address(user), ..item }
            }
            View::In(wanted) => {
                // A delta has no index: the contact itself tells whether anything moved.
                let is_same = |contact: &Contact| {
                    contact.is_linked_to(self.tie.connection, &user.id)
                        && contact.link.as_ref().is_some_and(|link| link.state == LinkState::Linked)
                        && contact.sync.as_ref().and_then(|sync| sync.fingerprint.as_deref())
                            == Some(&hex(wanted.fingerprint))
                };
                if !self.afresh && existing.is_some_and(is_same) {
                    let id = existing.map(|contact| contact.id.clone());
                    let item = blank_item(&user.id, id, Outcome::Unchanged);
                    return SegmentItem { awaits: user.manager_without_contact(), ..item };
                }
                if let Some(item) = self.contested(user, existing) {
                    return item;
                }
                let is_taken = |key: &str| claimant_of(key) != Claimant::Nobody;
                let known = (existing, candidates);
                let wanted = &*self.rules.choosing(user, wanted, known, is_taken);
                let claimant = match self.rules.wanted_email_key(wanted, existing) {
                    Some(key) => claimant_of(&key),
                    None => Claimant::Nobody,
                };
                let found = Found { contact_id, existing, claimant, candidates };
                let item = self.rules.decide(user, wanted, found, self.tie);
                SegmentItem { awaits: user.manager_without_contact(), ..item }
            }
        }
    }
}
