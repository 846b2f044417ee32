//! Whose membership of a team it is about.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::Connection;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId};
use contact_sync_domain::team::Standing;

use crate::admin::explain::Explanation;
use crate::admin::{AdminError, Outside};
use crate::port::ContactStore;
use crate::sync::{contacts_of_users, present};

/// Whose membership it is about.
pub(in crate::admin) struct Person {
    pub(super) contact: Option<Contact>,
    pub(super) contact_id: Option<ContactId>,
    /// By what directories find him; `None` for a contact that is gone.
    pub(super) key: Option<String>,
}

/// Whom the text means: a contact of the account, or somebody whom only directories know.
pub(super) async fn find(
    outside: &impl Outside,
    account: &Account,
    connections: &[Connection],
    who: &str,
) -> Result<Person, AdminError> {
    let store = outside.store();
    let id = &account.id;
    if let Ok(contact_id) = ContactId::parse(who) {
        let stored = store.get(id, &contact_id).await?;
        let contact = present(stored.as_ref()).cloned();
        let key = contact.as_ref().and_then(|contact| {
            let link = contact.link.as_ref().map(|link| link.object_id.to_string());
            link.or_else(|| contact.email().map(str::to_owned))
        });
        return Ok(Person { contact, contact_id: Some(contact_id), key });
    }
    let mut candidates = Vec::new();
    if let Ok(user) = ObjectId::parse(who) {
        let users = std::slice::from_ref(&user);
        for tenant in connections.iter().filter_map(|one| one.tenant.as_ref()) {
            candidates.extend(contacts_of_users(store, id, &tenant.id, users).await?);
        }
        let stored = store.get_many(id, &candidates).await?;
        let is_his =
            |contact: &&Contact| contact.link.as_ref().is_some_and(|link| link.object_id == user);
        let found = stored.iter().filter_map(|one| present(one.as_ref())).find(is_his).cloned();
        return Ok(Person::of(found, who));
    }
    candidates.extend(store.claims(id, &[email_key(who)]).await?.into_iter().flatten());
    let stored = store.get_many(id, &candidates).await?;
    let bears = |contact: &&Contact| contact.email().map(email_key) == Some(email_key(who));
    let found = stored.iter().filter_map(|one| present(one.as_ref())).find(bears).cloned();
    Ok(Person::of(found, who))
}

impl Person {
    /// The contact, where one stands.
    pub(in crate::admin) fn contact(&self) -> Option<&Contact> {
        self.contact.as_ref()
    }

    fn of(contact: Option<Contact>, who: &str) -> Self {
        let contact_id = contact.as_ref().map(|contact| contact.id.clone());
        Self { contact, contact_id, key: Some(who.to_owned()) }
    }

    /// How the contact stands to a connection, and its user there.
    pub(super) fn standing(&self, connection: &ConnectionId) -> (Standing, Option<&ObjectId>) {
        let contact = self.contact.as_ref();
        contact.map_or((Standing::Unlinked, None), |contact| Standing::of(contact, connection))
    }

    /// Takes the contact over that a directory's user turned out to have.
    pub(super) fn learn(&mut self, connection: &ConnectionId, told: Option<&Explanation>) {
        let Some(told) = told.filter(|_| self.contact.is_none()) else { return };
        let user = told.user.as_ref().map(|user| &user.id);
        let is_his =
            |contact: &&Contact| user.is_some_and(|user| contact.is_linked_to(connection, user));
        if let Some(contact) = told.contact.as_ref().filter(is_his) {
            self.contact_id = Some(contact.id.clone());
            self.contact = Some(contact.clone());
        }
    }
}
