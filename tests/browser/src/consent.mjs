// The customer's admin: from the link to the page that says how it ended.
import { ensure, same, until } from "./checks.mjs";
import { Person } from "./browser.mjs";
import { checkContrast, checkHeaders, checkKeyboard, checkOutline, checkPhone, checkQuiet } from "./inspection.mjs";

const INVITATION = "Connect your Microsoft directory";
const CONTINUE = "Continue to Microsoft";
const DEAD = {
    status: 404,
    title: "This link does not work any more",
    says: [/expired, was used already, or is incomplete/, /Ask whoever sent it to you for a new one/],
};
const OTHER_BROWSER = {
    status: 400,
    title: "Open the link yourself",
    says: [/did not start here/, /Open the link yourself, in the browser in which you sign in/],
};

/** Everything that belongs to one way of one person. */
export class Journeys {
    constructor({ stack, checks, chromium, folder, tenants, secrets }) {
        Object.assign(this, { stack, checks, chromium, folder, tenants, secrets });
        this.origins = [stack.url, stack.simulator];
        this.shots = 0;
    }

    /** An account of the host product. */
    async account(externalId, name) {
        return this.stack.rest("POST", "/v1/accounts", { externalId, name, timeZone: "Europe/Berlin" });
    }

    /** A connection of it with its consent link. */
    async connection(account, wanted = {}) {
        return this.stack.rest("POST", `/v1/accounts/${account.id}/connections`, wanted);
    }

    /** A way through the pages by somebody who was never here; a broken way is a failed check. */
    async journey(name, walk) {
        const person = await Person.arrive(this.chromium, this.folder);
        await this.checks.check(`${name}: to its end`, () => walk(person, name));
        await person.leave();
    }

    /** All that must hold for a page of ours. */
    async ours(person, name, response, { status, title, says = [], own = [] }) {
        const { page } = person;
        const check = (what, run) => this.checks.check(`${name}: ${what}`, run);
        await check("status, language, title, heading", async () => {
            same(response.status(), status, "the status");
            await checkOutline(page, { title, heading: title });
        });
        await check("says what happened and what to do", async () => {
            const text = await page.locator("main").innerText();
            for (const wanted of says) ensure(wanted.test(text), `'${text}' lacks ${wanted}`);
        });
        await check("tells nothing of others", async () => {
            const html = await page.content();
            const told = this.secrets.filter((secret) => !own.includes(secret) && html.includes(secret));
            ensure(told.length === 0, `it tells ${told.join(", ")}`);
            ensure(!html.includes("@"), "it tells an e-mail address");
        });
        await check("runs, frames and keeps nothing", () => checkHeaders(response));
        await check("works by keyboard, with names", () => checkKeyboard(page));
        await check("fits a phone", () => checkPhone(person));
        await check("can be read by day and by night", () => checkContrast(page));
        await check("asks nothing of other hosts, complains of nothing", () => checkQuiet(person, this.origins));
        this.shots += 1;
        await person.photograph(`${String(this.shots).padStart(2, "0")}-${name.replaceAll(/\W+/g, "-")}`);
    }

    /** All that must hold for a page of the simulated Microsoft. */
    async microsofts(person, name, heading) {
        await this.checks.check(`${name}: Microsoft's '${heading}'`, async () => {
            same(new URL(person.page.url()).origin, this.stack.simulator, "the host");
            await checkOutline(person.page, { title: heading, heading });
            await checkKeyboard(person.page);
            checkQuiet(person, this.origins);
        });
        this.shots += 1;
        const number = String(this.shots).padStart(2, "0");
        await person.photograph(`${number}-${name.replaceAll(/\W+/g, "-")}-microsoft`);
    }

    /** Opens a link and presses its button, with no checks of the pages. */
    async start(person, link) {
        await person.open(link);
        return person.press(CONTINUE);
    }

    async connected() {
        const name = "Søren & <b>Sons</b>";
        const account = await this.account("browser-happy", name);
        const connection = await this.connection(account);
        const { fabrikam } = this.tenants;
        const path = `/v1/accounts/${account.id}/connections/${connection.id}`;
        let callback;
        await this.journey("an admin connects", async (person, label) => {
            const response = await person.open(connection.consentUrl);
            const promised = await person.page.locator("dt").allInnerTexts();
            await this.ours(person, `${label}, invitation`, response, {
                status: 200,
                title: INVITATION,
                says: [
                    /^Søren & <b>Sons<\/b> asks to read your organisation’s Microsoft Entra directory\.$/m,
                    /User\.Read\.All\n.*names, e-mail addresses.*Nothing in your directory is changed/,
                    /GroupMember\.Read\.All/,
                    /Nobody is copied until the connection is enabled/,
                    /You need to be a Global Administrator/,
                    /works until \d+ \w+ \d{4}, \d\d:\d\d UTC/,
                ],
            });
            await person.press(CONTINUE);
            await this.microsofts(person, `${label}, consent`, "Permissions requested");
            await this.checks.check(`${label}: Microsoft asks for what our page said`, async () =>
                same((await person.page.locator("li").allInnerTexts()).sort(), promised.sort(), "what is asked for"));
            await this.checks.check(`${label}: the cookie is for this host and no script`, async () => {
                const cookies = await person.context.cookies(this.stack.url);
                same(cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite })), [{ httpOnly: true, sameSite: "Lax" }], "cookies");
            });
            await person.decide(fabrikam.admin.userPrincipalName, "Accept");
            await this.microsofts(person, `${label}, sign-in`, "Sign in");
            const end = await person.decide(fabrikam.admin.userPrincipalName, "Accept");
            callback = person.page.url();
            await this.ours(person, `${label}, end`, end, {
                status: 200,
                title: "Connected",
                says: [/Your organisation is connected/, /You can close this page/, /Nothing is copied until then/],
                own: [fabrikam.id],
            });
            await this.checks.check(`${label}: the host product sees it, and nobody was copied`, async () => {
                const seen = await until("ready", 30, async () => {
                    const now = await this.stack.rest("GET", path);
                    return now.status === "ready" && now;
                });
                same(seen.tenant.id, fabrikam.id, "the tenant");
                const { items } = await this.stack.rest("GET", `/v1/accounts/${account.id}/contacts`);
                same(items.length, 0, "the number of contacts");
            });
            await this.checks.check(`${label}: what was granted is what our page said`, async () => {
                const { tenants } = await this.stack.control("GET", "/tenants");
                const granted = Object.values(tenants.find(({ id }) => id === fabrikam.id).consents);
                same(granted.map((roles) => roles.sort()), [promised], "what was granted");
            });
            same(await person.context.cookies(this.stack.url), [], "cookies left behind");
            await this.checks.check(`${label}: reloading the last page changes nothing`, async () => {
                same((await person.page.reload()).status(), 400, "the status");
                same((await this.stack.rest("GET", path)).status, "ready", "the connection");
            });
        });
        await this.journey("a used link", async (person, label) =>
            this.ours(person, label, await person.open(connection.consentUrl), DEAD));
        await this.journey("the last page's address in another browser", async (person, label) => {
            await this.ours(person, label, await person.open(callback), OTHER_BROWSER);
            same((await this.stack.rest("GET", path)).status, "ready", "the connection");
        });
        return { account, connection };
    }

    async refusedByPeople() {
        const account = await this.account("browser-refusals", "Refusing Ltd");
        const { fabrikam, contoso } = this.tenants;
        const ways = [
            ["the admin cancels", fabrikam.admin, "Cancel", /cancelled or declined\. Nothing was connected\./],
            ["the admin declines", fabrikam.admin, "Decline the permissions", /cancelled or declined\. Nothing was connected\..*AADSTS65004/],
            ["a plain member consents", fabrikam.member, "Accept", /Only an administrator can agree.*Nothing was connected\..*AADSTS90094/],
        ];
        for (const [name, who, button, says] of ways) {
            const connection = await this.connection(account);
            await this.journey(name, async (person, label) => {
                await this.start(person, connection.consentUrl);
                const end = await person.decide(who.userPrincipalName, button);
                await this.ours(person, label, end, {
                    status: 400,
                    title: "Consent was not given",
                    says: [says, /Open the link again and accept, or send it to an administrator/, /Reference: \S+/],
                });
                await this.invited(account, connection);
                const again = await person.open(connection.consentUrl);
                same(again.status(), 200, "the link, opened again as the page says,");
            });
        }
        const connection = await this.connection(account);
        await this.journey("a plain member signs in", async (person, label) => {
            await this.start(person, connection.consentUrl);
            await person.decide(fabrikam.admin.userPrincipalName, "Accept");
            const end = await person.decide(fabrikam.member.userPrincipalName, "Accept");
            await this.ours(person, label, end, {
                status: 403,
                title: "Ask your admin",
                says: [/not as an administrator.*Nothing was connected/, /Send the link to a Global Administrator/],
            });
            await this.invited(account, connection);
        });
        await this.journey("an organisation of somebody else's account", async (person, label) => {
            await this.start(person, connection.consentUrl);
            await person.decide(contoso.admin.userPrincipalName, "Accept");
            const end = await person.decide(contoso.admin.userPrincipalName, "Accept");
            await this.ours(person, label, end, {
                status: 409,
                title: "This organisation is connected already",
                says: [/in use elsewhere\. Nothing was changed/, /Have it disconnected where it is in use/],
            });
        });
    }

    async invited(account, connection) {
        const { status } = await this.stack.rest("GET", `/v1/accounts/${account.id}/connections/${connection.id}`);
        same(status, "invited", "the connection");
    }

    async badLinks() {
        const account = await this.account("browser-links", "Linking Ltd");
        const { consentUrl } = await this.connection(account);
        const forged = consentUrl.slice(0, -8) + "AAAAAAAA";
        await this.journey("a forged link", async (person, label) =>
            this.ours(person, label, await person.open(forged), DEAD));
        await this.journey("a link with a script in it", async (person, label) => {
            const script = encodeURIComponent("<script>alert(1)</script>");
            await this.ours(person, label, await person.open(`${this.stack.url}/connect/${script}`), DEAD);
            ensure(!(await person.page.content()).includes("alert"), "the address is repeated on the page");
        });
        await this.journey("an expired link", async (person, label) => {
            await this.stack.later("+71h", async () =>
                same((await person.open(consentUrl)).status(), 200, "after 71 hours the link"));
            await this.stack.later("+73h", async () =>
                this.ours(person, label, await person.open(consentUrl), DEAD));
        });
        await this.journey("a way that took too long", async (person, label) => {
            await this.start(person, consentUrl);
            await this.stack.later("+16m", async () => {
                const end = await person.decide(this.tenants.fabrikam.admin.userPrincipalName, "Accept");
                await this.ours(person, label, end, {
                    status: 400,
                    title: "This page was used already or has expired",
                    says: [/works once, for fifteen minutes/, /Open the link again and start from its page/],
                });
            });
        });
        const { consentUrl: tired } = await this.connection(account);
        await this.journey("a link started eleven times", async (person, label) => {
            for (let times = 0; times < 10; times += 1) {
                const begun = await person.context.request.post(tired, { maxRedirects: 0 });
                same(begun.status(), 303, `start ${times + 1}`);
            }
            const end = await this.start(person, tired);
            await this.ours(person, label, end, {
                status: 429,
                title: "This link was tried too often",
                says: [/can be started ten times/, /Ask whoever sent it to you for a new one/],
            });
        });
    }

    async attacks() {
        const account = await this.account("browser-attacks", "Attacked Ltd");
        const { consentUrl } = await this.connection(account);
        await this.journey("somebody else's browser comes back", async (victim, label) => {
            const attacker = await Person.arrive(this.chromium, this.folder);
            await this.start(attacker, consentUrl);
            const { fabrikam } = this.tenants;
            // The attacker has the victim open the address that Microsoft sends the attacker back to.
            const back = await attacker.context.request.post(attacker.page.url(), {
                form: { sim_user: `${fabrikam.id}/${fabrikam.admin.id}`, sim_decision: "accept" },
                maxRedirects: 0,
            });
            const stolen = back.headers().location;
            ensure(stolen.startsWith(`${this.stack.url}/oauth/callback?`), `sent back to ${stolen}`);
            await this.ours(victim, label, await victim.open(stolen), OTHER_BROWSER);
            await attacker.leave();
        });
        await this.journey("another site's page sends the form", async (person, label) => {
            await person.open(`${this.stack.simulator}/_sim/endpoints`);
            const next = person.page.waitForNavigation();
            await person.page.evaluate((action) => {
                const form = Object.assign(document.createElement("form"), { method: "post", action });
                document.body.append(form);
                form.submit();
            }, consentUrl);
            const end = await next;
            person.requests.length = 0;
            await this.ours(person, label, end, OTHER_BROWSER);
            same(await person.context.cookies(this.stack.url), [], "cookies");
        });
        await this.journey("another site frames the link", async (person) => {
            await person.open(`${this.stack.simulator}/_sim/endpoints`);
            await person.page.evaluate((src) => {
                document.body.append(Object.assign(document.createElement("iframe"), { src }));
            }, consentUrl);
            await until("the refusal to frame it", 10, () => person.complaints.some((text) => text.includes("frame-ancestors")));
            const frame = person.page.frames().find((one) => one !== person.page.mainFrame());
            same(await frame.getByRole("button").count(), 0, "buttons to be clicked unseen");
        });
    }

    async names() {
        const long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
        const account = await this.account("browser-names", long);
        const connection = await this.connection(account, { tenant: this.tenants.northwind.domains[0] });
        await this.journey("a long name, a fixed organisation", async (person, label) => {
            await this.ours(person, label, await person.open(connection.consentUrl), {
                status: 200,
                title: INVITATION,
                says: [new RegExp(`^${long} asks`, "m"), /The connection is meant for northwind\.example\./],
            });
            await person.press(CONTINUE);
            same(await person.page.locator("legend").allInnerTexts(), ["Northwind"], "whom Microsoft lets sign in");
        });
    }
}
