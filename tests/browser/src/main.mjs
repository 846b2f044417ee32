// Walks the pages that people see in a real Chromium: main.mjs <entra-contact-sync> <libfaketime>
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Checks } from "./checks.mjs";
import { startChromium } from "./browser.mjs";
import { Journeys } from "./consent.mjs";
import { changeByHand } from "./simulator_page.mjs";
import { startStack } from "./stack.mjs";

const [binary, faketime] = process.argv.slice(2);
if (!binary || !faketime) throw new Error("usage: main.mjs <entra-contact-sync> <libfaketime>");

const started = Date.now();
const folder = mkdtempSync(join(tmpdir(), "entra-contact-sync-pages-"));
const workshop = mkdtempSync(join(tmpdir(), "entra-contact-sync-browser-"));
process.on("exit", () => rmSync(workshop, { recursive: true, force: true }));
console.log(`screenshots in ${folder}`);

/** The tenants by name, each with its admin and a plain member. */
async function tenantsOf(stack) {
    const { tenants } = await stack.control("GET", "/tenants");
    return Object.fromEntries(tenants.map((tenant) => [tenant.name.toLowerCase(), tenant]));
}

/** What no page of ours may tell: people, tenants, other accounts, the API's token. */
async function secretsOf(stack, tenants) {
    const secrets = [stack.token, "Demo customer"];
    for (const { id } of Object.values(tenants)) {
        const { users } = await stack.control("GET", `/tenants/${id}/users?limit=1000`);
        secrets.push(id);
        for (const user of users) secrets.push(user.id, user.displayName, user.userPrincipalName, user.mail);
    }
    // Shorter names are parts of words.
    return secrets.filter((text) => text?.length > 5);
}

const checks = new Checks();
const stack = await startStack(binary, faketime, workshop);
const stopped = (signal) => {
    process.once(signal, () => stack.stop().finally(() => process.exit(1)));
};
["SIGINT", "SIGTERM", "SIGHUP"].forEach(stopped);
let chromium;
try {
    chromium = await startChromium();
    const tenants = await tenantsOf(stack);
    const secrets = await secretsOf(stack, tenants);
    const journeys = new Journeys({ stack, checks, chromium, folder, tenants, secrets });
    const made = await journeys.connected();
    await journeys.refusedByPeople();
    await journeys.badLinks();
    await journeys.attacks();
    await journeys.names();
    await changeByHand(journeys, made);
} finally {
    await chromium?.close();
    await stack.stop();
}
const seconds = Math.round((Date.now() - started) / 1_000);
console.log(`${checks.passed} checks hold, ${checks.failed.length} do not; ${seconds} s; screenshots in ${folder}`);
process.exitCode = checks.failed.length === 0 ? 0 : 1;
