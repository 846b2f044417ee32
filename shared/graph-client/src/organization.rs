//! The tenant's own record, and how much there is in it.

use contact_sync_domain::id::TenantId;
use contact_sync_domain::run::GraphCost;
use contact_sync_engine::port::{Clock, DirectoryError, GraphBudget, Organization};
use serde::Deserialize;

use crate::call::{Call, Unusable};
use crate::client::GraphClient;
use crate::credential::CredentialSource;
use crate::page::read_page;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireOrganization {
    id: TenantId,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    verified_domains: Option<Vec<WireDomain>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDomain {
    name: String,
    #[serde(default)]
    is_default: bool,
}

impl From<WireOrganization> for Organization {
    fn from(organization: WireOrganization) -> Self {
        let mut domains = organization.verified_domains.unwrap_or_default();
        domains.sort_by_key(|domain| !domain.is_default);
        Self {
            id: organization.id,
            name: organization.display_name,
            verified_domains: domains.into_iter().map(|domain| domain.name).collect(),
        }
    }
}

impl<S: CredentialSource, C: Clock, B: GraphBudget> GraphClient<S, C, B> {
    pub(crate) async fn tenant_record(
        &self,
        tenant: &TenantId,
    ) -> Result<Organization, DirectoryError> {
        let url = self.endpoints.graph("/organization?$select=id,displayName,verifiedDomains")?;
        let read = |body: &[u8]| {
            let (organizations, _) = read_page::<WireOrganization>(body)?;
            let first = organizations.into_iter().next();
            first.ok_or(Unusable::Broken("no organisation in the answer", None))
        };
        let (organization, _) =
            self.call(tenant, &Call::glance("the organisation", url), read).await?;
        Ok(organization.into())
    }

    /// `/users/$count` and the like answer a bare number.
    pub(crate) async fn count(
        &self,
        tenant: &TenantId,
        what: &'static str,
        path: &str,
    ) -> Result<(u64, GraphCost), DirectoryError> {
        let url = self.endpoints.graph(path)?;
        let call = Call { eventual: true, ..Call::glance(what, url) };
        let read = |body: &[u8]| {
            let text = String::from_utf8_lossy(body);
            let number = text.trim_start_matches('\u{feff}').trim().parse();
            number.map_err(|error: std::num::ParseIntError| {
                Unusable::Broken("the count is not a number", Some(error.into()))
            })
        };
        Ok(self.call(tenant, &call, read).await?)
    }
}
