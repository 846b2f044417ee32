// Closed JSON Schemas made from Microsoft's published types, and the envelopes around them.
import { fileURLToPath } from "node:url";

import { Ajv } from "ajv";
import { createGenerator } from "ts-json-schema-generator";

const here = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

const guid = { type: "string", pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" };
const text = { type: "string" };
const closed = (properties, required = Object.keys(properties)) => ({
    type: "object",
    additionalProperties: false,
    properties,
    required,
});

/** Bodies that Microsoft publishes no type for; from the reference pages, closed as well. */
const ENVELOPES = {
    graphError: closed({
        error: closed(
            {
                code: text,
                message: text,
                innerError: closed(
                    {
                        date: { type: "string", pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d$" },
                        "request-id": guid,
                        "client-request-id": text,
                        code: text,
                        message: text,
                        status: text,
                    },
                    ["date", "request-id", "client-request-id"],
                ),
                details: { type: "array" },
            },
            ["code", "message", "innerError"],
        ),
    }),
    batch: closed({
        responses: {
            type: "array",
            maxItems: 20,
            items: closed(
                {
                    id: text,
                    status: { type: "integer", minimum: 200, maximum: 599 },
                    headers: { type: "object", additionalProperties: text },
                    body: {},
                },
                ["id", "status", "headers"],
            ),
        },
    }),
    strings: closed({ value: { type: "array", items: text } }),
    appToken: closed({
        token_type: { const: "Bearer" },
        expires_in: { type: "integer", minimum: 600, maximum: 86_400 },
        ext_expires_in: { type: "integer" },
        access_token: text,
    }),
    signInToken: closed({
        token_type: { const: "Bearer" },
        scope: text,
        expires_in: { type: "integer" },
        ext_expires_in: { type: "integer" },
        access_token: text,
        id_token: text,
    }),
    loginError: closed(
        {
            error: text,
            error_description: { type: "string", pattern: "^AADSTS\\d+: " },
            error_codes: { type: "array", items: { type: "integer" }, minItems: 1 },
            timestamp: { type: "string", pattern: "^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ$" },
            trace_id: guid,
            correlation_id: guid,
            error_uri: text,
        },
        ["error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id"],
    ),
    keySet: closed({
        keys: {
            type: "array",
            minItems: 2,
            items: closed({
                kty: { const: "RSA" },
                use: { const: "sig" },
                kid: text,
                x5t: text,
                n: text,
                e: text,
                x5c: { type: "array", items: text, minItems: 1 },
                cloud_instance_name: text,
                issuer: text,
            }),
        },
    }),
    openIdConfiguration: closed({
        token_endpoint: text,
        token_endpoint_auth_methods_supported: { type: "array", items: text },
        jwks_uri: text,
        response_modes_supported: { type: "array", items: text },
        subject_types_supported: { const: ["pairwise"] },
        id_token_signing_alg_values_supported: { const: ["RS256"] },
        response_types_supported: { type: "array", items: text },
        scopes_supported: { type: "array", items: text },
        issuer: text,
        request_uri_parameter_supported: { const: false },
        userinfo_endpoint: text,
        authorization_endpoint: text,
        device_authorization_endpoint: text,
        http_logout_supported: { const: true },
        frontchannel_logout_supported: { const: true },
        end_session_endpoint: text,
        claims_supported: { type: "array", items: text },
        tenant_region_scope: { type: ["string", "null"] },
        cloud_instance_name: text,
        cloud_graph_host_name: text,
        msgraph_host: text,
        rbac_url: text,
    }),
};

/** Types that Graph declares without members: what they hold depends on the resource. */
const OPEN_TYPES = ["ResourceData"];

/** Validators by name: `user`, `group`, … and the envelopes. */
export function validators() {
    const generated = createGenerator({
        path: here("bodies.ts"),
        tsconfig: here("tsconfig.json"),
        type: "Bodies",
        skipTypeCheck: true,
        additionalProperties: false,
        encodeRefs: false,
        jsDoc: "none",
    }).createSchema("Bodies");
    const definitions = {};
    // Names like `NullableOption<string>` are no URI fragments.
    const names = new Map(Object.keys(generated.definitions).map((name, index) => [name, `t${index}`]));
    let objects = 0;
    for (const [name, schema] of Object.entries(generated.definitions)) {
        if (schema.type === "object") {
            if (OPEN_TYPES.includes(name)) delete schema.additionalProperties;
            else if (schema.additionalProperties !== false) throw new Error(`${name} is not closed`);
            objects += 1;
        }
        definitions[names.get(name)] = renamed(schema, names);
    }
    const ajv = new Ajv({ strict: false, allErrors: true });
    ajv.addSchema({ $id: "graph", definitions });
    const found = {};
    const bodies = definitions[names.get("Bodies")].properties;
    for (const [name, schema] of Object.entries(bodies)) {
        found[name] = ajv.compile({ $ref: `graph${schema.$ref}` });
    }
    for (const [name, schema] of Object.entries(ENVELOPES)) found[name] = ajv.compile(schema);
    return { found, objects };
}

function renamed(schema, names) {
    if (Array.isArray(schema)) return schema.map((part) => renamed(part, names));
    if (schema === null || typeof schema !== "object") return schema;
    return Object.fromEntries(
        Object.entries(schema).map(([key, value]) =>
            key === "$ref"
                ? [key, `#/definitions/${names.get(value.replace("#/definitions/", ""))}`]
                : [key, renamed(value, names)],
        ),
    );
}
