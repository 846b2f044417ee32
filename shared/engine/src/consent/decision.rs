//! What decides consent, without any store or sign-in.

use contact_sync_domain::connection::{Connection, ConnectionAction, Tenant};
use contact_sync_domain::id::TenantId;
use jiff::Timestamp;

use super::Refusal;
use super::callback::Callback;

/// The role templates whose holders can consent to Graph's application permissions (Entra: built-in
/// roles): Global Administrator, Privileged Role Administrator.
const CONSENTING_ROLES: [&str; 2] =
    ["62e90394-69f5-4237-9190-012177145e10", "e8611ab8-c189-46e8-94e1-60213ab1f814"];

/// The tenant that the consent page's return names, as a hint. `admin_consent=True` alone says
/// nothing, it comes with errors too; errors were looked at before.
pub(super) fn consented_tenant(callback: &Callback<'_>) -> Result<TenantId, Refusal> {
    let consented = callback.admin_consent.is_some_and(|text| text.eq_ignore_ascii_case("true"));
    match callback.tenant.map(TenantId::parse) {
        Some(Ok(tenant)) if consented => Ok(tenant),
        Some(_) | None => Err(Refusal::MalformedReturn),
    }
}

/// A connection that has a tenant keeps it; one that was asked for by its id gets no other.
pub(super) fn may_connect(connection: &Connection, tenant: &TenantId) -> Result<(), Refusal> {
    let wanted = match &connection.tenant {
        Some(known) => Some(known.id.clone()),
        // A domain is checked by Microsoft, in whose address it stands.
        None => connection.wanted_tenant.as_deref().and_then(|text| TenantId::parse(text).ok()),
    };
    match wanted {
        Some(wanted) if wanted != *tenant => Err(Refusal::WrongTenant),
        Some(_) | None => Ok(()),
    }
}

/// Whether the roles in the token prove an administrator. A missing list proves nothing either way.
pub(super) fn prove_admin(roles: Option<&[String]>) -> Result<(), Refusal> {
    let roles = roles.ok_or(Refusal::AdminNotProven)?;
    let consenting = |role: &String| {
        CONSENTING_ROLES.iter().any(|known| known.eq_ignore_ascii_case(role.trim()))
    };
    if roles.iter().any(consenting) { Ok(()) } else { Err(Refusal::NotAnAdmin) }
}

/// The connection once its tenant is proven.
pub(super) fn authorized(
    connection: &Connection,
    tenant: &TenantId,
    now: Timestamp,
) -> Result<Connection, Refusal> {
    may_connect(connection, tenant)?;
    let before = connection.attention.as_ref().map(|attention| attention.before);
    let status = connection
        .status
        .after(ConnectionAction::Authorize, before)
        .map_err(|_refused| Refusal::DeadLink)?;
    let mut next = connection.clone();
    next.status = status;
    next.attention = None;
    next.tenant.get_or_insert_with(|| Tenant {
        id: tenant.clone(),
        name: None,
        verified_domains: Vec::new(),
        user_count: None,
        group_count: None,
    });
    next.authorized_at = Some(now);
    next.updated_at = now;
    next.version += 1;
    Ok(next)
}

/// The number in Microsoft's error text: digits only, so that it can be shown.
pub(super) fn aadsts_number(description: Option<&str>) -> Option<u32> {
    let (_, rest) = description?.split_once("AADSTS")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use contact_sync_domain::connection::{Attention, ConnectionStatus};

    use super::*;
    use crate::consent::fakes::{connection, tenant};

    const GLOBAL: &str = "62e90394-69f5-4237-9190-012177145e10";
    const ORDINARY: &str = "b79fbf4d-3ef9-4689-8143-76b194e85509";

    fn roles(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_a_named_consenting_role_proves_an_admin() {
        for (given, expected) in [
            (Some(vec![GLOBAL]), Ok(())),
            (Some(vec![ORDINARY, "E8611AB8-C189-46E8-94E1-60213AB1F814"]), Ok(())),
            (Some(vec![ORDINARY]), Err(Refusal::NotAnAdmin)),
            (Some(vec![]), Err(Refusal::NotAnAdmin)),
            (Some(vec!["", " ", "null"]), Err(Refusal::NotAnAdmin)),
            (None, Err(Refusal::AdminNotProven)),
        ] {
            let owned = given.clone().map(|names| roles(&names));
            assert_eq!(prove_admin(owned.as_deref()), expected, "{given:?}");
        }
    }

    #[test]
    fn a_connection_keeps_its_tenant_and_what_was_asked_for() {
        let mut fresh = connection();
        assert_eq!(may_connect(&fresh, &tenant(1)), Ok(()));
        fresh.wanted_tenant = Some("contoso.com".into());
        assert_eq!(may_connect(&fresh, &tenant(1)), Ok(()));
        fresh.wanted_tenant = Some(tenant(1).as_str().to_ascii_uppercase());
        assert_eq!(may_connect(&fresh, &tenant(1)), Ok(()));
        assert_eq!(may_connect(&fresh, &tenant(2)), Err(Refusal::WrongTenant));
        let known = authorized(&fresh, &tenant(1), fresh.created_at).unwrap();
        assert_eq!(may_connect(&known, &tenant(1)), Ok(()));
        assert_eq!(authorized(&known, &tenant(2), fresh.created_at), Err(Refusal::WrongTenant));
    }

    #[test]
    fn a_new_consent_mends_attention_and_keeps_what_is_known_of_the_tenant() {
        let mut broken = authorized(&connection(), &tenant(1), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(broken.status, ConnectionStatus::Authorized);
        broken.status = ConnectionStatus::Attention;
        broken.attention = Some(Attention {
            reason: "consent-lost".into(),
            fix: "consent again".into(),
            before: ConnectionStatus::Enabled,
            since: Timestamp::UNIX_EPOCH,
        });
        broken.tenant.as_mut().unwrap().name = Some("Contoso".into());
        let now = Timestamp::from_second(99).unwrap();
        let mended = authorized(&broken, &tenant(1), now).unwrap();
        assert_eq!((mended.status, mended.attention), (ConnectionStatus::Enabled, None));
        assert_eq!(mended.tenant.unwrap().name.as_deref(), Some("Contoso"));
        assert_eq!((mended.authorized_at, mended.version), (Some(now), broken.version + 1));
    }

    #[test]
    fn only_digits_of_microsofts_text_are_kept() {
        let text = "AADSTS65004: <script>alert(1)</script>";
        assert_eq!(aadsts_number(Some(text)), Some(65_004));
        for text in ["AADSTS<b>", "The admin canceled the request", "AADSTS99999999999999: x", ""] {
            assert_eq!(aadsts_number(Some(text)), None, "{text}");
        }
    }
}
