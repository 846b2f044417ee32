// Asks Graph page by page and holds each answer to its closed schema.

/** Pages after which a chain of links never ends. */
const LONGEST = 500;

/** What the index behind counts and searches asks for. */
export const EVENTUAL = { consistencylevel: "eventual" };

export class Walker {
    constructor(simulator, bodies, token) {
        this.simulator = simulator;
        this.bodies = bodies;
        this.token = token.access_token;
        this.requests = 0;
        bodies.against("token", "appToken", token);
    }

    async ask(path, options = {}) {
        this.requests += 1;
        const headers = { authorization: `Bearer ${this.token}`, ...options.headers };
        return this.simulator.ask(`/v1.0${path}`, { ...options, headers });
    }

    /** Asks and checks, page by page. */
    async take({ path, type, shape = "page", status = 200, pages = LONGEST, ...options }) {
        const { bodies } = this;
        let next = path;
        for (let page = 1; next !== undefined; page += 1) {
            const where = `${options.method ?? "GET"} ${next.slice(0, 120)}`;
            const answer = await this.ask(next, options);
            this.headers(where, answer);
            if (answer.status !== status) {
                bodies.problem(where, `${answer.status} ${JSON.stringify(answer.content).slice(0, 300)}`);
                return undefined;
            }
            if (status >= 400) bodies.against(where, "graphError", answer.content);
            else if (shape === "page") bodies.page(where, answer.content, type);
            else if (shape === "entity") bodies.entity(where, answer.content, type);
            else if (shape === "strings") bodies.against(where, "strings", bodies.stripped(where, answer.content));
            else if (shape === "count" && !/^\d+$/.test(answer.content.toString())) {
                bodies.problem(where, `no number: ${answer.content}`);
            } else if (shape === "jpeg" && answer.content.readUInt16BE(0) !== 0xffd8) {
                bodies.problem(where, "no JPEG");
            }
            const link = shape === "page" ? answer.content["@odata.nextLink"] : undefined;
            next = link?.slice(`${this.simulator.address}/v1.0`.length);
            if (page >= pages || page >= LONGEST) return answer;
            if (next === undefined) return answer;
        }
        return undefined;
    }

    /** Headers that every answer of Graph carries. */
    headers(where, { headers, status, content }) {
        for (const name of ["request-id", "client-request-id", "date", "strict-transport-security"]) {
            if (!headers.get(name)) this.bodies.problem(where, `no header ${name}`);
        }
        const wanted = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
        const type = headers.get("content-type");
        if (status !== 204 && !(content instanceof Buffer) && type !== wanted) {
            this.bodies.problem(where, `content-type ${type}`);
        }
    }
}
