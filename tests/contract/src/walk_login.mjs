// A walk over the login service.
import { APP, SECRET } from "./simulator.mjs";

/** AADSTS numbers by status; 0 where the status is not documented. */
const AADSTS = [
    [401, 7000215, 7000222],
    [400, 500011, 700038, 70003],
    [0, 700016, 700011, 7000229, 7000112, 70001, 65001, 650052, 650054, 650056, 650057, 90094, 90095],
    [0, 53003, 530032, 530035, 500021, 500022, 50002, 90002, 90038],
    [0, 70002, 700027, 50012, 50013, 700024, 70021, 7000218, 900144, 90014, 9002313, 70011, 700022, 700023],
    [0, 50196, 90055, 50033, 90006, 90012, 90024, 90033, 90090, 90091],
    [0, 50034, 50020, 50126, 50076, 50079, 50105],
];

/** Every class of refusal of the token endpoint, by its number. */
async function everyClass(simulator, bodies, ask) {
    for (const [status, ...codes] of AADSTS) {
        for (const code of codes) {
            const effect = { kind: "aadsts", code };
            await simulator.control("POST", "/faults", { match: { path: "*/oauth2/v2.0/token" }, effect });
            const answer = await ask();
            const where = `AADSTS${code}`;
            bodies.against(where, "loginError", answer.content);
            const told = answer.content.error_codes?.[0];
            if (told !== code || (status && answer.status !== status) || answer.status < 400) {
                bodies.problem(where, `${answer.status} ${JSON.stringify(answer.content)}`);
            }
        }
    }
}

/** Discovery, keys, every refusal, consent, sign-in. */
export async function login(simulator, bodies, tenant) {
    for (const name of [tenant.id, tenant.domains[0], "organizations", "common"]) {
        const where = `login ${name}`;
        const found = await simulator.ask(`/${name}/v2.0/.well-known/openid-configuration`);
        bodies.against(where, "openIdConfiguration", found.content);
        const own = /^[0-9a-f-]{36}$/.test(name) || name.includes(".") ? tenant.id : "{tenantid}";
        const issuer = `${simulator.address}/${own}/v2.0`;
        if (found.content.issuer !== issuer) bodies.problem(where, `issuer ${found.content.issuer}`);
        const keys = await simulator.ask(`/${name}/discovery/v2.0/keys`);
        bodies.against(where, "keySet", keys.content);
        if (keys.content.keys.some((key) => key.issuer !== issuer)) bodies.problem(where, "key issuer");
    }
    const form = (fields) =>
        simulator.ask(`/${tenant.id}/oauth2/v2.0/token`, {
            method: "POST",
            headers: { "content-type": "application/x-www-form-urlencoded" },
            body: new URLSearchParams(fields).toString(),
        });
    const app = { client_id: APP, grant_type: "client_credentials", scope: `${simulator.address}/.default` };
    const wrong = await form({ ...app, client_secret: "wrong" });
    bodies.against("wrong secret", "loginError", wrong.content);
    if (wrong.status !== 401 || wrong.content.error_codes[0] !== 7000215) {
        bodies.problem("wrong secret", JSON.stringify(wrong.content));
    }
    await everyClass(simulator, bodies, () => form({ ...app, client_secret: SECRET }));
    await simulator.control("POST", "/next-sign-in", { tenant: tenant.id, times: 3 });
    const back = "http://127.0.0.1:9000/back";
    for (const path of ["/organizations/v2.0/adminconsent", "/organizations/adminconsent"]) {
        const query = new URLSearchParams({ client_id: APP, redirect_uri: back, state: "s", scope: app.scope });
        const answer = await simulator.ask(`${path}?${query}`);
        const target = new URL(answer.headers.get("location"));
        const names = [...target.searchParams.keys()].sort().join();
        const wanted = path.includes("v2.0") ? "admin_consent,scope,state,tenant" : "admin_consent,state,tenant";
        if (names !== wanted || target.searchParams.get("admin_consent") !== "True") {
            bodies.problem(path, target.search);
        }
    }
    const query = new URLSearchParams({
        client_id: APP,
        redirect_uri: back,
        state: "s",
        nonce: "n",
        response_type: "code",
        scope: "openid profile",
    });
    const authorized = await simulator.ask(`/${tenant.id}/oauth2/v2.0/authorize?${query}`);
    const code = new URL(authorized.headers.get("location")).searchParams.get("code");
    const redeem = {
        client_id: APP,
        client_secret: SECRET,
        grant_type: "authorization_code",
        code,
        redirect_uri: back,
    };
    bodies.against("sign-in", "signInToken", (await form(redeem)).content);
    const again = await form(redeem);
    bodies.against("code reuse", "loginError", again.content);
    if (again.content.error_codes[0] !== 54005) bodies.problem("code reuse", JSON.stringify(again.content));
}
