// Faults written in the documents must be faults the simulator takes.
import { readFile } from "node:fs/promises";

const DOCUMENTS = ["../../../docs/simulator.md", "../../entra-sim/README.md"];

/** Adds each fault that a document shows; answers how many there were. */
export async function takeDocumentedFaults(simulator, problems) {
    let taken = 0;
    for (const name of DOCUMENTS) {
        const text = await readFile(new URL(name, import.meta.url), "utf8");
        for (const [, written] of text.matchAll(/[`'](\{"(?:match|effect)":.*?\})[`']/g)) {
            const answer = await simulator.ask("/_sim/faults", { method: "POST", body: JSON.parse(written) });
            if (answer.status !== 201) {
                problems.push(`${name}: ${answer.status} ${JSON.stringify(answer.content)} for ${written}`);
            }
            taken += 1;
        }
    }
    await simulator.control("DELETE", "/faults");
    if (taken < 10) problems.push(`documents: only ${taken} faults found`);
    return taken;
}
