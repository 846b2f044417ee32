//! Headers that every Graph answer carries.

use crate::exchange::{Incoming, Reply};

/// Adds request ids, diagnostics and cost.
pub(crate) fn complete(mut reply: Reply, incoming: &Incoming) -> Reply {
    let client_request_id = incoming
        .header("client-request-id")
        .map_or_else(|| incoming.request_id.to_string(), str::to_owned);
    reply = reply
        .with_header("request-id", incoming.request_id.to_string())
        .with_header("client-request-id", client_request_id)
        .with_header("odata-version", "4.0".to_owned())
        .with_header("strict-transport-security", "max-age=31536000".to_owned())
        .with_header(
            "x-ms-ags-diagnostic",
            "{\"ServerInfo\":{\"DataCenter\":\"Simulated\",\"Slice\":\"E\",\"Ring\":\"0\",\
             \"ScaleUnit\":\"001\",\"RoleInstance\":\"SIM\"}}"
                .to_owned(),
        );
    if reply.units > 0.0 {
        let units = format!("{}", reply.units);
        reply = reply.with_header("x-ms-resource-unit", units);
    }
    reply
}
