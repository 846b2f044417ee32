//! The issuer whose tokens the REST API accepts.

use serde_json::json;

use crate::aws::{Aws, AwsError, REGION, text};
use crate::stack::{Stack, StackError};

/// The passwords of a directory that lives for minutes on loopback.
const PASSWORD: &str = "Only-For-This-Check-1";

/// A directory of people who may call the REST API.
#[derive(Debug, Clone)]
pub(crate) struct Operators {
    pool: String,
    client: String,
}

impl Operators {
    /// Makes the directory.
    pub(crate) async fn create(aws: &Aws) -> Result<Self, StackError> {
        let stack = Stack::create(aws, "operators", include_str!("operators.yaml")).await?;
        Ok(Self {
            pool: stack.physical_id("Operators")?.to_owned(),
            client: stack.physical_id("Product")?.to_owned(),
        })
    }

    /// The template's parameter `JwtIssuer`.
    pub(crate) fn issuer(&self) -> String {
        format!("https://cognito-idp.{REGION}.amazonaws.com/{}", self.pool)
    }

    /// The template's parameter `JwtAudience`.
    pub(crate) fn audience(&self) -> &str {
        &self.client
    }

    /// Signs in a person of this role; answers the token.
    pub(crate) async fn sign_in(&self, aws: &Aws, role: &str) -> Result<String, AwsError> {
        let call = async |operation: &str, body| {
            let target = format!("AWSCognitoIdentityProviderService.{operation}");
            aws.json("cognito-idp", &target, &body).await
        };
        let person = json!({
            "UserPoolId": self.pool,
            "Username": role,
            "UserAttributes": [{"Name": "custom:role", "Value": role}],
        });
        call("AdminCreateUser", person).await?;
        let password = json!({
            "UserPoolId": self.pool, "Username": role, "Password": PASSWORD, "Permanent": true,
        });
        call("AdminSetUserPassword", password).await?;
        let sign_in = json!({
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": self.client,
            "AuthParameters": {"USERNAME": role, "PASSWORD": PASSWORD},
        });
        let tokens = call("InitiateAuth", sign_in).await?;
        Ok(text(&tokens, "/AuthenticationResult/IdToken").to_owned())
    }
}
