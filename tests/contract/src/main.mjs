// Holds a running simulator to Microsoft's published types and to Microsoft's own client.
import { BodyChecker } from "./bodies.mjs";
import { takeDocumentedFaults } from "./documents.mjs";
import { compareWithEngine } from "./engine.mjs";
import { tenantsApart } from "./tenants.mjs";
import { tellLies } from "./lies.mjs";
import { useOfficialClient } from "./official_client.mjs";
import { validators } from "./schemas.mjs";
import { APP, startSimulator } from "./simulator.mjs";
import { walk } from "./walk.mjs";

const ROLES = [
    "User.Read.All",
    "Directory.Read.All",
    "Group.Read.All",
    "GroupMember.Read.All",
    "Device.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "LicenseAssignment.Read.All",
    "AuditLog.Read.All",
    "MailboxSettings.Read",
    "Calendars.Read",
    "ProfilePhoto.Read.All",
    "OrgContact.Read.All",
    "RoleManagement.Read.Directory",
    "CustomSecAttributeAssignment.Read.All",
    "AdministrativeUnit.Read.All",
    "User-LifeCycleInfo.Read.All",
    "Member.Read.Hidden",
];

const [binary, engine] = process.argv.slice(2);
if (!binary) throw new Error("usage: main.mjs <entra-sim> [<engine_view>]");

const started = Date.now();
const { found, objects } = validators();
console.log(`schemas: ${Object.keys(found).length} bodies over ${objects} closed types`);

const simulator = await startSimulator(binary, ["--seed", "7", "--users", "300", "--roles", ROLES.join()]);
const bodies = new BodyChecker(found, simulator.address);
const problems = bodies.problems;
try {
    const { tenants } = await simulator.control("GET", "/tenants");
    for (const { id } of tenants) await simulator.control("PUT", `/tenants/${id}/consents/${APP}`);
    simulator.becomeGraph();
    const [contoso, fabrikam] = (await simulator.control("GET", "/tenants")).tenants;

    const apart = await tenantsApart(simulator, problems);
    console.log(`tenants: ${apart}`);

    const asked = await walk(simulator, bodies, contoso, fabrikam);
    const checked = [...bodies.checked].map(([type, count]) => `${count} ${type}`);
    console.log(`walk: ${asked.requests} requests to Graph; bodies: ${checked.join(", ")}`);

    const { graph, login } = await simulator.control("GET", "/endpoints");
    const { counts } = await simulator.control("GET", "/requests?last=0");
    const missed = [...graph, ...login].filter((endpoint) => !counts.endpoints[endpoint]);
    for (const endpoint of missed) problems.push(`never walked: ${endpoint}`);
    console.log(`endpoints: ${graph.length + login.length - missed.length} of ${graph.length + login.length} walked`);

    const { told, unnoticed } = await tellLies(simulator, found, contoso);
    for (const lie of unnoticed) problems.push(`lies: nobody noticed ${lie}`);
    console.log(`lies: ${told - unnoticed.length} of ${told} noticed`);

    const written = await takeDocumentedFaults(simulator, problems);
    console.log(`documents: ${written} faults taken as written`);

    const official = await useOfficialClient(simulator, contoso, problems);
    console.log(`@microsoft/microsoft-graph-client: ${official.join("; ")}`);

    if (engine) {
        const own = await compareWithEngine(simulator, engine, contoso, problems);
        console.log(`our graph-client: ${own.join("; ")}`);
    }
} finally {
    await simulator.stop();
}
const alike = new Map();
for (const problem of problems) {
    const what = problem.split(": ").slice(1).join(": ");
    alike.set(what, [...(alike.get(what) ?? []), problem]);
}
for (const [first, ...more] of [...alike.values()].slice(0, 40)) {
    console.error(`DISAGREES ${first}${more.length ? ` (and ${more.length} alike)` : ""}`);
}
console.log(`${problems.length} disagreements, ${Math.round((Date.now() - started) / 1000)} s`);
process.exitCode = problems.length === 0 ? 0 : 1;
