//! The environment Lambda gives a function's process.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::plan::Function;
use crate::template::REGION;

/// Where functions find the AWS services.
#[derive(Debug, Clone)]
pub(crate) struct EndpointUrls {
    /// The stand-ins of the local stack.
    pub(crate) local: String,
    /// Another stand-in for tables and objects.
    pub(crate) stores: Option<String>,
}

/// The access key id names the function, so that stand-ins know who calls.
pub(crate) const ACCESS_KEY_PREFIX: &str = "local-";
/// The key that every caller on this machine signs with.
pub(crate) const SECRET_ACCESS_KEY: &str = "local-secret-access-key";

pub(super) fn of(
    function: &Function,
    endpoints: &EndpointUrls,
    runtime_api: SocketAddr,
) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
    set("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string());
    set("AWS_LAMBDA_FUNCTION_NAME", function.name.clone());
    set("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned());
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_megabytes.to_string());
    set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned());
    set("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name));
    set("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned());
    set("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned());
    if let Some(level) = &function.log_level {
        set("AWS_LAMBDA_LOG_LEVEL", level.clone());
    }
    set("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned());
    set("AWS_REGION", REGION.to_owned());
    set("AWS_DEFAULT_REGION", REGION.to_owned());
    set("AWS_ACCESS_KEY_ID", format!("{ACCESS_KEY_PREFIX}{}", function.name));
    set("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned());
    set("AWS_ENDPOINT_URL", endpoints.local.clone());
    if let Some(stores) = &endpoints.stores {
        for service in ["DYNAMODB", "S3"] {
            set(&format!("AWS_ENDPOINT_URL_{service}"), stores.clone());
        }
    }
    set("AWS_EC2_METADATA_DISABLED", "true".to_owned());
    set("_HANDLER", "bootstrap".to_owned());
    set("LANG", "en_US.UTF-8".to_owned());
    set("TZ", ":UTC".to_owned());
    set("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned());
    environment.extend(function.environment.clone());
    environment
}
