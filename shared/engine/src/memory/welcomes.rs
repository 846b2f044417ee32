//! Who was welcomed, and with which words.

use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::welcome::{Welcome, WelcomeTemplate};

use super::{MemoryStore, World, page};
use crate::port::{StoreError, WelcomeClaim, WelcomeFilter, WelcomePage, WelcomeStore};

/// Puts a welcome over the version before it.
fn put(world: &mut World, welcome: &Welcome) -> bool {
    let place = (welcome.account_id.clone(), welcome.contact_id.clone());
    let before = world.welcomes.get(&place).map_or(0, |standing| standing.version);
    let may = !world.loses_race() && before + 1 == welcome.version;
    if may {
        world.welcomes.insert(place, welcome.clone());
    }
    may
}

impl WelcomeStore for MemoryStore {
    async fn welcome_template(
        &self,
        account: &AccountId,
    ) -> Result<Option<WelcomeTemplate>, StoreError> {
        Ok(self.up()?.welcome_templates.get(account).cloned())
    }

    async fn put_welcome_template(
        &self,
        account: &AccountId,
        template: &WelcomeTemplate,
    ) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let before = world.welcome_templates.get(account).map_or(0, |standing| standing.version);
        let may = !world.loses_race() && before + 1 == template.version;
        if may {
            world.welcome_templates.insert(account.clone(), template.clone());
        }
        Ok(may)
    }

    async fn welcome(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<Option<Welcome>, StoreError> {
        Ok(self.up()?.welcomes.get(&(account.clone(), contact.clone())).cloned())
    }

    async fn claim_welcome(&self, welcome: &Welcome) -> Result<WelcomeClaim, StoreError> {
        let mut world = self.up()?;
        let address = welcome.address.clone().unwrap_or_default();
        let address = (welcome.account_id.clone(), address);
        let owner = world.welcomed_addresses.get(&address);
        if owner.is_some_and(|owner| owner.as_ref() != Some(&welcome.contact_id)) {
            return Ok(WelcomeClaim::AddressWelcomed);
        }
        if !put(&mut world, welcome) {
            return Ok(WelcomeClaim::Theirs);
        }
        world.welcomed_addresses.insert(address, Some(welcome.contact_id.clone()));
        Ok(WelcomeClaim::Ours)
    }

    async fn settle_welcome(&self, welcome: &Welcome) -> Result<bool, StoreError> {
        Ok(put(&mut *self.up()?, welcome))
    }

    async fn welcomes(
        &self,
        account: &AccountId,
        filter: &WelcomeFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<WelcomePage>, StoreError> {
        let world = self.up()?;
        let own = world.welcomes.values().filter(|one| one.account_id == *account);
        let meant: Vec<Welcome> = own.filter(|one| filter.holds(one)).cloned().collect();
        let page = page(meant, cursor, limit);
        Ok(page.map(|(welcomes, cursor)| WelcomePage { welcomes, cursor }))
    }

    async fn forget_welcome(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let World { welcomes, welcomed_addresses, .. } = &mut *world;
        let Some(welcome) = welcomes.get_mut(&(account.clone(), contact.clone())) else {
            return Ok(false);
        };
        let was = welcome.clone();
        welcome.forget();
        if let Some(address) = was.address.clone() {
            welcomed_addresses.insert((account.clone(), address), None);
        }
        Ok(was != *welcome)
    }
}
