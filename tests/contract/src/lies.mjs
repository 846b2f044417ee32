// Whether the checks would notice: lies put into answers must be found.
import { BodyChecker } from "./bodies.mjs";

// What it is, where and into which kind of body it is put, the lie, and what must be said of it.
const LIES = [
    ["an unknown property", "/users?$top=1", "page", { value: [{ shoeSize: 43 }] }, "shoeSize"],
    ["a property of another type", "/users?$top=1", "page", { value: [{ accountEnabled: "yes" }] }, "accountEnabled"],
    ["null where Graph has none", "/users?$top=1", "page", { value: [{ businessPhones: null }] }, "businessPhones"],
    ["an unknown member of a page", "/users?$top=1", "page", { total: 5 }, "total"],
    ["a page without value", "/groups?$top=1", "page", { value: null }, "value"],
    ["both links", "/users/delta", "page", { "@odata.nextLink": "HERE/v1.0/x", "@odata.deltaLink": "HERE/v1.0/y" }, "both links"],
    ["a link to another host", "/users?$top=1", "page", { "@odata.nextLink": "https://evil.example/v1.0/users" }, "evil.example"],
    ["a foreign reason", "/users/delta", "page", { value: [{ "@removed": { reason: "gone" } }] }, "@removed"],
    ["an instant that is none", "/groups?$top=1", "page", { value: [{ createdDateTime: "yesterday" }] }, "yesterday"],
    ["an unknown member of an error", "/users/nobody", "error", { error: { hint: "none" } }, "hint"],
];

/** Tells each lie once; answers how many were found and names the others. */
export async function tellLies(simulator, validators, tenant) {
    const { access_token: token } = await simulator.token(tenant.id);
    const unnoticed = [];
    for (const [what, path, shape, lie, word] of LIES) {
        const merge = JSON.parse(JSON.stringify(lie).replaceAll("HERE", simulator.address));
        const effect = { kind: "edit", merge };
        await simulator.control("POST", "/faults", { match: { path: "/v1.0/*" }, effect });
        const answer = await simulator.ask(`/v1.0${path}`, { headers: { authorization: `Bearer ${token}` } });
        const bodies = new BodyChecker(validators, simulator.address);
        if (shape === "error") bodies.against(path, "graphError", answer.content);
        else bodies.page(path, answer.content, path.split(/[/?]/)[1].replace(/s$/, ""));
        // Found for another reason is not found.
        if (!bodies.problems.some((problem) => problem.includes(word))) unnoticed.push(what);
    }
    return { told: LIES.length, unnoticed };
}
