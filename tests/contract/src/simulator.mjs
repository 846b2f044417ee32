// The compiled simulator as a process of its own.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export const GRAPH = "https://graph.microsoft.com";
export const APP = "11111111-2222-4333-8444-555555555555";
export const SECRET = "local-development-secret";

/** Starts it on a free port and waits for its ready line. */
export async function startSimulator(binary, options = []) {
    const child = spawn(binary, ["--port", "0", ...options], {
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, RUST_LOG: "warn" },
    });
    const lines = createInterface({ input: child.stdout });
    const address = await new Promise((found, failed) => {
        const limit = setTimeout(() => failed(new Error("the simulator was not ready in 60 s")), 60_000);
        lines.on("line", (line) => {
            if (!line.startsWith("ready ")) return;
            clearTimeout(limit);
            found(line.slice("ready ".length).trim());
        });
        child.on("exit", (code) => failed(new Error(`the simulator ended with ${code}`)));
    });
    if (!/^http:\/\/127\.0\.0\.1:\d+$/.test(address)) throw new Error(`listens at ${address}`);
    return new Simulator(child, address);
}

export class Simulator {
    constructor(child, address) {
        this.child = child;
        this.address = address;
        this.fetch = globalThis.fetch;
    }

    /**
     * Puts this process in front of Graph's real name: Microsoft's client sends tokens and follows
     * links there and nowhere else. Names are exchanged on the way, as a proxy would.
     */
    becomeGraph() {
        globalThis.fetch = async (input, init) => {
            const url = typeof input === "string" ? input : input.url;
            const local = url.replace(GRAPH, this.address);
            const request = typeof input === "string" ? local : new Request(local, input);
            const answer = await this.fetch(request, init);
            const text = (await answer.text()).replaceAll(this.address, GRAPH);
            const headers = new Headers(answer.headers);
            headers.delete("content-encoding");
            headers.delete("content-length");
            const empty = answer.status === 204;
            return new Response(empty ? null : text, { status: answer.status, headers });
        };
    }

    async stop() {
        this.child.removeAllListeners("exit");
        if (this.child.exitCode !== null) return;
        const gone = new Promise((done) => this.child.once("exit", done));
        this.child.kill("SIGINT");
        const patience = setTimeout(() => this.child.kill("SIGKILL"), 5_000);
        await gone;
        clearTimeout(patience);
    }

    /** A request as it is, relative to the simulator. */
    async ask(path, { method = "GET", headers = {}, body } = {}) {
        const json = body !== undefined && typeof body !== "string";
        const answer = await this.fetch(this.address + path, {
            method,
            redirect: "manual",
            headers: { ...(json ? { "content-type": "application/json" } : {}), ...headers },
            body: json ? JSON.stringify(body) : body,
        });
        const bytes = Buffer.from(await answer.arrayBuffer());
        const type = answer.headers.get("content-type") ?? "";
        const content = type.includes("json") && bytes.length ? JSON.parse(bytes) : bytes;
        return { status: answer.status, headers: answer.headers, type, content };
    }

    /** The control API; anything but a success is an error. */
    async control(method, path, body) {
        const answer = await this.ask(`/_sim${path}`, { method, body });
        if (answer.status >= 300) {
            throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.content)}`);
        }
        return answer.content;
    }

    /** A token by client credentials. */
    async token(tenant) {
        const form = new URLSearchParams({
            client_id: APP,
            client_secret: SECRET,
            grant_type: "client_credentials",
            scope: `${GRAPH}/.default`,
        });
        const answer = await this.ask(`/${tenant}/oauth2/v2.0/token`, {
            method: "POST",
            headers: { "content-type": "application/x-www-form-urlencoded" },
            body: form.toString(),
        });
        if (answer.status !== 200) throw new Error(`no token: ${JSON.stringify(answer.content)}`);
        return answer.content;
    }
}
