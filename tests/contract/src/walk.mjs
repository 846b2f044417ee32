// A walk over every endpoint of the simulator; each body is held to its closed schema.
import { createServer } from "node:http";

import { APP, SECRET } from "./simulator.mjs";

const EVENTUAL = { consistencylevel: "eventual" };
/** Everything that can be selected of a person in a list. */
const PERSON = [
    "id,accountEnabled,ageGroup,assignedLicenses,assignedPlans,businessPhones,city,companyName",
    "consentProvidedForMinor,country,createdDateTime,creationType,customSecurityAttributes",
    "deletedDateTime,department,displayName,employeeHireDate,employeeId,employeeLeaveDateTime",
    "employeeOrgData,employeeType,externalUserState,externalUserStateChangeDateTime,faxNumber",
    "givenName,identities,imAddresses,isResourceAccount,jobTitle,lastPasswordChangeDateTime",
    "legalAgeGroupClassification,licenseAssignmentStates,mail,mailNickname,mobilePhone",
    "officeLocation,onPremisesDistinguishedName,onPremisesDomainName",
    "onPremisesExtensionAttributes,onPremisesImmutableId,onPremisesLastSyncDateTime",
    "onPremisesSamAccountName,onPremisesSecurityIdentifier,onPremisesSyncEnabled",
    "onPremisesUserPrincipalName,otherMails,passwordPolicies,postalCode,preferredDataLocation",
    "preferredLanguage,provisionedPlans,proxyAddresses,securityIdentifier,showInAddressList",
    "signInSessionsValidFromDateTime,state,streetAddress,surname,usageLocation,userPrincipalName",
    "userType",
].join(",");
/** Only on a single person. */
const ALONE = "id,aboutMe,birthday,hireDate,interests,mySite,pastProjects,preferredName,responsibilities,schools,skills,mailboxSettings,signInActivity";
const LONGEST = 500;
/** AADSTS numbers by status; 0 where the status is not documented. */
const AADSTS = [
    [401, 7000215, 7000222],
    [400, 500011, 700038, 70003],
    [0, 700016, 700011, 7000229, 7000112, 70001, 65001, 650052, 650054, 650056, 650057, 90094, 90095],
    [0, 53003, 530032, 530035, 500021, 500022, 50002, 90002, 90038],
    [0, 70002, 700027, 50012, 50013, 700024, 70021, 7000218, 900144, 90014, 9002313, 70011, 700022, 700023],
    [0, 50196, 90055, 50033, 90006, 90012, 90024, 90033, 90090, 90091],
    [0, 50034, 50020, 50126, 50076, 50079, 50105],
];

/** Walks with all roles, then with few; answers what was asked. */
export async function walk(simulator, bodies, tenant, other) {
    const asked = new Walker(simulator, bodies, await simulator.token(tenant.id));
    const facts = await gather(simulator, tenant);
    for (const step of reads(facts, tenant)) await asked.take(step);
    await posts(asked, facts);
    await batch(asked, facts);
    await subscriptions(asked, simulator, bodies, tenant, facts);
    await refusals(asked, facts);
    await login(simulator, bodies, tenant);
    await limited(simulator, bodies, other);
    return asked;
}

class Walker {
    constructor(simulator, bodies, token) {
        this.simulator = simulator;
        this.bodies = bodies;
        this.token = token.access_token;
        this.requests = 0;
        bodies.against("token", "appToken", token);
    }

    async ask(path, options = {}) {
        this.requests += 1;
        const headers = { authorization: `Bearer ${this.token}`, ...options.headers };
        return this.simulator.ask(`/v1.0${path}`, { ...options, headers });
    }

    /** Asks and checks, page by page. */
    async take({ path, type, shape = "page", status = 200, pages = LONGEST, ...options }) {
        const { bodies } = this;
        let next = path;
        for (let page = 1; next !== undefined; page += 1) {
            const where = `${options.method ?? "GET"} ${next.slice(0, 120)}`;
            const answer = await this.ask(next, options);
            this.headers(where, answer);
            if (answer.status !== status) {
                bodies.problem(where, `${answer.status} ${JSON.stringify(answer.content).slice(0, 300)}`);
                return undefined;
            }
            if (status >= 400) bodies.against(where, "graphError", answer.content);
            else if (shape === "page") bodies.page(where, answer.content, type);
            else if (shape === "entity") bodies.entity(where, answer.content, type);
            else if (shape === "strings") bodies.against(where, "strings", bodies.stripped(where, answer.content));
            else if (shape === "count" && !/^\d+$/.test(answer.content.toString())) {
                bodies.problem(where, `no number: ${answer.content}`);
            } else if (shape === "jpeg" && answer.content.readUInt16BE(0) !== 0xffd8) {
                bodies.problem(where, "no JPEG");
            }
            const link = shape === "page" ? answer.content["@odata.nextLink"] : undefined;
            next = link?.slice(`${this.simulator.address}/v1.0`.length);
            if (page >= pages || page >= LONGEST) return answer;
            if (next === undefined) return answer;
        }
        return undefined;
    }

    /** Headers that every answer of Graph carries. */
    headers(where, { headers, status, content }) {
        for (const name of ["request-id", "client-request-id", "date", "strict-transport-security"]) {
            if (!headers.get(name)) this.bodies.problem(where, `no header ${name}`);
        }
        const wanted = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
        const type = headers.get("content-type");
        if (status !== 204 && !(content instanceof Buffer) && type !== wanted) {
            this.bodies.problem(where, `content-type ${type}`);
        }
    }
}

/** Every class of refusal of the token endpoint, by its number. */
async function everyClass(simulator, bodies, ask) {
    for (const [status, ...codes] of AADSTS) {
        for (const code of codes) {
            const effect = { kind: "aadsts", code };
            await simulator.control("POST", "/faults", { match: { path: "*/oauth2/v2.0/token" }, effect });
            const answer = await ask();
            const where = `AADSTS${code}`;
            bodies.against(where, "loginError", answer.content);
            const told = answer.content.error_codes?.[0];
            if (told !== code || (status && answer.status !== status) || answer.status < 400) {
                bodies.problem(where, `${answer.status} ${JSON.stringify(answer.content)}`);
            }
        }
    }
}

/** With group permission alone every member shows type and id, and the rest of the selection null. */
async function limited(simulator, bodies, tenant) {
    const at = `/tenants/${tenant.id}/consents/${APP}`;
    await simulator.control("DELETE", at);
    await simulator.control("PUT", at, { roles: ["GroupMember.Read.All"] });
    const asked = new Walker(simulator, bodies, await simulator.token(tenant.id));
    const { groups } = await simulator.control("GET", `/tenants/${tenant.id}/groups?members=true`);
    const mixed = groups.find((group) => group.displayName === "Workplace");
    const where = "members without permission for people";
    const { content } = await asked.ask(`/groups/${mixed.id}/members?$select=id,displayName,mail`);
    if (content.value?.length !== mixed._members.length) bodies.problem(where, JSON.stringify(content));
    for (const item of content.value ?? []) {
        const names = Object.keys(item).sort().join();
        const empty = item.displayName === null && item.mail === null;
        if (names !== "@odata.type,displayName,id,mail" || !empty) bodies.problem(where, JSON.stringify(item));
    }
    await asked.take({ path: "/users", status: 403 });
    await asked.take({ path: "/devices", status: 403 });
}

/** Ids to ask for. */
async function gather(simulator, tenant) {
    const at = `/tenants/${tenant.id}`;
    const users = (await simulator.control("GET", `${at}/users?limit=100000`)).users;
    const groups = (await simulator.control("GET", `${at}/groups?members=true`)).groups;
    const live = users.filter((user) => user._state === "live");
    const devices = (await simulator.control("GET", `${at}/devices`)).devices;
    const named = (name) => groups.find((group) => group.displayName === name).id;
    const withMailbox = live.find(
        (user) => user.mail && user.userType !== "Guest" && (user.assignedLicenses ?? []).length,
    );
    const [binned, photographed] = live.filter((user) => user.userType === "Guest");
    await simulator.control("DELETE", `${at}/users/${binned.id}`);
    await simulator.control("PUT", `${at}/users/${photographed.id}/photo`);
    const unified = (
        await simulator.control("POST", `${at}/groups`, { displayName: "Old list", groupTypes: ["Unified"] })
    ).id;
    await simulator.control("DELETE", `${at}/groups/${unified}`);
    return {
        admin: tenant.admin.id,
        user: live.find((user) => user._manager).id,
        mailbox: withMailbox.id,
        photographed: photographed.id,
        binned: binned.id,
        mixed: named("Workplace"),
        nested: named("Head Office"),
        cycle: named("Project Atlas"),
        owned: devices.find((device) => device._owner),
        managed: devices.find((device) => device._managedDeviceId)._managedDeviceId,
        contact: groups
            .flatMap((group) => group._members)
            .find((member) => member.type === "orgContact").id,
    };
}

function reads(facts, tenant) {
    const window = "startDateTime=2026-11-01T00:00:00Z&endDateTime=2026-11-30T00:00:00Z";
    const user = `/users/${facts.user}`;
    const entity = (path, type) => ({ path, type, shape: "entity" });
    return [
        { path: "/users", type: "user" },
        { path: `/users?$select=${PERSON}&$top=999`, type: "user" },
        { path: "/users?$select=id,signInActivity&$top=999", type: "user" },
        { path: "/users?$expand=manager($select=id)&$select=id", type: "user" },
        { path: "/users?$count=true&$filter=endsWith(mail,'example')", type: "user", headers: EVENTUAL },
        { path: '/users?$search="displayName:a"&$top=7', type: "user", headers: EVENTUAL, pages: 3 },
        { path: "/users?$orderby=displayName&$top=50", type: "user", pages: 3 },
        { path: "/users/$count", shape: "count", headers: EVENTUAL },
        { path: "/users/delta", type: "user" },
        { path: `/users/delta?$select=${PERSON}`, type: "user" },
        { path: "/users/delta?$select=displayName,manager", type: "user" },
        entity(user, "user"),
        entity(`${user}?$select=${PERSON}`, "user"),
        entity(`/users/${facts.mailbox}?$select=${ALONE}`, "user"),
        entity(`${user}/manager`, "user"),
        ...["memberOf", "transitiveMemberOf"].flatMap((list) => [
            { path: `${user}/${list}`, type: "directoryObject" },
            { path: `/users/${facts.admin}/${list}`, type: "directoryObject" },
            { path: `${user}/${list}/microsoft.graph.group?$count=true`, type: "group", headers: EVENTUAL },
            {
                path: `/users/${facts.admin}/${list}/microsoft.graph.directoryRole`,
                type: "directoryRole",
            },
        ]),
        { path: "/groups", type: "group" },
        { path: "/groups?$top=3&$select=id,displayName", type: "group" },
        { path: "/groups/$count", shape: "count", headers: EVENTUAL },
        { path: "/groups/delta", type: "group" },
        { path: "/groups/delta?$select=displayName,members", type: "group" },
        entity(`/groups/${facts.nested}`, "group"),
        ...["members", "transitiveMembers"].flatMap((list) => [
            { path: `/groups/${facts.mixed}/${list}`, type: "directoryObject" },
            { path: `/groups/${facts.nested}/${list}?$top=7`, type: "directoryObject", pages: 5 },
            { path: `/groups/${facts.cycle}/${list}`, type: "directoryObject" },
            { path: `/groups/${facts.nested}/${list}/$count`, shape: "count", headers: EVENTUAL },
            {
                path: `/groups/${facts.nested}/${list}/microsoft.graph.user?$count=true&$select=${PERSON}`,
                type: "user",
                headers: EVENTUAL,
            },
        ]),
        entity(`/directoryObjects/${facts.user}`, "directoryObject"),
        entity(`/directoryObjects/${facts.mixed}`, "directoryObject"),
        { path: "/directory/deletedItems/microsoft.graph.user", type: "user" },
        { path: "/directory/deletedItems/microsoft.graph.group", type: "group" },
        entity(`/directory/deletedItems/${facts.binned}`, "directoryObject"),
        { path: "/organization", type: "organization" },
        entity(`/organization/${tenant.id}`, "organization"),
        { path: "/devices?$top=20", type: "device" },
        { path: "/devices?$select=id,deviceId,displayName&$filter=operatingSystem eq 'Windows'", type: "device" },
        entity(`/devices/${facts.owned.id}`, "device"),
        { path: `/users/${facts.owned._owner}/registeredDevices`, type: "directoryObject" },
        { path: `/users/${facts.owned._owner}/ownedDevices`, type: "directoryObject" },
        { path: "/deviceManagement/managedDevices", type: "managedDevice" },
        entity(`/deviceManagement/managedDevices/${facts.managed}`, "managedDevice"),
        { path: `/users/${facts.owned._owner}/managedDevices`, type: "managedDevice" },
        { path: "/subscribedSkus", type: "subscribedSku" },
        entity(`/subscribedSkus/${tenant.id}_6fd2c87f-b296-42f0-b197-1e91e994b900`, "subscribedSku"),
        { path: `/users/${facts.mailbox}/licenseDetails`, type: "licenseDetails" },
        {
            path: "/reports/authenticationMethods/userRegistrationDetails?$top=999",
            type: "userRegistrationDetails",
        },
        entity(
            `/reports/authenticationMethods/userRegistrationDetails/${facts.admin}`,
            "userRegistrationDetails",
        ),
        entity(`/users/${facts.mailbox}/mailboxSettings`, "mailboxSettings"),
        entity(`/users/${facts.photographed}/photo`, "profilePhoto"),
        { path: `/users/${facts.photographed}/photo/$value`, shape: "jpeg" },
        { path: `/users/${facts.photographed}/photos`, type: "profilePhoto" },
        entity(`/users/${facts.photographed}/photos/96x96`, "profilePhoto"),
        { path: `/users/${facts.photographed}/photos/48x48/$value`, shape: "jpeg" },
        { path: `/users/${facts.mailbox}/calendarView?${window}`, type: "event" },
        { path: `/users/${facts.mailbox}/calendarView/delta?${window}`, type: "event" },
        { path: "/contacts", type: "orgContact" },
        entity(`/contacts/${facts.contact}`, "orgContact"),
    ];
}

async function posts(asked, facts) {
    const method = "POST";
    const groups = { groupIds: [facts.nested, facts.mixed] };
    await asked.take({ path: `/users/${facts.user}/checkMemberGroups`, shape: "strings", method, body: groups });
    const all = { securityEnabledOnly: false };
    await asked.take({ path: `/users/${facts.user}/getMemberGroups`, shape: "strings", method, body: all });
    const ids = { ids: [facts.user, facts.mixed, facts.binned, facts.owned.id] };
    await asked.take({ path: "/directoryObjects/getByIds", type: "directoryObject", method, body: ids });
}

async function batch(asked, facts) {
    const requests = [
        { id: "1", method: "GET", url: `/users/${facts.user}?$select=id,mail` },
        { id: "2", method: "GET", url: "/users/00000000-0000-4000-8000-000000000000" },
        { id: "3", method: "GET", url: "/groups?$top=2&$select=id" },
        { id: "4", method: "GET", url: `/users/${facts.user}`, dependsOn: ["2"] },
        { id: "5", method: "GET", url: `/users/${facts.photographed}/photos/48x48/$value` },
    ];
    const where = "POST /$batch";
    const answer = await asked.ask("/$batch", { method: "POST", body: { requests } });
    asked.headers(where, answer);
    const { bodies } = asked;
    bodies.against(where, "batch", answer.content);
    const by = Object.fromEntries(answer.content.responses.map((response) => [response.id, response]));
    const statuses = requests.map(({ id }) => by[id]?.status).join();
    if (statuses !== "200,404,200,424,200") bodies.problem(where, `statuses ${statuses}`);
    bodies.entity(`${where} 1`, by[1].body, "user");
    bodies.against(`${where} 2`, "graphError", by[2].body);
    bodies.page(`${where} 3`, by[3].body, "group");
    bodies.against(`${where} 4`, "graphError", by[4].body);
    const photo = Buffer.from(by[5].body, "base64");
    if (photo.readUInt16BE(0) !== 0xffd8) bodies.problem(`${where} 5`, "no JPEG in base64");
}

async function subscriptions(asked, simulator, bodies, tenant, facts) {
    const received = [];
    const handshakes = [];
    const receiver = createServer((request, response) => {
        const url = new URL(request.url, "http://receiver");
        const token = url.searchParams.get("validationToken");
        const parts = [];
        request.on("data", (part) => parts.push(part));
        request.on("end", () => {
            if (token !== null) {
                handshakes.push(token);
                response.writeHead(200, { "content-type": "text/plain" }).end(token);
            } else {
                received.push({ path: url.pathname, body: JSON.parse(Buffer.concat(parts)) });
                response.writeHead(202).end();
            }
        });
    });
    await new Promise((ready) => receiver.listen(0, "127.0.0.1", ready));
    const base = `http://127.0.0.1:${receiver.address().port}`;
    try {
        const expires = new Date(Date.now() + 3_600_000).toISOString();
        const create = (resource) =>
            asked.take({
                path: "/subscriptions",
                method: "POST",
                type: "subscription",
                shape: "entity",
                status: 201,
                body: {
                    changeType: "updated,deleted",
                    notificationUrl: `${base}/notify`,
                    lifecycleNotificationUrl: `${base}/lifecycle`,
                    resource,
                    expirationDateTime: expires,
                    clientState: "contract",
                },
            });
        const { id } = (await create("users")).content;
        const groups = (await create("groups")).content;
        const path = `/subscriptions/${id}`;
        await asked.take({ path: "/subscriptions", type: "subscription" });
        await asked.take({ path, type: "subscription", shape: "entity" });
        const renewal = { expirationDateTime: expires };
        await asked.take({ path, type: "subscription", shape: "entity", method: "PATCH", body: renewal });
        await asked.take({ path: `${path}/reauthorize`, shape: "none", method: "POST", status: 204 });
        const at = `/tenants/${tenant.id}`;
        await simulator.control("PATCH", `${at}/users/${facts.user}`, { jobTitle: "Walker" });
        await simulator.control("PUT", `${at}/groups/${facts.cycle}/members/${facts.user}`);
        await simulator.control("POST", `/subscriptions/${id}/lifecycle`, {});
        await waitFor(() => received.flatMap(({ body }) => body.value).length >= 3);
        for (const { path: to, body } of received) {
            bodies.against(`delivery to ${to}`, "changeNotificationCollection", bodies.stripped(to, body));
        }
        const kinds = new Set(received.map(({ path: to }) => to));
        if (!kinds.has("/notify") || !kinds.has("/lifecycle")) bodies.problem("deliveries", [...kinds].join());
        if (handshakes.length !== 4) bodies.problem("handshakes", `${handshakes.length} instead of 4`);
        await asked.take({ path, shape: "none", method: "DELETE", status: 204 });
        await asked.take({ path: `/subscriptions/${groups.id}`, shape: "none", method: "DELETE", status: 204 });
        await asked.take({ path, status: 404 });
    } finally {
        receiver.close();
        receiver.closeAllConnections();
    }
}

async function waitFor(done) {
    for (let turn = 0; turn < 100 && !done(); turn += 1) {
        await new Promise((later) => setTimeout(later, 50));
    }
}

/** Refusals carry the error envelope. */
async function refusals(asked, facts) {
    const nobody = "/users/00000000-0000-4000-8000-000000000000";
    const cases = [
        { path: nobody, status: 404 },
        { path: "/users?$select=displayNam", status: 400 },
        { path: "/users?$skip=5", status: 400 },
        { path: "/users/delta?$select=signInActivity", status: 400 },
        { path: "/users?$filter=endsWith(mail,'x')", status: 400 },
        { path: "/users/delta?$deltatoken=damaged", status: 400 },
        { path: "/nowhere", status: 400 },
        { path: "/users", method: "DELETE", status: 405 },
        { path: `/users/${facts.binned}/photo/$value`, status: 404 },
        { path: `/users/${facts.photographed}/mailboxSettings`, status: 404 },
        { path: `/users/${facts.mailbox}/calendarView`, status: 400 },
        { path: "/subscriptions", method: "POST", body: {}, status: 400 },
        { path: "/$batch", method: "POST", body: { requests: [] }, status: 400 },
        { path: "/users", headers: { authorization: "Bearer nothing" }, status: 401 },
    ];
    for (const refused of cases) await asked.take(refused);
}

async function login(simulator, bodies, tenant) {
    for (const name of [tenant.id, tenant.domains[0], "organizations", "common"]) {
        const where = `login ${name}`;
        const found = await simulator.ask(`/${name}/v2.0/.well-known/openid-configuration`);
        bodies.against(where, "openIdConfiguration", found.content);
        const own = /^[0-9a-f-]{36}$/.test(name) || name.includes(".") ? tenant.id : "{tenantid}";
        const issuer = `${simulator.address}/${own}/v2.0`;
        if (found.content.issuer !== issuer) bodies.problem(where, `issuer ${found.content.issuer}`);
        const keys = await simulator.ask(`/${name}/discovery/v2.0/keys`);
        bodies.against(where, "keySet", keys.content);
        if (keys.content.keys.some((key) => key.issuer !== issuer)) bodies.problem(where, "key issuer");
    }
    const form = (fields) =>
        simulator.ask(`/${tenant.id}/oauth2/v2.0/token`, {
            method: "POST",
            headers: { "content-type": "application/x-www-form-urlencoded" },
            body: new URLSearchParams(fields).toString(),
        });
    const app = { client_id: APP, grant_type: "client_credentials", scope: `${simulator.address}/.default` };
    const wrong = await form({ ...app, client_secret: "wrong" });
    bodies.against("wrong secret", "loginError", wrong.content);
    if (wrong.status !== 401 || wrong.content.error_codes[0] !== 7000215) {
        bodies.problem("wrong secret", JSON.stringify(wrong.content));
    }
    await everyClass(simulator, bodies, () => form({ ...app, client_secret: SECRET }));
    await simulator.control("POST", "/next-sign-in", { tenant: tenant.id, times: 3 });
    const back = "http://127.0.0.1:9000/back";
    for (const path of ["/organizations/v2.0/adminconsent", "/organizations/adminconsent"]) {
        const query = new URLSearchParams({ client_id: APP, redirect_uri: back, state: "s", scope: app.scope });
        const answer = await simulator.ask(`${path}?${query}`);
        const target = new URL(answer.headers.get("location"));
        const names = [...target.searchParams.keys()].sort().join();
        const wanted = path.includes("v2.0") ? "admin_consent,scope,state,tenant" : "admin_consent,state,tenant";
        if (names !== wanted || target.searchParams.get("admin_consent") !== "True") {
            bodies.problem(path, target.search);
        }
    }
    const query = new URLSearchParams({
        client_id: APP,
        redirect_uri: back,
        state: "s",
        nonce: "n",
        response_type: "code",
        scope: "openid profile",
    });
    const authorized = await simulator.ask(`/${tenant.id}/oauth2/v2.0/authorize?${query}`);
    const code = new URL(authorized.headers.get("location")).searchParams.get("code");
    const redeem = {
        client_id: APP,
        client_secret: SECRET,
        grant_type: "authorization_code",
        code,
        redirect_uri: back,
    };
    bodies.against("sign-in", "signInToken", (await form(redeem)).content);
    const again = await form(redeem);
    bodies.against("code reuse", "loginError", again.content);
    if (again.content.error_codes[0] !== 54005) bodies.problem("code reuse", JSON.stringify(again.content));
}
