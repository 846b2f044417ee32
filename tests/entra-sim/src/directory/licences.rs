//! Subscriptions to products: what a tenant bought and who holds it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::derived::draw;
use super::{Directory, WELL_KNOWN};

/// A product and its service plans.
#[derive(Debug)]
pub(crate) struct Sku {
    pub(crate) id: Uuid,
    pub(crate) part_number: &'static str,
    /// Part of what an Entra ID P1 tenant has.
    pub(crate) premium: bool,
    /// Still held by people but no longer listed for the tenant.
    pub(crate) retired: bool,
    plans: &'static [(Uuid, &'static str)],
}

const EXCHANGE: (Uuid, &str) =
    (uuid::uuid!("efb87545-963c-4e0d-99df-69c6916d9eb0"), "EXCHANGE_S_ENTERPRISE");
const PREMIUM: (Uuid, &str) = (uuid::uuid!("41781fb2-bc02-4b7c-bd55-b576c07bb09d"), "AAD_PREMIUM");
const TEAMS: (Uuid, &str) = (uuid::uuid!("57ff2da0-773e-42df-b2af-ffb7a2317929"), "TEAMS1");
const KIOSK: (Uuid, &str) =
    (uuid::uuid!("4a82b400-a79f-41a4-b4e2-e94f5787b113"), "EXCHANGE_S_DESKLESS");

/// Products of the generated tenants.
pub(crate) static SKUS: &[Sku] = &[
    Sku {
        id: uuid::uuid!("6fd2c87f-b296-42f0-b197-1e91e994b900"),
        part_number: "ENTERPRISEPACK",
        premium: false,
        retired: false,
        plans: &[EXCHANGE, TEAMS],
    },
    Sku {
        id: uuid::uuid!("06ebc4ee-1bb5-47dd-8120-11324bc54e06"),
        part_number: "SPE_E5",
        premium: true,
        retired: false,
        plans: &[EXCHANGE, TEAMS, PREMIUM],
    },
    Sku {
        id: uuid::uuid!("4b585984-651b-448a-9e53-3b10f069cf7f"),
        part_number: "DESKLESSPACK",
        premium: false,
        retired: false,
        plans: &[KIOSK, TEAMS],
    },
    Sku {
        id: uuid::uuid!("18181a46-0d4e-45cd-891e-60aabd171b4e"),
        part_number: "STANDARDPACK",
        premium: false,
        retired: true,
        plans: &[EXCHANGE],
    },
];

/// What a generated person holds, as `assignedLicenses`.
pub(crate) fn assigned(id: Uuid, premium_tenant: bool) -> Value {
    let held = match draw(id, "licence", 100) {
        0..40 => 0,
        40..65 if premium_tenant => 1,
        40..65 => 0,
        65..80 => 2,
        80..83 => 3,
        _ => return json!([]),
    };
    let Some(sku) = SKUS.get(held) else { return json!([]) };
    let disabled: Vec<Uuid> = match (sku.plans.last(), draw(id, "licence/plans", 5)) {
        (Some((plan, _)), 0) => vec![*plan],
        _ => Vec::new(),
    };
    json!([{ "skuId": sku.id, "disabledPlans": disabled }])
}

/// The skus of `assignedLicenses`.
fn held(json: &str) -> Vec<Uuid> {
    let licences: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
    let ids = licences.iter().filter_map(|licence| licence.get("skuId")?.as_str());
    ids.filter_map(|id| Uuid::try_parse(id).ok()).collect()
}

fn plans(sku: &Sku) -> Vec<Value> {
    let plan = |(id, name): &(Uuid, &str)| {
        json!({
            "servicePlanId": id, "servicePlanName": name, "provisioningStatus": "Success",
            "appliesTo": "User",
        })
    };
    sku.plans.iter().map(plan).collect()
}

/// `subscribedSkus` of a tenant, with what is consumed.
pub(crate) fn subscribed(directory: &Directory, tenant: Uuid, premium: bool) -> Vec<Value> {
    let mut consumed = [0_u32; 4];
    for user in directory.users.values().filter(|user| user.object.is_live()) {
        let json = user.object.json(WELL_KNOWN.assigned_licenses).unwrap_or("[]");
        for id in held(json) {
            let known = SKUS.iter().zip(&mut consumed).find(|(sku, _)| sku.id == id);
            if let Some((_, count)) = known {
                *count += 1;
            }
        }
    }
    let listed = SKUS.iter().zip(consumed).filter(|(sku, _)| !sku.retired);
    listed
        .filter(|(sku, _)| premium || !sku.premium)
        .map(|(sku, consumed)| {
            json!({
                "id": format!("{tenant}_{}", sku.id),
                "accountId": tenant,
                "accountName": "contoso",
                "appliesTo": "User",
                "capabilityStatus": "Enabled",
                "consumedUnits": consumed,
                "skuId": sku.id,
                "skuPartNumber": sku.part_number,
                "subscriptionIds": [Uuid::from_u128(sku.id.as_u128() ^ tenant.as_u128())],
                "prepaidUnits": {
                    "enabled": consumed + 25, "suspended": 0, "warning": 0, "lockedOut": 0,
                },
                "servicePlans": plans(sku),
            })
        })
        .collect()
}

/// `licenseDetails` of a person; a product the tenant no longer has is left out.
pub(crate) fn details(user: Uuid, assigned: &str) -> Vec<Value> {
    let held = held(assigned);
    let skus = SKUS.iter().filter(|sku| !sku.retired && held.contains(&sku.id));
    skus.map(|sku| {
        json!({
            "id": Uuid::from_u128(sku.id.as_u128() ^ user.as_u128()),
            "skuId": sku.id,
            "skuPartNumber": sku.part_number,
            "servicePlans": plans(sku),
        })
    })
    .collect()
}
