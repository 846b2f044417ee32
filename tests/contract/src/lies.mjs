// Whether the checks would notice: lies put into answers must be found.
import { BodyChecker } from "./bodies.mjs";

const LIES = [
    ["an unknown property", "/users?$top=1", "page", { value: [{ id: "x", shoeSize: 43 }] }],
    ["a property of another type", "/users?$top=1", "page", { value: [{ accountEnabled: "yes" }] }],
    ["null where Graph has none", "/users?$top=1", "page", { value: [{ businessPhones: null }] }],
    ["an unknown member of a page", "/users?$top=1", "page", { total: 5 }],
    ["a page without value", "/groups?$top=1", "page", { value: null }],
    ["both links", "/users/delta", "page", { "@odata.nextLink": "HERE/v1.0/x", "@odata.deltaLink": "HERE/v1.0/y" }],
    ["a link to another host", "/users?$top=1", "page", { "@odata.nextLink": "https://evil.example/v1.0/users" }],
    ["a foreign reason", "/users/delta", "page", { value: [{ id: "x", "@removed": { reason: "gone" } }] }],
    ["an instant that is none", "/groups?$top=1", "page", { value: [{ createdDateTime: "yesterday" }] }],
    ["an unknown member of an error", "/users/nobody", "error", { error: { hint: "none" } }],
];

/** Tells each lie once; answers how many were found and names the others. */
export async function tellLies(simulator, validators, tenant) {
    const { access_token: token } = await simulator.token(tenant.id);
    const unnoticed = [];
    for (const [what, path, shape, lie] of LIES) {
        const merge = JSON.parse(JSON.stringify(lie).replaceAll("HERE", simulator.address));
        const effect = { kind: "edit", merge };
        await simulator.control("POST", "/faults", { match: { path: "/v1.0/*" }, effect });
        const answer = await simulator.ask(`/v1.0${path}`, { headers: { authorization: `Bearer ${token}` } });
        const bodies = new BodyChecker(validators, simulator.address);
        if (shape === "error") bodies.against(path, "graphError", answer.content);
        else bodies.page(path, answer.content, path.split(/[/?]/)[1].replace(/s$/, ""));
        if (bodies.problems.length === 0) unnoticed.push(what);
    }
    return { told: LIES.length, unnoticed };
}
