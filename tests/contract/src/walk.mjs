// A walk over every endpoint of the simulator; each body is held to its closed schema.
import { createServer } from "node:http";

import { APP } from "./simulator.mjs";
import { login } from "./walk_login.mjs";
import { gather, reads } from "./walk_reads.mjs";
import { Walker } from "./walker.mjs";

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
