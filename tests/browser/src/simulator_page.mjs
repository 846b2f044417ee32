// The simulator's own page: a directory changed by hand, and the change in the host product.
import { ensure, same, until } from "./checks.mjs";
import { Person } from "./browser.mjs";
import { checkKeyboard, checkNames, checkOutline, checkQuiet } from "./inspection.mjs";

export async function changeByHand({ stack, checks, chromium, folder, tenants }, { account, connection }) {
    const person = await Person.arrive(chromium, folder);
    const { page } = person;
    const { fabrikam } = tenants;
    const check = (what, run) => checks.check(`the simulator's page: ${what}`, run);
    const root = `/v1/accounts/${account.id}`;

    await check("title, language, tenants", async () => {
        await person.open(`${stack.simulator}/_sim/`);
        await checkOutline(page, { title: "Simulated Entra", heading: "Simulated Entra ID and Graph" });
        await page.locator("#tenant option").nth(2).waitFor({ state: "attached" });
        same(await page.locator("#tenant option").allInnerTexts(),
            ["Contoso (contoso.example)", "Fabrikam (fabrikam.example)", "Northwind (northwind.example)"], "the tenants");
        await page.getByLabel("Tenant").selectOption(fabrikam.id);
        await page.getByText(`${fabrikam.id} · `).waitFor();
        ensure((await page.locator("#consents").innerText()).includes("consented, "), "no consent is shown");
    });
    await check("a changed person arrives as a contact", async () => {
        await stack.rest("POST", `${root}/connections/${connection.id}/enable`, { tenantId: fabrikam.id });
        const [contact] = await until("contacts", 60, async () => {
            const { items } = await stack.rest("GET", `${root}/contacts?source=entra`);
            const { running } = await stack.rest("GET", `${root}/connections/${connection.id}`);
            return items.length > 0 && !running && items;
        });
        await page.getByLabel("Find").fill(contact.link.userPrincipalName);
        const line = page.locator("#users tr").filter({ hasText: contact.link.userPrincipalName });
        await until("the one person that was looked for", 10, async () => (await page.locator("#users tr").count()) === 1);
        await line.getByRole("button", { name: "Edit", exact: true }).click();
        await page.getByRole("dialog").waitFor();
        await person.photograph("90-simulator-editor");
        await check("the editor's controls have names", () => checkNames(page));
        const editor = page.locator("#json");
        const properties = JSON.parse(await editor.inputValue());
        await editor.fill(JSON.stringify({ ...properties, jobTitle: "Keeper of Browsers" }));
        await page.getByRole("button", { name: "Save" }).click();
        await page.getByText("Done.", { exact: true }).waitFor();
        await until("the new job title", 60, async () => {
            const { fields } = await stack.rest("GET", `${root}/contacts/${contact.id}`);
            return fields.jobTitle === "Keeper of Browsers";
        });
    });
    await check("fits a desk", async () => {
        const [is, window] = await page.evaluate(() => [document.scrollingElement.scrollWidth, innerWidth]);
        ensure(is <= window, `${is} pixels in a window of ${window}`);
    });
    await check("works by keyboard, with names", async () => {
        await page.getByLabel("Find").fill("nobody is called that");
        await until("nobody", 10, async () => (await page.locator("#users tr").count()) === 0);
        await checkKeyboard(page);
    });
    await check("asks nothing of other hosts, complains of nothing", () => checkQuiet(person, [stack.url, stack.simulator]));
    await page.getByLabel("Find").fill("");
    await page.locator("#users tr").nth(9).waitFor();
    await person.photograph("91-simulator");
    await person.leave();
}
