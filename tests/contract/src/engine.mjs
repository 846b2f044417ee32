// Our own client and Microsoft's on the same directory: what both end up with must be the same.
import { spawn } from "node:child_process";

import { connect, everything, merged } from "./official_client.mjs";

/** What a contact can be made of: the attributes the engine must read of everybody. */
const ATTRIBUTES = [
    ...["id", "userPrincipalName", "mail", "otherMails", "proxyAddresses", "displayName", "givenName", "surname"],
    ...["jobTitle", "department", "companyName", "officeLocation", "businessPhones", "mobilePhone", "faxNumber"],
    ...["streetAddress", "city", "state", "postalCode", "country", "usageLocation", "preferredLanguage"],
    ...["employeeId", "employeeType", "employeeHireDate", "employeeOrgData", "userType", "accountEnabled"],
    ...["createdDateTime", "externalUserState", "onPremisesExtensionAttributes"],
];

/** Compares listing, delta and members as both clients read them, now and after changes. */
export async function compareWithEngine(simulator, binary, tenant, problems) {
    const told = [`${ATTRIBUTES.length} attributes`];
    for (const when of ["before changes", "after changes"]) {
        const compare = new Comparison(when, problems);
        const own = JSON.parse(await output(binary, [simulator.address, tenant.id]));
        const client = connect((await simulator.token(tenant.id)).access_token);
        const select = `$select=${ATTRIBUTES}`;
        const listed = await everything(client, `/users?${select}&$top=999`);
        compare.people("listing", own.users.listing, byId(listed.items), true);
        const changed = await everything(client, `/users/delta?${select}`);
        compare.people("delta", own.users.delta, merged(new Map(), changed.items), false);
        compare.members(own.members, await membersOf(client));
        told.push(`${when}: ${listed.items.length} people, ${Object.keys(own.members).length} groups`);
        if (when === "before changes") await change(simulator, tenant, listed.items);
    }
    return told;
}

class Comparison {
    constructor(when, problems) {
        this.problem = (text) => problems.push(`engine ${when}: ${text}`);
    }

    ids(what, own, theirs) {
        for (const id of theirs) if (!own.has(id)) this.problem(`${what} lacks ${id}`);
        for (const id of own) if (!theirs.has(id)) this.problem(`${what} has ${id}, whom nobody else sees`);
    }

    /** Everybody, with every attribute; `whole` where Graph must name each of them. */
    people(what, own, theirs, whole) {
        if (theirs.size === 0) this.problem(`${what}: nobody to compare`);
        this.ids(what, new Set(Object.keys(own)), new Set(theirs.keys()));
        for (const [id, person] of theirs) {
            const { id: _, ...attributes } = person;
            const names = Object.keys(attributes).filter((name) => !name.includes("@"));
            const wanted = whole ? ATTRIBUTES.slice(1) : names;
            this.ids(`${what} of ${id}`, new Set(Object.keys(own[id] ?? {})), new Set(wanted));
            for (const name of wanted) {
                const [ours, microsofts] = [own[id]?.[name], attributes[name]].map(ordered);
                if (ours !== microsofts) this.problem(`${what}: ${name} of ${id} is ${ours}, not ${microsofts}`);
            }
        }
    }

    members(own, theirs) {
        if (theirs.size === 0) this.problem("members: no group to compare");
        this.ids("groups", new Set(Object.keys(own)), new Set(theirs.keys()));
        for (const [group, people] of theirs) {
            this.ids(`members of ${group}`, new Set(own[group] ?? []), people);
        }
    }
}

const byId = (items) => new Map(items.map((item) => [item.id, item]));

/** JSON whose members are in one order. */
function ordered(value) {
    const sorted = (_, inner) =>
        inner && typeof inner === "object" && !Array.isArray(inner)
            ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
            : inner;
    return JSON.stringify(value, sorted);
}

/** The people directly in each group. */
async function membersOf(client) {
    const found = new Map();
    for (const { id } of (await everything(client, "/groups?$select=id&$top=999")).items) {
        const { items } = await everything(client, `/groups/${id}/members?$select=id&$top=999`);
        const people = items.filter((member) => member["@odata.type"] === "#microsoft.graph.user");
        found.set(id, new Set(people.map((member) => member.id)));
    }
    return found;
}

/** Something of everything that may happen to people and groups. */
async function change(simulator, tenant, people) {
    const at = `/tenants/${tenant.id}`;
    const others = people.filter((person) => person.id !== tenant.admin.id);
    const [renamed, emptied, binned, purged, blocked] = others.map((person) => person.id);
    await simulator.control("PATCH", `${at}/users/${renamed}`, { displayName: "Ægir Þór", businessPhones: ["+354 1"] });
    await simulator.control("PATCH", `${at}/users/${emptied}`, { mail: null, jobTitle: null, department: null });
    await simulator.control("DELETE", `${at}/users/${binned}`);
    await simulator.control("DELETE", `${at}/users/${purged}?permanent=true`);
    await simulator.control("PATCH", `${at}/users/${blocked}`, { accountEnabled: false, userType: "Guest" });
    const made = { userPrincipalName: "newest@contoso.example", displayName: "Newest", mail: "newest@contoso.example" };
    await simulator.control("POST", `${at}/users`, made);
    await simulator.control("PUT", `${at}/groups/Support/members/newest@contoso.example`);
}

function output(binary, args) {
    return new Promise((done, failed) => {
        const child = spawn(binary, args, { stdio: ["ignore", "pipe", "inherit"] });
        const parts = [];
        child.stdout.on("data", (part) => parts.push(part));
        child.on("error", failed);
        child.on("close", (code) => {
            if (code === 0) done(Buffer.concat(parts).toString());
            else failed(new Error(`${binary} ended with ${code}`));
        });
    });
}
