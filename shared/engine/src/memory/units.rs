//! The administrative units of the directory in memory.

use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::segment::NextStep;

use super::MemoryDirectory;
use crate::port::{AdministrativeUnit, AdministrativeUnits, DirectoryError, MemberPage, UnitPage};

impl MemoryDirectory {
    fn units_asked(&self) -> Result<(), DirectoryError> {
        if self.asked()?.hides_units {
            let code = "Authorization_RequestDenied".to_owned();
            return Err(DirectoryError::Forbidden { what: "administrative units", code });
        }
        Ok(())
    }

    fn members(&self, unit: &ObjectId) -> Result<Vec<ObjectId>, DirectoryError> {
        self.units_asked()?;
        let entra = self.entra();
        let missing = DirectoryError::NotFound { what: "an administrative unit" };
        entra.units.get(unit).map(|(_, users)| users.clone()).ok_or(missing)
    }
}

impl AdministrativeUnits for MemoryDirectory {
    async fn units(&self, _: &TenantId, _: Option<&str>) -> Result<UnitPage, DirectoryError> {
        self.units_asked()?;
        let units = self.entra().units.values().map(|(unit, _)| unit.clone()).collect();
        Ok(UnitPage { units, next: NextStep::End, cost: GraphCost::default() })
    }

    async fn find_unit(
        &self,
        _: &TenantId,
        unit: &ObjectId,
    ) -> Result<Option<AdministrativeUnit>, DirectoryError> {
        self.units_asked()?;
        Ok(self.entra().units.get(unit).map(|(unit, _)| unit.clone()))
    }

    async fn unit_members(
        &self,
        _: &TenantId,
        unit: &ObjectId,
        _: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        let users = self.members(unit)?;
        let (next, cost) = (NextStep::End, GraphCost::default());
        Ok(MemberPage { users, groups: Vec::new(), next, cost })
    }

    async fn count_unit(
        &self,
        _: &TenantId,
        unit: &ObjectId,
    ) -> Result<(u64, GraphCost), DirectoryError> {
        let count = u64::try_from(self.members(unit)?.len()).unwrap_or(u64::MAX);
        Ok((count, GraphCost::default()))
    }
}
