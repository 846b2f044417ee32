//! Who is let in: whom the operator's issuer vouches for, nobody else.

use entra_contact_sync_local::job::Problem;
use reqwest::StatusCode;

use crate::installation::Deployed;

/// Calls the REST API as nobody, with a token that was tampered with, as a viewer and as an admin.
pub(crate) async fn check(
    deployed: &Deployed,
    http: &reqwest::Client,
    viewer: &str,
) -> Result<String, Problem> {
    let admin = deployed.token.as_str();
    let (signed, signature) = admin.rsplit_once('.').unwrap_or_default();
    let tampered = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    let cases = [
        ("nobody", None, StatusCode::UNAUTHORIZED),
        ("a forger", Some(tampered.as_str()), StatusCode::UNAUTHORIZED),
        ("a viewer", Some(viewer), StatusCode::FORBIDDEN),
        // Let in; the empty account is what is wrong then.
        ("an admin", Some(admin), StatusCode::UNPROCESSABLE_ENTITY),
    ];
    for (who, token, expected) in cases {
        let mut request =
            http.post(format!("{}/v1/accounts", deployed.url)).json(&serde_json::json!({}));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let status = request.send().await?.status();
        if status != expected {
            return Err(Problem::wrong(format!("{who} was answered {status}, not {expected}")));
        }
    }
    let health = http.get(format!("{}/health", deployed.url)).send().await?.status();
    if health != StatusCode::OK {
        return Err(Problem::wrong(format!("/health answered {health}")));
    }
    Ok("401 for nobody and a forger, 403 for a viewer".to_owned())
}
