// What holds for every page, whatever it says.
import { ensure, same } from "./checks.mjs";

const CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
/** WCAG 2.2 AA, 1.4.3, and 2.5.8. */
const CONTRAST = 4.5;
const TARGET = 24;

/** Language, title, headings. */
export async function checkOutline(page, { title, heading }) {
    same(await page.locator("html").getAttribute("lang"), "en", "lang");
    same(await page.title(), title, "the title");
    same(await page.locator("h1").allInnerTexts(), [heading], "the first heading");
    const levels = await page.locator("h1,h2,h3,h4,h5,h6").evaluateAll((all) => all.map((node) => Number(node.tagName[1])));
    levels.forEach((level, place) =>
        ensure(level <= (levels[place - 1] ?? 0) + 1, `headings jump: ${levels.join(" ")}`));
}

/** Tab reaches each control once round, shows where it is, and a reader can name each. */
export async function checkKeyboard(page) {
    await page.evaluate((controls) => {
        document.activeElement?.blur();
        getSelection()?.removeAllRanges();
        const shown = [...document.querySelectorAll(controls)].filter((node) => node.checkVisibility());
        // Of radio buttons with one name, Tab reaches the chosen one; the arrows reach the others.
        globalThis.expected = shown.filter((node) => !node.disabled && (node.type !== "radio" || node.checked));
        globalThis.reached = new Set();
    }, CONTROLS);
    const count = await page.evaluate(() => globalThis.expected.length);
    for (let presses = 0; presses < count * 2 + 2; presses += 1) {
        await page.keyboard.press("Tab");
        const unseen = await page.evaluate(() => {
            const node = document.activeElement;
            if (!node || node === document.body) return null;
            globalThis.reached.add(node);
            const style = getComputedStyle(node);
            return style.outlineStyle === "none" && style.boxShadow === "none" ? node.outerHTML : null;
        });
        ensure(!unseen, `the focus cannot be seen on ${unseen}`);
    }
    const missed = await page.evaluate(() =>
        globalThis.expected.filter((node) => !globalThis.reached.has(node)).map((node) => node.outerHTML));
    ensure(missed.length === 0, `Tab does not reach ${missed.join(", ")}`);
    return checkNames(page);
}

/** Assistive software can name each control: Chromium's own accessibility tree says so. */
export async function checkNames(page) {
    const session = await page.context().newCDPSession(page);
    const { nodes } = await session.send("Accessibility.getFullAXTree");
    await session.detach();
    const roles = ["button", "link", "radio", "checkbox", "textbox", "combobox", "dialog"];
    const controls = nodes.filter((node) => !node.ignored && roles.includes(node.role?.value));
    const nameless = controls.filter((node) => !node.name?.value?.trim()).map((node) => node.role.value);
    ensure(nameless.length === 0, `without a name: ${nameless.join(", ")}`);
    return controls.map((node) => node.name.value);
}

/** On a phone: nothing to scroll sideways, text in its size, buttons to hit. */
export async function checkPhone(person) {
    await person.onPhone(async () => {
        const seen = await person.page.evaluate(({ controls, target }) => ({
            window: innerWidth,
            page: document.scrollingElement.scrollWidth,
            viewport: document.querySelector("meta[name=viewport]")?.content ?? "",
            text: parseFloat(getComputedStyle(document.body).fontSize),
            small: [...document.querySelectorAll(controls)]
                .map((node) => ({ node, size: node.getBoundingClientRect() }))
                .filter(({ size }) => size.height > 0 && Math.min(size.height, size.width) < target)
                .map(({ node }) => node.outerHTML),
        }), { controls: CONTROLS, target: TARGET });
        ensure(seen.page <= seen.window, `${seen.page} pixels in a window of ${seen.window}`);
        ensure(seen.viewport.includes("width=device-width"), `viewport is '${seen.viewport}'`);
        ensure(seen.text >= 16, `text of ${seen.text} pixels`);
        ensure(seen.small.length === 0, `below ${TARGET} pixels: ${seen.small.join(", ")}`);
    });
}

/** Every text can be told from what is behind it, by day and by night. */
export async function checkContrast(page) {
    for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        const weakest = await page.evaluate(weakestContrast);
        ensure(weakest.ratio >= CONTRAST, `${colorScheme}: ${weakest.ratio.toFixed(2)} at '${weakest.text}'`);
    }
    await page.emulateMedia({ colorScheme: "light" });
}

function weakestContrast() {
    const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    // Canvas colours are resolved by painting them; system colours by way of an element.
    const system = document.createElement("i");
    document.body.append(system);
    system.style.color = "Canvas";
    const canvas = getComputedStyle(system).color;
    system.remove();
    const over = (...layers) => {
        brush.clearRect(0, 0, 1, 1);
        for (const [colour, opacity] of layers) {
            brush.globalAlpha = opacity;
            brush.fillStyle = colour;
            brush.fillRect(0, 0, 1, 1);
        }
        return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (rgb) => {
        const [r, g, b] = rgb.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let weakest = { ratio: Infinity, text: "" };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement;
        const text = walker.currentNode.data.trim();
        if (!text || !node.checkVisibility()) continue;
        const line = [];
        for (let at = node; at; at = at.parentElement) line.unshift(getComputedStyle(at));
        const grounds = [[canvas, 1], ...line.map((style) => [style.backgroundColor, 1])];
        const opacity = line.reduce((all, style) => all * Number(style.opacity), 1);
        const behind = over(...grounds);
        const before = over(...grounds, [getComputedStyle(node).color, opacity]);
        const [low, high] = [luminance(behind), luminance(before)].sort((a, b) => a - b);
        const ratio = (high + 0.05) / (low + 0.05);
        if (ratio < weakest.ratio) weakest = { ratio, text };
    }
    return weakest;
}

/** Nothing can run, be framed, be kept, or be loaded from elsewhere. */
export async function checkHeaders(response) {
    const headers = await response.allHeaders();
    const policy = headers["content-security-policy"] ?? "";
    ensure(policy.includes("default-src 'none'"), `policy is '${policy}'`);
    ensure(policy.includes("frame-ancestors 'none'"), "the page may be framed");
    for (const word of ["unsafe-inline", "unsafe-eval", "*", "data:", "http"]) {
        ensure(!policy.includes(word), `the policy allows ${word}`);
    }
    same(headers["cache-control"], "no-store", "cache-control");
    same(headers["x-content-type-options"], "nosniff", "x-content-type-options");
    same(headers["referrer-policy"], "same-origin", "referrer-policy");
}

/** Nothing was asked of any third host, and nothing went wrong unseen. */
export function checkQuiet(person, origins) {
    const foreign = person.requests.map(({ url }) => url).filter((url) => !origins.includes(new URL(url).origin));
    ensure(foreign.length === 0, `asked elsewhere: ${foreign.join(", ")}`);
    const [own] = origins;
    const extras = person.requests.filter(({ url, kind }) => url.startsWith(own) && kind !== "document");
    ensure(extras.length === 0, `loaded besides pages: ${extras.map(({ url }) => url).join(", ")}`);
    // Chromium notes every page with a status from 400 on; the pages' statuses are checked as such.
    const complaints = person.complaints
        .filter((text) => !/status of \d+ .*\/(oauth\/callback|connect\/)/.test(text))
        // Microsoft has an icon for its tabs, the simulator has none; our pages ask for none.
        .filter((text) => !/status of 404 .*\/favicon\.ico/.test(text) || text.includes(own));
    ensure(complaints.length === 0, complaints.join("; "));
}
