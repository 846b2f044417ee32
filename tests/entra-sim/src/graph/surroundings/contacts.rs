//! Mail contacts of the organisation.

use std::borrow::Cow;

use serde_json::json;
use uuid::Uuid;

use super::collection::Collection;
use crate::directory::OtherObject;
use crate::directory::derived::built;
use crate::directory::members::MemberKind;
use crate::directory::object::DirectoryObject;
use crate::directory::properties::Catalogue;
use crate::exchange::Reply;
use crate::graph::Call;
use crate::graph::errors::GraphError;
use crate::graph::permissions::{CONTACTS, require};
use crate::graph::users::tenant;
use crate::world::World;

const LIST: Collection<'static> = Collection {
    catalogue: Catalogue::org_contacts(),
    name: "contacts",
    odata_type: None,
    emptied: &[],
};

/// `GET /contacts`
pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Reply, GraphError> {
    require(call.claims, CONTACTS)?;
    let others = &tenant(world, call)?.directory.others;
    let contacts = others.iter().filter(|(_, other)| other.kind == MemberKind::OrgContact);
    LIST.page(world, call, contacts.map(|(id, other)| Cow::Owned(contact(*id, other))))
}

/// `GET /contacts/{id}`
pub(super) fn one(world: &World, call: &Call<'_>, reference: &str) -> Result<Reply, GraphError> {
    require(call.claims, CONTACTS)?;
    let others = &tenant(world, call)?.directory.others;
    let found = Uuid::try_parse(reference).ok().and_then(|id| Some((id, others.get(&id)?)));
    let (id, other) = found
        .filter(|(_, other)| other.kind == MemberKind::OrgContact)
        .ok_or_else(|| GraphError::not_found(reference))?;
    LIST.entity(world, call, &contact(id, other))
}

fn contact(id: Uuid, other: &OtherObject) -> DirectoryObject {
    let nickname: String = other.display_name.chars().filter(char::is_ascii_alphanumeric).collect();
    let mail = format!("{}@counsel.example", nickname.to_lowercase());
    let members = json!({
        "displayName": other.display_name,
        "mail": mail,
        "mailNickname": nickname,
        "companyName": "Counsel & Partners",
        "proxyAddresses": [format!("SMTP:{mail}")],
    });
    built(id, &Catalogue::org_contacts(), members.as_object().unwrap_or(&serde_json::Map::new()))
}
