// The tenants: three throttling sizes, addresses in common, no object in common.

/** Answers their sizes and how much they share. */
export async function tenantsApart(simulator, problems) {
    const { tenants } = await simulator.control("GET", "/tenants");
    const [ids, addresses] = [new Map(), new Map()];
    for (const { id, name } of tenants) {
        const { users } = await simulator.control("GET", `/tenants/${id}/users?limit=100000`);
        for (const user of users) {
            if (ids.has(user.id)) problems.push(`tenants: ${user.id} is in ${name} and ${ids.get(user.id)}`);
            ids.set(user.id, name);
            if (user.mail) addresses.set(user.mail, (addresses.get(user.mail) ?? new Set()).add(name));
        }
    }
    const shared = [...addresses.values()].filter((names) => names.size > 1).length;
    if (tenants.length < 3 || shared === 0) problems.push("tenants: no three with addresses in common");
    return `${tenants.map(({ name, users }) => `${name} ${users}`).join(", ")}; ${shared} addresses in more than one`;
}
