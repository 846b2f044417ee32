// Named checks: each prints a line, none ends the others.

/** A check that does not hold. */
export class Unmet extends Error {}

/** Throws unless it holds. */
export function ensure(holds, told) {
    if (!holds) throw new Unmet(told);
}

/** Throws unless both are the same. */
export function same(found, expected, what) {
    const [is, wanted] = [JSON.stringify(found), JSON.stringify(expected)];
    ensure(is === wanted, `${what} is ${is}, not ${wanted}`);
}

/** Asks until the answer is truthy. */
export async function until(what, seconds, ask) {
    const end = Date.now() + seconds * 1_000;
    for (;;) {
        const answer = await ask();
        if (answer) return answer;
        ensure(Date.now() < end, `${what}: not within ${seconds} s`);
        await new Promise((done) => setTimeout(done, 250));
    }
}

/** All checks of one run. */
export class Checks {
    passed = 0;
    failed = [];

    /** Runs a check; answers whether it held. */
    async check(name, run) {
        try {
            await run();
            this.passed += 1;
            console.log(`ok    ${name}`);
            return true;
        } catch (error) {
            const told = error instanceof Unmet ? error.message : String(error.stack ?? error);
            this.failed.push(name);
            console.log(`FAIL  ${name}: ${told.replaceAll("\n", "\n      ")}`);
            return false;
        }
    }
}
