// The whole product as a process of its own, on a simulated Microsoft.
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

/** The function whose clock is ours: it judges links and ways back. */
const TIMED = "oauth-consent";
const PATIENCE = 240_000;

/**
 * The functions' programs in a folder where one of them reads the time through libfaketime. Lambda's
 * environment is closed, so a script of the program's name sets the variables.
 */
function programs(binary, faketime, folder) {
    const built = dirname(binary);
    const offset = join(folder, "clock-offset");
    const wrapped = join(folder, "functions");
    mkdirSync(wrapped);
    for (const name of readdirSync(built)) {
        const path = join(built, name);
        const { mode } = statSync(path);
        if (name !== TIMED && statSync(path).isFile() && mode & 0o100) symlinkSync(path, join(wrapped, name));
    }
    writeFileSync(offset, "+0\n");
    const script = join(wrapped, TIMED);
    const variables = [
        `LD_PRELOAD=${faketime}`,
        `FAKETIME_TIMESTAMP_FILE=${offset}`,
        "FAKETIME_CACHE_DURATION=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
    ];
    writeFileSync(script, `#!/bin/sh\nexec env ${variables.join(" ")} '${join(built, TIMED)}' "$@"\n`);
    chmodSync(script, 0o755);
    return { wrapped, offset };
}

/** Starts it with small directories and waits until its own demonstration is over. */
export async function startStack(binary, faketime, folder) {
    const { wrapped, offset } = programs(binary, faketime, folder);
    const options = ["--users", "60", "--port", "0", "--functions-dir", wrapped];
    // Ends with this process, however this process ends.
    const child = spawn("setpriv", ["--pdeathsig", "TERM", "--", binary, ...options], {
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
    });
    const stack = new Stack(child, offset);
    const log = [];
    const serving = new Promise((found, failed) => {
        const late = setTimeout(() => failed(new Error("the stack was not ready in time")), PATIENCE);
        createInterface({ input: child.stdout }).on("line", (line) => {
            const [word, value] = line.split(" ");
            if (word === "ready") stack.url = value;
            if (word === "token") stack.token = value;
            log.push(line);
        });
        createInterface({ input: child.stderr }).on("line", (line) => {
            stack.simulator ??= line.match(/^Simulated Entra and Graph at (http:\S+)\/_sim\/$/)?.[1];
            log.push(line);
            if (line.startsWith("Serving")) found(clearTimeout(late));
        });
        child.once("error", failed);
        child.once("exit", (code) => failed(new Error(`the stack ended with ${code}`)));
    });
    try {
        await serving;
        for (const [name, value] of Object.entries({ ready: stack.url, simulator: stack.simulator })) {
            if (!/^http:\/\/127\.0\.0\.1:\d+$/.test(value)) throw new Error(`${name}: ${value}`);
        }
    } catch (error) {
        await stack.stop();
        throw new Error(`${error.message}\n${log.slice(-20).join("\n")}`);
    }
    return stack;
}

export class Stack {
    #child;
    #offset;

    constructor(child, offset) {
        this.#child = child;
        this.#offset = offset;
    }

    get pid() {
        return this.#child.pid;
    }

    /** Ends it and whatever it started. */
    async stop() {
        const child = this.#child;
        child.removeAllListeners("exit");
        if (child.exitCode === null && child.signalCode === null) {
            const gone = new Promise((done) => child.once("exit", done));
            child.kill("SIGTERM");
            const patience = setTimeout(() => child.kill("SIGKILL"), 10_000);
            await gone;
            clearTimeout(patience);
        }
        try {
            process.kill(-child.pid, "SIGKILL");
        } catch {
            // Nobody of its group is left.
        }
    }

    /** Lets the consent pages believe that it is later, while `act` runs. */
    async later(offset, act) {
        const settled = () => new Promise((done) => setTimeout(done, 1_500));
        writeFileSync(this.#offset, `${offset}\n`);
        await settled();
        try {
            return await act();
        } finally {
            writeFileSync(this.#offset, "+0\n");
            await settled();
        }
    }

    /** The REST API as the host product calls it; anything but a success is an error. */
    rest(method, path, body) {
        return ask(this.url, method, path, body, { authorization: `Bearer ${this.token}` });
    }

    /** The simulator's control API. */
    control(method, path, body) {
        return ask(this.simulator, method, `/_sim${path}`, body, {});
    }
}

async function ask(origin, method, path, body, headers) {
    const json = body === undefined ? {} : { "content-type": "application/json" };
    const answer = await fetch(origin + path, {
        method,
        headers: { ...headers, ...json },
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
}
