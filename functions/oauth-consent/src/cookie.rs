//! The cookie that ties a return to the browser that started.

use http::{HeaderMap, header};

use crate::site::Site;

/// Two ways through Microsoft's pages, fifteen minutes each.
const MAX_AGE_SECONDS: u32 = 1_800;

/// `__Host-` lets no other host or path set it; plain http on loopback cannot have it.
fn name(site: &Site) -> &'static str {
    if site.is_secure() { "__Host-ecs-consent" } else { "ecs-consent" }
}

/// What sets the cookie.
pub(crate) fn set(site: &Site, value: &str) -> String {
    written(site, value, MAX_AGE_SECONDS)
}

/// What takes it away.
pub(crate) fn clear(site: &Site) -> String {
    written(site, "", 0)
}

fn written(site: &Site, value: &str, max_age: u32) -> String {
    let secure = if site.is_secure() { "; Secure" } else { "" };
    format!("{}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}", name(site))
}

/// The cookie a browser brought.
pub(crate) fn read<'a>(site: &Site, headers: &'a HeaderMap) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name(site))
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}
