// Our own client on the same directory.
import { spawn } from "node:child_process";

/** Compares what the engine's client reads with what there is. */
export async function compareWithEngine(simulator, binary, tenant, problems) {
    const seen = JSON.parse(await output(binary, [simulator.address, tenant.id]));
    const at = `/tenants/${tenant.id}`;
    const { users } = await simulator.control("GET", `${at}/users?limit=100000`);
    const live = new Map(users.filter((user) => user._state === "live").map((user) => [user.id, user]));
    for (const [what, people] of Object.entries(seen.users)) {
        if (Object.keys(people).length !== live.size) {
            problems.push(`engine ${what}: ${Object.keys(people).length} of ${live.size} people`);
        }
        for (const [id, attributes] of Object.entries(people)) {
            const own = live.get(id);
            if (!own) problems.push(`engine ${what}: ${id} should not be there`);
            for (const [name, value] of Object.entries(attributes)) {
                const wanted = own?.[name] ?? (Array.isArray(value) ? [] : null);
                if (JSON.stringify(value) !== JSON.stringify(wanted)) {
                    problems.push(`engine ${what}: ${name} of ${id} is ${JSON.stringify(value)}`);
                }
            }
        }
    }
    const { groups } = await simulator.control("GET", `${at}/groups?members=true`);
    for (const [id, members] of Object.entries(seen.members)) {
        const group = groups.find((known) => known.id === id);
        const wanted = group._members.filter(({ type, id: member }) => type === "user" && live.has(member));
        const difference = wanted.map((member) => member.id).sort().join() === [...members].sort().join();
        if (!difference) problems.push(`engine members of ${group.displayName}: ${members.length} of ${wanted.length}`);
    }
    return [
        ...Object.entries(seen.users).map(([what, people]) => `${what}: ${Object.keys(people).length}`),
        `groups with members: ${Object.keys(seen.members).length}`,
    ];
}

function output(binary, args) {
    return new Promise((done, failed) => {
        const child = spawn(binary, args, { stdio: ["ignore", "pipe", "inherit"] });
        const parts = [];
        child.stdout.on("data", (part) => parts.push(part));
        child.on("error", failed);
        child.on("close", (code) => {
            if (code === 0) done(Buffer.concat(parts).toString());
            else failed(new Error(`${binary} ended with ${code}`));
        });
    });
}
