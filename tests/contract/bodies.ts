// The resources whose bodies the simulator sends. Closed schemas are generated from these types.
import type {
    AdministrativeUnit,
    ChangeNotificationCollection,
    Device,
    DirectoryObject,
    DirectoryRole,
    Event,
    Group,
    LicenseDetails,
    MailboxSettings,
    ManagedDevice,
    Organization,
    OrgContact,
    ProfilePhoto,
    ServicePrincipal,
    SubscribedSku,
    Subscription,
    User,
    UserRegistrationDetails,
} from "@microsoft/microsoft-graph-types";

export interface Bodies {
    administrativeUnit: AdministrativeUnit;
    changeNotificationCollection: ChangeNotificationCollection;
    device: Device;
    directoryObject: DirectoryObject;
    directoryRole: DirectoryRole;
    event: Event;
    group: Group;
    licenseDetails: LicenseDetails;
    mailboxSettings: MailboxSettings;
    managedDevice: ManagedDevice;
    organization: Organization;
    orgContact: OrgContact;
    profilePhoto: ProfilePhoto;
    servicePrincipal: ServicePrincipal;
    subscribedSku: SubscribedSku;
    subscription: Subscription;
    user: User;
    userRegistrationDetails: UserRegistrationDetails;
}
