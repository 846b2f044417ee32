// Chromium, and what it tells about the pages that it shows.
import { join } from "node:path";
import { chromium } from "playwright-core";

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1200, height: 800 };

export async function startChromium() {
    return chromium.launch({
        executablePath: "/usr/bin/chromium",
        args: [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    });
}

/** One person's browser: own cookies, everything it loads and complains about kept. */
export class Person {
    static async arrive(chromium, folder) {
        const context = await chromium.newContext({ viewport: DESK, locale: "en-GB" });
        context.setDefaultTimeout(15_000);
        const person = new Person();
        person.folder = folder;
        person.context = context;
        person.requests = [];
        person.complaints = [];
        context.on("request", (request) =>
            person.requests.push({ url: request.url(), kind: request.resourceType() }));
        context.on("weberror", (error) => person.complaints.push(String(error.error())));
        context.on("console", (message) => {
            if (!["error", "warning"].includes(message.type())) return;
            person.complaints.push(`${message.text()} (${message.location().url})`);
        });
        person.page = await context.newPage();
        return person;
    }

    /** Opens an address; answers the response. */
    async open(url) {
        return this.page.goto(url);
    }

    /** Presses Tab until the element has the focus. */
    async tabTo(locator) {
        for (let presses = 0; presses < 40; presses += 1) {
            await this.page.keyboard.press("Tab");
            if (await locator.evaluate((node) => node === document.activeElement)) return;
        }
        throw new Error(`Tab never reaches ${locator}`);
    }

    /** Goes to a button by keyboard and presses it; answers the page that follows. */
    async press(name) {
        await this.tabTo(this.page.getByRole("button", { name, exact: true }));
        const next = this.page.waitForNavigation();
        await this.page.keyboard.press("Enter");
        return next;
    }

    /** At Microsoft's page: chooses a person by keyboard, then a button. */
    async decide(userPrincipalName, button) {
        const radios = this.page.getByRole("radio");
        const wanted = this.page.getByRole("radio", { name: userPrincipalName });
        await this.tabTo(radios.and(this.page.locator(":checked")));
        for (let presses = 0; !(await wanted.isChecked()); presses += 1) {
            if (presses > 40) throw new Error(`the arrow keys never reach ${userPrincipalName}`);
            await this.page.keyboard.press("ArrowDown");
        }
        return this.press(button);
    }

    /** The page on a desk, on a phone, and in the dark. */
    async photograph(name) {
        const shoot = (variant) =>
            this.page.screenshot({ path: join(this.folder, `${name}-${variant}.png`), fullPage: true });
        await shoot("desk");
        await this.page.emulateMedia({ colorScheme: "dark" });
        await shoot("dark");
        await this.page.emulateMedia({ colorScheme: "light" });
        await this.onPhone(() => shoot("phone"));
    }

    /** Runs it while the window is as narrow as a phone. */
    async onPhone(act) {
        await this.page.setViewportSize(PHONE);
        try {
            return await act();
        } finally {
            await this.page.setViewportSize(DESK);
        }
    }

    leave() {
        return this.context.close();
    }
}
