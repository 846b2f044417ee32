//! Administrative units: all of them, one, and who is in it.
//!
//! The members are read without a cast to users: that would be an advanced query, which asks an index
//! that lags behind. Their type tells who is a user.

use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_engine::port::{
    AdministrativeUnit, AdministrativeUnits, Clock, DirectoryError, GraphBudget, Lane, MemberPage,
    UnitPage,
};
use serde::Deserialize;

use crate::call::Call;
use crate::client::GraphClient;
use crate::credential::CredentialSource;
use crate::groups::sorted;
use crate::page::{no_json, read_page};

#[derive(Deserialize)]
struct WireUnit {
    id: ObjectId,
    #[serde(default, rename = "displayName")]
    display_name: Option<String>,
}

impl From<WireUnit> for AdministrativeUnit {
    fn from(unit: WireUnit) -> Self {
        Self { id: unit.id, display_name: unit.display_name }
    }
}

impl<S: CredentialSource, C: Clock, B: GraphBudget> AdministrativeUnits for GraphClient<S, C, B> {
    async fn units(
        &self,
        tenant: &TenantId,
        link: Option<&str>,
    ) -> Result<UnitPage, DirectoryError> {
        let url = match link {
            Some(link) => self.endpoints.follow(link)?,
            None => self
                .endpoints
                .graph("/directory/administrativeUnits?$select=id,displayName&$top=999")?,
        };
        let call = Call::glance("the administrative units", url);
        let read = |body: &[u8]| {
            let (units, links) = read_page::<WireUnit>(body)?;
            Ok((units, links.of_listing(&self.endpoints, link.unwrap_or_default())?))
        };
        let ((units, next), cost) = self.call(tenant, &call, read).await?;
        let units = units.into_iter().map(AdministrativeUnit::from).collect();
        Ok(UnitPage { units, next, cost })
    }

    async fn find_unit(
        &self,
        tenant: &TenantId,
        unit: &ObjectId,
    ) -> Result<Option<AdministrativeUnit>, DirectoryError> {
        let path = format!("/directory/administrativeUnits/{unit}?$select=id,displayName");
        let call = Call::get("an administrative unit", self.endpoints.graph(&path)?);
        let read = |body: &[u8]| serde_json::from_slice::<WireUnit>(body).map_err(no_json);
        match self.call(tenant, &call, read).await {
            Ok((unit, _)) => Ok(Some(unit.into())),
            Err(failure) => match failure.error {
                DirectoryError::NotFound { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    async fn unit_members(
        &self,
        tenant: &TenantId,
        unit: &ObjectId,
        link: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        let path = format!("/directory/administrativeUnits/{unit}/members?$select=id&$top=999");
        let url = match link {
            Some(link) => self.endpoints.follow(link)?,
            None => self.endpoints.graph(&path)?,
        };
        let call = Call { lane: Lane::Bulk, ..Call::get("an administrative unit's members", url) };
        let read = |body: &[u8]| {
            let (members, links) = read_page(body)?;
            let next = links.of_listing(&self.endpoints, link.unwrap_or_default())?;
            Ok((sorted(members)?, next))
        };
        let (((users, groups), next), cost) = self.call(tenant, &call, read).await?;
        Ok(MemberPage { users, groups, next, cost })
    }

    async fn count_unit(
        &self,
        tenant: &TenantId,
        unit: &ObjectId,
    ) -> Result<(u64, GraphCost), DirectoryError> {
        let path =
            format!("/directory/administrativeUnits/{unit}/members/microsoft.graph.user/$count");
        self.count(tenant, "the count of an administrative unit's users", &path).await
    }
}
