//! STS: GetWebIdentityToken, by which a role proves itself to somebody outside AWS.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::response::Response;
use http::StatusCode;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AwsRequest, AwsServices, CallCount, CallKey, Caller, unknown_operation, xml};
use crate::plan::Context;
use crate::template::{ACCOUNT_ID, REGION};

/// Who signs: AWS gives each account an address of this form.
pub const ISSUER: &str = "https://00000000-0000-4000-8000-000000000000.tokens.sts.global.api.aws";

/// STS's own limits for a token's life, and what it takes where nothing is said.
const SHORTEST: i64 = 60;
const LONGEST: i64 = 3_600;
const USUAL: i64 = 300;

/// The key that the account's tokens are signed with, made when the first one is asked for.
#[derive(Default)]
pub(crate) struct TokenSigner {
    key: OnceLock<Option<SigningKey>>,
}

struct SigningKey {
    id: String,
    encoding: EncodingKey,
    public: Value,
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TokenSigner").finish_non_exhaustive()
    }
}

impl TokenSigner {
    fn key(&self) -> Option<&SigningKey> {
        self.key.get_or_init(SigningKey::draw).as_ref()
    }

    /// The public key as the issuer's key set shows it.
    pub(crate) fn public_key(&self) -> Option<Value> {
        self.key().map(|key| key.public.clone())
    }
}

impl SigningKey {
    fn draw() -> Option<Self> {
        let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).ok()?.serialize_pem();
        let encoding = EncodingKey::from_rsa_pem(pem.as_bytes()).ok()?;
        let mut jwk = Jwk::from_encoding_key(&encoding, Algorithm::RS256).ok()?;
        let id = Uuid::new_v4().to_string();
        jwk.common.key_id = Some(id.clone());
        Some(Self { id, encoding, public: serde_json::to_value(jwk).ok()? })
    }
}

pub(super) fn serve(services: &AwsServices, request: &AwsRequest) -> Response {
    let form: BTreeMap<String, String> =
        form_urlencoded::parse(&request.body).into_owned().collect();
    let operation = form.get("Action").map(String::as_str).unwrap_or_default();
    if operation != "GetWebIdentityToken" {
        return unknown_operation("sts", operation);
    }
    services.counters.add(
        CallKey {
            caller: request.caller.name().to_owned(),
            operation: format!("sts:{operation}"),
            resource: String::new(),
        },
        CallCount { requests: 1, ..CallCount::default() },
    );
    token(services, request, &form).unwrap_or_else(|refusal| refusal)
}

fn token(
    services: &AwsServices,
    request: &AwsRequest,
    form: &BTreeMap<String, String>,
) -> Result<Response, Response> {
    let invalid = |message: &str| refusal("ValidationError", message);
    let known = |name: &str| {
        ["Action", "Version", "DurationSeconds", "SigningAlgorithm"].contains(&name)
            || name.starts_with("Audience.member.")
    };
    if let Some(unknown) = form.keys().find(|name| !known(name)) {
        return Err(unknown_operation("sts", &format!("GetWebIdentityToken with {unknown}")));
    }
    let audiences: Vec<&String> =
        form.iter().filter(|(name, _)| name.starts_with("Audience.")).map(|(_, of)| of).collect();
    if audiences.is_empty() {
        return Err(invalid("Audience must have at least one member"));
    }
    let seconds: i64 = match form.get("DurationSeconds") {
        None => USUAL,
        Some(text) => {
            text.parse().map_err(|_not_a_number| invalid("DurationSeconds is no number"))?
        }
    };
    if !(SHORTEST..=LONGEST).contains(&seconds) {
        return Err(invalid("DurationSeconds must be between 60 and 3600"));
    }
    // The other one, ES384, is of no use with Entra.
    if form.get("SigningAlgorithm").map(String::as_str) != Some("RS256") {
        return Err(invalid("the local stack signs with RS256 only"));
    }
    let context = Context::from([
        ("sts:IdentityTokenAudience", audiences.iter().map(|&one| one.clone()).collect()),
        ("sts:DurationSeconds", vec![seconds.to_string()]),
        ("sts:SigningAlgorithm", vec!["RS256".to_owned()]),
    ]);
    services
        .access
        .check_request(&request.caller, "sts:GetWebIdentityToken", "*", &context)
        .map_err(|denied| refusal("AccessDenied", &denied.to_string()))?;
    let Caller::Function(function) = &request.caller else {
        return Err(refusal("AccessDenied", "only a role has an identity to prove"));
    };
    let key = services.signer.key().ok_or_else(|| invalid("no signing key could be made"))?;
    let now = services.clock.unix_seconds();
    let ends = now + seconds;
    let claims = json!({
        "iss": ISSUER,
        "sub": services.access.role_arn(function),
        "aud": if let [only] = audiences.as_slice() { json!(only) } else { json!(audiences) },
        "iat": now,
        "exp": ends,
        "jti": Uuid::new_v4(),
        "https://sts.amazonaws.com/": {
            "aws_account": ACCOUNT_ID, "source_region": REGION, "org_id": "o-local",
        },
    });
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(key.id.clone());
    let token = jsonwebtoken::encode(&header, &claims, &key.encoding)
        .map_err(|error| invalid(&error.to_string()))?;
    let ends = jiff::Timestamp::from_second(ends).unwrap_or_default();
    Ok(xml::answer(
        StatusCode::OK,
        format!(
            "<GetWebIdentityTokenResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetWebIdentityTokenResult><WebIdentityToken>{token}</WebIdentityToken><Expiration>{ends}</Expiration></GetWebIdentityTokenResult><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></GetWebIdentityTokenResponse>",
            Uuid::new_v4()
        ),
    ))
}

/// An error of the query protocol.
fn refusal(code: &str, message: &str) -> Response {
    let status =
        if code == "AccessDenied" { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
    xml::answer(
        status,
        format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
            xml::escaped(message),
            Uuid::new_v4()
        ),
    )
}
