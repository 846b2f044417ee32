// What every body must keep to: control members have their own rules, the rest its closed schema.
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z$/;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Directory extensions are named for the app that owns them; no type can list them. */
const EXTENSION = /^extension_[0-9a-f]{32}_\w+$/;
/** Instants that are local times with a time zone beside them. */
const LOCAL_TIMES = new Set(["dateTimeTimeZone"]);

/** Checks bodies and counts what it checked. */
export class BodyChecker {
    constructor(validators, origin) {
        this.validators = validators;
        this.origin = origin;
        this.checked = new Map();
        this.problems = [];
    }

    problem(where, what) {
        this.problems.push(`${where}: ${what}`);
    }

    /** A page of `type` items. `round` allows delta links; `sparse` allows absent members. */
    page(where, body, type) {
        if (!body || !Array.isArray(body.value)) return this.problem(where, "no value");
        this.context(where, body);
        const own = Object.keys(body).filter((name) => name !== "value" && !this.isControl(name));
        if (own.length) this.problem(where, `unknown members of a page: ${own}`);
        if (body["@odata.nextLink"] && body["@odata.deltaLink"]) this.problem(where, "both links");
        for (const name of ["@odata.nextLink", "@odata.deltaLink"]) {
            const link = body[name];
            if (link !== undefined && !link.startsWith(`${this.origin}/v1.0/`)) {
                this.problem(where, `${name} leads to ${link}`);
            }
        }
        for (const item of body.value) this.item(where, item, type);
    }

    /** A single resource. */
    entity(where, body, type) {
        this.context(where, body);
        this.item(where, body, type);
    }

    context(where, body) {
        const context = body["@odata.context"];
        if (typeof context !== "string" || !context.startsWith(`${this.origin}/v1.0/$metadata#`)) {
            this.problem(where, `@odata.context is ${context}`);
        }
    }

    item(where, item, declared) {
        const tag = item["@odata.type"];
        const type = tag ? tag.replace("#microsoft.graph.", "") : declared;
        const removed = item["@removed"];
        if (removed && !["changed", "deleted"].includes(removed.reason)) {
            this.problem(where, `@removed is ${JSON.stringify(removed)}`);
        }
        this.against(where, type, this.stripped(where, item));
        if (["user", "group", "device", "orgContact"].includes(type)) {
            if (item.id !== undefined && !GUID.test(item.id)) this.problem(where, `id ${item.id}`);
        }
    }

    /** Without control members; those with content of their own are checked on the way. */
    stripped(where, value, name = "") {
        if (Array.isArray(value)) return value.map((part) => this.stripped(where, part, name));
        if (value === null || typeof value !== "object") {
            this.instant(where, name, value);
            return value;
        }
        const kept = {};
        for (const [member, content] of Object.entries(value)) {
            if (member.endsWith("@delta")) {
                for (const item of content) this.item(`${where} ${member}`, item, "directoryObject");
            } else if (EXTENSION.test(member)) {
                if (content !== null && typeof content !== "string") {
                    this.problem(where, `${member} is ${JSON.stringify(content)}`);
                }
            } else if (!this.isControl(member)) {
                kept[member] = this.stripped(where, content, LOCAL_TIMES.has(name) ? "" : member);
            }
        }
        return kept;
    }

    instant(where, name, value) {
        if (!/(DateTime|Date|birthday)$/.test(name) || value === null) return;
        if (name === "dateTime" || name === "employeeLeaveDate") return;
        if (typeof value !== "string" || !INSTANT.test(value)) {
            this.problem(where, `${name} is ${JSON.stringify(value)}`);
        }
    }

    isControl(name) {
        return name.includes("@odata.") || name.startsWith("@microsoft.graph.") || name === "@removed";
    }

    against(where, type, value) {
        const validate = this.validators[type];
        if (!validate) return this.problem(where, `there is no type '${type}'`);
        this.checked.set(type, (this.checked.get(type) ?? 0) + 1);
        if (validate(value)) return undefined;
        for (const error of validate.errors.slice(0, 5)) {
            const extra = error.params.additionalProperty ?? "";
            this.problem(where, `${type}${error.instancePath} ${error.message} ${extra}`.trim());
        }
        return undefined;
    }
}
