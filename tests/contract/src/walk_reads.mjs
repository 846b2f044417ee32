// Everything that can be read of a directory, with what to ask for.
import { EVENTUAL } from "./walker.mjs";

/** Everything that can be selected of a person in a list. */
const PERSON = [
    "id,accountEnabled,ageGroup,assignedLicenses,assignedPlans,businessPhones,city,companyName",
    "consentProvidedForMinor,country,createdDateTime,creationType,customSecurityAttributes",
    "deletedDateTime,department,displayName,employeeHireDate,employeeId,employeeLeaveDateTime",
    "employeeOrgData,employeeType,externalUserState,externalUserStateChangeDateTime,faxNumber",
    "givenName,identities,imAddresses,isResourceAccount,jobTitle,lastPasswordChangeDateTime",
    "legalAgeGroupClassification,licenseAssignmentStates,mail,mailNickname,mobilePhone",
    "officeLocation,onPremisesDistinguishedName,onPremisesDomainName",
    "onPremisesExtensionAttributes,onPremisesImmutableId,onPremisesLastSyncDateTime",
    "onPremisesSamAccountName,onPremisesSecurityIdentifier,onPremisesSyncEnabled",
    "onPremisesUserPrincipalName,otherMails,passwordPolicies,postalCode,preferredDataLocation",
    "preferredLanguage,provisionedPlans,proxyAddresses,securityIdentifier,showInAddressList",
    "signInSessionsValidFromDateTime,state,streetAddress,surname,usageLocation,userPrincipalName",
    "userType",
].join(",");
/** Only on a single person. */
const ALONE = "id,aboutMe,birthday,hireDate,interests,mySite,pastProjects,preferredName,responsibilities,schools,skills,mailboxSettings,signInActivity";

/** Ids to ask for. */
export async function gather(simulator, tenant) {
    const at = `/tenants/${tenant.id}`;
    const users = (await simulator.control("GET", `${at}/users?limit=100000`)).users;
    const groups = (await simulator.control("GET", `${at}/groups?members=true`)).groups;
    const live = users.filter((user) => user._state === "live");
    const units = (await simulator.control("GET", `${at}/units`)).units;
    const devices = (await simulator.control("GET", `${at}/devices`)).devices;
    const named = (name) => groups.find((group) => group.displayName === name).id;
    const withMailbox = live.find(
        (user) => user.mail && user.userType !== "Guest" && (user.assignedLicenses ?? []).length,
    );
    const [binned, photographed] = live.filter((user) => user.userType === "Guest");
    await simulator.control("DELETE", `${at}/users/${binned.id}`);
    await simulator.control("PUT", `${at}/users/${photographed.id}/photo`);
    const unified = (
        await simulator.control("POST", `${at}/groups`, { displayName: "Old list", groupTypes: ["Unified"] })
    ).id;
    await simulator.control("DELETE", `${at}/groups/${unified}`);
    return {
        admin: tenant.admin.id,
        user: live.find((user) => user._manager).id,
        mailbox: withMailbox.id,
        photographed: photographed.id,
        binned: binned.id,
        mixed: named("Workplace"),
        nested: named("Head Office"),
        cycle: named("Project Atlas"),
        unit: units.find((unit) => unit.displayName === "Region South").id,
        owned: devices.find((device) => device._owner),
        managed: devices.find((device) => device._managedDeviceId)._managedDeviceId,
        contact: groups
            .flatMap((group) => group._members)
            .find((member) => member.type === "orgContact").id,
    };
}

/** Each read with the type of its body. */
export function reads(facts, tenant) {
    const window = "startDateTime=2026-11-01T00:00:00Z&endDateTime=2026-11-30T00:00:00Z";
    const user = `/users/${facts.user}`;
    const entity = (path, type) => ({ path, type, shape: "entity" });
    return [
        { path: "/users", type: "user" },
        { path: `/users?$select=${PERSON}&$top=999`, type: "user" },
        { path: "/users?$select=id,signInActivity&$top=999", type: "user" },
        { path: "/users?$expand=manager($select=id)&$select=id", type: "user" },
        { path: "/users?$count=true&$filter=endsWith(mail,'example')", type: "user", headers: EVENTUAL },
        { path: '/users?$search="displayName:a"&$top=7', type: "user", headers: EVENTUAL, pages: 3 },
        { path: "/users?$orderby=displayName&$top=50", type: "user", pages: 3 },
        { path: "/users/$count", shape: "count", headers: EVENTUAL },
        { path: "/users/delta", type: "user" },
        { path: `/users/delta?$select=${PERSON}`, type: "user" },
        { path: "/users/delta?$select=displayName,manager", type: "user" },
        entity(user, "user"),
        entity(`${user}?$select=${PERSON}`, "user"),
        entity(`/users/${facts.mailbox}?$select=${ALONE}`, "user"),
        entity(`${user}/manager`, "user"),
        ...["memberOf", "transitiveMemberOf"].flatMap((list) => [
            { path: `${user}/${list}`, type: "directoryObject" },
            { path: `/users/${facts.admin}/${list}`, type: "directoryObject" },
            { path: `${user}/${list}/microsoft.graph.group?$count=true`, type: "group", headers: EVENTUAL },
            {
                path: `/users/${facts.admin}/${list}/microsoft.graph.directoryRole`,
                type: "directoryRole",
            },
        ]),
        { path: "/groups", type: "group" },
        { path: "/groups?$top=3&$select=id,displayName", type: "group" },
        { path: "/groups/$count", shape: "count", headers: EVENTUAL },
        { path: "/groups/delta", type: "group" },
        { path: "/groups/delta?$select=displayName,members", type: "group" },
        entity(`/groups/${facts.nested}`, "group"),
        ...["members", "transitiveMembers"].flatMap((list) => [
            { path: `/groups/${facts.mixed}/${list}`, type: "directoryObject" },
            { path: `/groups/${facts.nested}/${list}?$top=7`, type: "directoryObject", pages: 5 },
            { path: `/groups/${facts.cycle}/${list}`, type: "directoryObject" },
            { path: `/groups/${facts.nested}/${list}/$count`, shape: "count", headers: EVENTUAL },
            {
                path: `/groups/${facts.nested}/${list}/microsoft.graph.user?$count=true&$select=${PERSON}`,
                type: "user",
                headers: EVENTUAL,
            },
        ]),
        entity(`/directoryObjects/${facts.user}`, "directoryObject"),
        entity(`/directoryObjects/${facts.mixed}`, "directoryObject"),
        { path: "/directory/deletedItems/microsoft.graph.user", type: "user" },
        { path: "/directory/deletedItems/microsoft.graph.group", type: "group" },
        entity(`/directory/deletedItems/${facts.binned}`, "directoryObject"),
        { path: "/organization", type: "organization" },
        entity(`/organization/${tenant.id}`, "organization"),
        { path: "/devices?$top=20", type: "device" },
        { path: "/devices?$select=id,deviceId,displayName&$filter=operatingSystem eq 'Windows'", type: "device" },
        entity(`/devices/${facts.owned.id}`, "device"),
        { path: `/users/${facts.owned._owner}/registeredDevices`, type: "directoryObject" },
        { path: `/users/${facts.owned._owner}/ownedDevices`, type: "directoryObject" },
        { path: "/deviceManagement/managedDevices", type: "managedDevice" },
        entity(`/deviceManagement/managedDevices/${facts.managed}`, "managedDevice"),
        { path: `/users/${facts.owned._owner}/managedDevices`, type: "managedDevice" },
        { path: "/subscribedSkus", type: "subscribedSku" },
        entity(`/subscribedSkus/${tenant.id}_6fd2c87f-b296-42f0-b197-1e91e994b900`, "subscribedSku"),
        { path: `/users/${facts.mailbox}/licenseDetails`, type: "licenseDetails" },
        {
            path: "/reports/authenticationMethods/userRegistrationDetails?$top=999",
            type: "userRegistrationDetails",
        },
        entity(
            `/reports/authenticationMethods/userRegistrationDetails/${facts.admin}`,
            "userRegistrationDetails",
        ),
        entity(`/users/${facts.mailbox}/mailboxSettings`, "mailboxSettings"),
        entity(`/users/${facts.photographed}/photo`, "profilePhoto"),
        { path: `/users/${facts.photographed}/photo/$value`, shape: "jpeg" },
        { path: `/users/${facts.photographed}/photos`, type: "profilePhoto" },
        entity(`/users/${facts.photographed}/photos/96x96`, "profilePhoto"),
        { path: `/users/${facts.photographed}/photos/48x48/$value`, shape: "jpeg" },
        { path: `/users/${facts.mailbox}/calendarView?${window}`, type: "event" },
        { path: `/users/${facts.mailbox}/calendarView/delta?${window}`, type: "event" },
        { path: "/directory/administrativeUnits", type: "administrativeUnit" },
        { path: "/directory/administrativeUnits?$select=id,displayName&$top=2", type: "administrativeUnit", pages: 2 },
        entity(`/directory/administrativeUnits/${facts.unit}`, "administrativeUnit"),
        { path: `/directory/administrativeUnits/${facts.unit}/members?$select=id&$top=50`, type: "directoryObject", pages: 3 },
        {
            path: `/directory/administrativeUnits/${facts.unit}/members/microsoft.graph.user?$count=true&$select=${PERSON}`,
            type: "user",
            headers: EVENTUAL,
        },
        ...["members", "members/microsoft.graph.user"].map((list) => ({
            path: `/directory/administrativeUnits/${facts.unit}/${list}/$count`,
            shape: "count",
            headers: EVENTUAL,
        })),
        { path: "/contacts", type: "orgContact" },
        entity(`/contacts/${facts.contact}`, "orgContact"),
    ];
}
