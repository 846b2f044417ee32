// Microsoft's own client on the same directory: what it sees must be what there is.
import { BatchRequestContent, BatchResponseContent, Client, PageIterator } from "@microsoft/microsoft-graph-client";

import { GRAPH } from "./simulator.mjs";

const SELECT = ["id", "displayName", "mail", "userPrincipalName", "accountEnabled", "jobTitle", "otherMails", "businessPhones"];
const LISTS = new Set(["otherMails", "businessPhones"]);

/** Lists, delta, batch and throttling; answers what was compared. */
export async function useOfficialClient(simulator, tenant, problems) {
    const token = (await simulator.token(tenant.id)).access_token;
    const client = connect(token);
    const compared = [];
    const compare = (what, seen, wanted) => {
        const differences = difference(seen, wanted);
        compared.push(`${what}: ${wanted.size}`);
        for (const one of differences.slice(0, 5)) problems.push(`${what}: ${one}`);
    };
    const at = `/tenants/${tenant.id}`;
    const dump = async () => {
        const { users } = await simulator.control("GET", `${at}/users?limit=100000`);
        return new Map(users.filter((user) => user._state === "live").map((user) => [user.id, user]));
    };
    const people = await dump();

    const listed = await everything(client, `/users?$select=${SELECT}&$top=100`);
    compare("users listed", valuesOf(listed.items, false), valuesOf([...people.values()], false));

    await simulator.control("PATCH", "/settings", {
        delta: { pageSize: 37, duplicatePercent: 20, emptyPagePercent: 20, memberSlice: 11 },
    });
    const first = await everything(client, `/users/delta?$select=${SELECT}`);
    const state = merged(new Map(), first.items);
    compare("users by delta", valuesOf([...state.values()], true), valuesOf([...people.values()], true));

    const [ana, bo, cem] = [...people.keys()].filter((id) => id !== tenant.admin.id);
    await simulator.control("PATCH", `${at}/users/${ana}`, { jobTitle: null, mail: "new@contoso.example" });
    await simulator.control("DELETE", `${at}/users/${bo}`);
    await simulator.control("DELETE", `${at}/users/${cem}?permanent=true`);
    await simulator.control("POST", `${at}/users`, { userPrincipalName: "late@contoso.example", displayName: "Late" });
    const second = await everything(client, first.deltaLink);
    merged(state, second.items);
    compare("users after changes", valuesOf([...state.values()], true), valuesOf([...(await dump()).values()], true));
    await simulator.control("POST", `${at}/users/${bo}/restore`);
    merged(state, (await everything(client, second.deltaLink)).items);
    compare("users after a restore", valuesOf([...state.values()], true), valuesOf([...(await dump()).values()], true));

    const { groups } = await simulator.control("GET", `${at}/groups?members=true`);
    const live = groups.filter((group) => group._state === "live");
    const seen = new Map();
    for (const group of (await everything(client, "/groups/delta?$select=displayName,members")).items) {
        if (group["@removed"]) continue;
        const members = seen.get(group.id) ?? new Set();
        for (const member of group["members@delta"] ?? []) {
            if (member["@removed"]) members.delete(member.id);
            else members.add(member.id);
        }
        seen.set(group.id, members);
    }
    const asText = (pairs) => new Map(pairs.map(([id, members]) => [id, [...members].sort().join()]));
    compare(
        "groups with members by delta",
        asText([...seen]),
        asText(live.map((group) => [group.id, group._members.map((member) => member.id)])),
    );
    const nested = live.find((group) => group.displayName === "Head Office");
    const headers = { ConsistencyLevel: "eventual" };
    const path = `/groups/${nested.id}/transitiveMembers/microsoft.graph.user?$select=id&$count=true&$top=20`;
    const inside = await everything(client, path, headers);
    compare("nested members", idsOf(inside.items), idsOf(peopleWithin(live, nested.id, await dump())));

    await batch(client, [...(await dump()).values()].slice(0, 20), compare);
    await throttling(simulator, client, token, problems, compared);
    return compared;
}

/** Microsoft's client with this token. */
export function connect(token) {
    return Client.init({ authProvider: (done) => done(null, token) });
}

/** All pages of a list or a delta round. */
export async function everything(client, link, headers = {}) {
    const items = [];
    const page = await client.api(link).headers(headers).get();
    const iterator = new PageIterator(client, page, (item) => items.push(item) > 0, { headers });
    await iterator.iterate();
    if (!iterator.isComplete()) throw new Error(`${link} was not read to its end`);
    return { items, deltaLink: iterator.getDeltaLink() };
}

/** Applies delta entries: absent members stay as they are. */
export function merged(state, entries) {
    for (const entry of entries) {
        if (entry["@removed"]) state.delete(entry.id);
        else state.set(entry.id, { ...state.get(entry.id), ...entry });
    }
    return state;
}

/** What was selected of each person; with `loose`, never set and empty are the same. */
function valuesOf(people, loose) {
    const value = (person, name) => {
        const own = person[name];
        if (loose) return own === undefined || own === null || own.length === 0 ? null : own;
        return own === undefined ? (LISTS.has(name) ? [] : null) : own;
    };
    return new Map(people.map((person) => [person.id, JSON.stringify(SELECT.map((name) => value(person, name)))]));
}

const idsOf = (items) => new Map(items.map((item) => [item.id, item.id]));

function peopleWithin(groups, root, people) {
    const known = new Map(groups.map((group) => [group.id, group]));
    const [seen, open, found] = [new Set([root]), [root], new Set()];
    while (open.length) {
        for (const member of known.get(open.pop())?._members ?? []) {
            if (member.type === "user" && people.has(member.id)) found.add(member.id);
            else if (known.has(member.id) && !seen.has(member.id)) {
                seen.add(member.id);
                open.push(member.id);
            }
        }
    }
    return [...found].map((id) => ({ id }));
}

function difference(seen, wanted) {
    const problems = [];
    for (const [id, value] of wanted) {
        if (!seen.has(id)) problems.push(`${id} was not seen`);
        else if (seen.get(id) !== value) problems.push(`${id} is ${seen.get(id)} instead of ${value}`);
    }
    for (const id of seen.keys()) if (!wanted.has(id)) problems.push(`${id} should not be there`);
    return problems;
}

async function batch(client, people, compare) {
    const requests = people.map(({ id }, index) => ({
        id: String(index),
        request: new Request(`${GRAPH}/users/${id}?$select=${SELECT}`, { method: "GET" }),
    }));
    const content = await new BatchRequestContent(requests).getContent();
    const answer = new BatchResponseContent(await client.api("/$batch").post(content));
    const found = [];
    for (const { id } of requests) {
        const response = answer.getResponseById(id);
        if (response.ok) found.push(await response.json());
    }
    compare("users by batch", valuesOf(found, false), valuesOf(people, false));
}

/** The client waits as long as it is told, and then goes on. */
async function throttling(simulator, client, token, problems, compared) {
    for (const [form, effect, least] of [
        ["Retry-After in seconds", { kind: "respond", status: 429, retryAfter: "1" }, 1_000],
        ["Retry-After as a decimal", { kind: "respond", status: 429, retryAfter: "0.249" }, 249],
        ["503 with Retry-After", { kind: "respond", status: 503, retryAfter: "1" }, 1_000],
        ["504 without Retry-After", { kind: "respond", status: 504, body: "empty" }, 2_000],
    ]) {
        await simulator.control("POST", "/faults", { match: { path: "*/users?*" }, effect });
        const started = Date.now();
        const page = await client.api("/users?$top=1&$select=id").get();
        const took = Date.now() - started;
        compared.push(`${form}: waited ${took} ms`);
        if (page.value.length !== 1 || took < least - 20) problems.push(`${form}: ${took} ms`);
    }
    await simulator.control("PATCH", "/settings", { throttling: { scale: 0.002, retryAfter: "decimal" } });
    await simulator.control("POST", "/clock", { advance: "1m" });
    const answers = [];
    for (let turn = 0; turn < 20; turn += 1) {
        const answer = await fetch(`${GRAPH}/v1.0/users?$top=1&$select=id`, {
            headers: { authorization: `Bearer ${token}` },
        });
        answers.push(answer);
    }
    const throttled = answers.filter((answer) => answer.status === 429);
    const near = answers.filter((answer) => answer.headers.get("x-ms-throttle-limit-percentage"));
    for (const name of ["retry-after", "x-ms-throttle-scope", "x-ms-throttle-information"]) {
        if (throttled.some((answer) => !answer.headers.get(name))) problems.push(`429 without ${name}`);
    }
    if (!throttled.length || !near.length) problems.push("the budget was never spent");
    compared.push(`budget of 16 units: ${throttled.length} of 20 requests throttled`);
    await simulator.control("PATCH", "/settings", { throttling: { scale: 1 } });
}
