//! Users: listing, delta, by id, by name.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::directory::{DirectoryUser, USER_SELECT, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::segment::NextStep;
use contact_sync_engine::port::{
    ByIds, Clock, DeltaPage, DirectoryError, GraphBudget, Lane, UserPage,
};
use http::Method;
use serde::Serialize;
use serde::de::IgnoredAny;

use crate::call::{Call, Expects};
use crate::client::GraphClient;
use crate::credential::CredentialSource;
use crate::directory::{add, escape, quoted};
use crate::page::{no_json, read_page};
use crate::user_entry::{WireUser, changes, people, split, with_managers};

/// Graph's largest page of a listing.
const PAGE_SIZE: u16 = 999;

/// Graph answers so many ids in one `getByIds`.
const IDS_PER_REQUEST: usize = 1_000;

/// Graph takes so many values in one `in`.
const IDS_PER_FILTER: usize = 15;

/// Graph answers them on one page; more pages than these are a loop.
const PAGES_PER_PACKET: u8 = 20;

/// The manager, when he is selected: only his id, which Graph gives without its lagging index.
fn expanded(select: &UserSelection) -> &'static str {
    if select.has_manager() { "&$expand=manager($select=id)" } else { "" }
}

impl<S: CredentialSource, C: Clock, B: GraphBudget> GraphClient<S, C, B> {
    pub(crate) async fn users_latest(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
    ) -> Result<(String, GraphCost), DirectoryError> {
        let path = format!("/users/delta?$deltatoken=latest&$select={}", select.tracked());
        let call = Call::get("the users delta", self.endpoints.graph(&path)?);
        let read = |body: &[u8]| {
            let (_, links) = read_page::<IgnoredAny>(body)?;
            links.delta(&self.endpoints)
        };
        Ok(self.call(tenant, &call, read).await?)
    }

    pub(crate) async fn user_page(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        link: Option<&str>,
        lane: Lane,
    ) -> Result<UserPage, DirectoryError> {
        let what = "the user listing";
        let url = if let Some(link) = link {
            self.endpoints.follow(link)?
        } else {
            let (attributes, expanded) = (select.attributes(), expanded(select));
            let path = format!("/users?$select={attributes}{expanded}&$top={PAGE_SIZE}");
            self.endpoints.graph(&path)?
        };
        let call = Call { lane, ..Call::get(what, url) };
        let read = |body: &[u8]| {
            let (entries, links) = read_page(body)?;
            let next = links.of_listing(&self.endpoints, link.unwrap_or_default())?;
            Ok((people(what, entries)?, next))
        };
        let ((users, next), cost) = self.call(tenant, &call, read).await?;
        Ok(UserPage { users: with_managers(select, users), next, cost })
    }

    pub(crate) async fn user_changes(
        &self,
        tenant: &TenantId,
        link: &str,
    ) -> Result<DeltaPage, DirectoryError> {
        let what = "the users delta";
        let url = self.endpoints.follow(link)?;
        let call = Call { expects: Expects::DeltaPage, ..Call::get(what, url) };
        let read = |body: &[u8]| {
            let (entries, links) = read_page(body)?;
            Ok((changes(what, entries)?, links.of_delta(&self.endpoints, link)?))
        };
        let ((entries, next), cost) = self.call(tenant, &call, read).await?;
        Ok(DeltaPage { entries, next, cost })
    }

    pub(crate) async fn users_by_ids(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        ids: &[ObjectId],
    ) -> Result<ByIds, DirectoryError> {
        #[derive(Serialize)]
        struct Body<'a> {
            ids: &'a [ObjectId],
            types: [&'static str; 1],
        }
        let what = "users by their ids";
        let attributes = select.attributes();
        let path = format!("/directoryObjects/getByIds?$select={attributes},deletedDateTime");
        let url = self.endpoints.graph(&path)?;
        let mut answer = ByIds::default();
        for ids in ids.chunks(IDS_PER_REQUEST) {
            let body = serde_json::to_vec(&Body { ids, types: ["user"] }).map_err(|error| {
                DirectoryError::Unavailable { what: what.into(), source: Some(error.into()) }
            })?;
            let mut call = Call::send(what, Method::POST, url.clone(), body);
            let mut asked: HashSet<&ObjectId> = ids.iter().collect();
            // Whoever is not named counts as gone, so no page may be left out.
            for page in 1.. {
                if page > PAGES_PER_PACKET {
                    let what = "users by their ids: too many pages".into();
                    return Err(DirectoryError::Unavailable { what, source: None });
                }
                let read = |body: &[u8]| {
                    let (entries, links) = read_page::<WireUser>(body)?;
                    Ok((split(what, entries)?, links.of_listing(&self.endpoints, "")?))
                };
                let (((found, deleted), next), cost) = self.call(tenant, &call, read).await?;
                add(&mut answer.cost, cost);
                answer.found.extend(found.into_iter().filter(|user| asked.remove(&user.id)));
                answer.soft_deleted.extend(deleted.into_iter().filter(|id| asked.remove(id)));
                match next {
                    NextStep::Next(link) => call = Call::get(what, self.endpoints.follow(&link)?),
                    NextStep::Delta(_) | NextStep::End => break,
                }
            }
        }
        if select.has_manager() {
            self.add_managers(tenant, &mut answer).await?;
        }
        Ok(answer)
    }

    /// Reads the managers of users that were read by their ids: that read cannot expand. Whom Graph
    /// does not list here stays without a word about his manager.
    async fn add_managers(
        &self,
        tenant: &TenantId,
        answer: &mut ByIds,
    ) -> Result<(), DirectoryError> {
        let what = "managers";
        for users in answer.found.chunks_mut(IDS_PER_FILTER) {
            let ids: Vec<String> = users.iter().map(|user| quoted(user.id.as_str())).collect();
            let filter = escape(&format!("id in ({})", ids.join(",")));
            let path = format!("/users?$filter={filter}&$select=id&$expand=manager($select=id)");
            let call = Call::get(what, self.endpoints.graph(&path)?);
            let read = |body: &[u8]| Ok(read_page::<WireUser>(body)?.0);
            let (entries, cost) = self.call(tenant, &call, read).await?;
            add(&mut answer.cost, cost);
            let told: HashMap<ObjectId, Option<ObjectId>> = entries
                .into_iter()
                .map(|entry| (entry.user.id.clone(), entry.user.manager().flatten()))
                .collect();
            for user in users {
                if let Some(manager) = told.get(&user.id) {
                    user.tell_manager(manager.as_ref());
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn user_by_key(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        key: &str,
    ) -> Result<Option<DirectoryUser>, DirectoryError> {
        let what = "a user";
        let (attributes, expanded) = (select.attributes(), expanded(select));
        if let Ok(id) = ObjectId::parse(key) {
            let url =
                self.endpoints.graph(&format!("/users/{id}?$select={attributes}{expanded}"))?;
            let read = |body: &[u8]| {
                let entry: WireUser = serde_json::from_slice(body).map_err(no_json)?;
                people(what, vec![entry])
            };
            return match self.call(tenant, &Call::glance(what, url), read).await {
                Ok((users, _)) => Ok(with_managers(select, users).pop()),
                Err(failure) => match failure.error {
                    DirectoryError::NotFound { .. } => Ok(None),
                    error => Err(error),
                },
            };
        }
        let key = key.trim();
        if key.is_empty() {
            return Ok(None);
        }
        let quoted_key = quoted(key);
        let filter = escape(&format!("userPrincipalName eq {quoted_key} or mail eq {quoted_key}"));
        let path = format!("/users?$filter={filter}&$select={attributes}{expanded}&$top=10");
        let call = Call::glance(what, self.endpoints.graph(&path)?);
        let (users, _) = self.call(tenant, &call, |body| people(what, read_page(body)?.0)).await?;
        let mut users = with_managers(select, users);
        // A mail address may belong to several; the sign-in name belongs to one.
        let named = |user: &DirectoryUser| {
            user.text("userPrincipalName").is_some_and(|name| name.eq_ignore_ascii_case(key))
        };
        let position = users.iter().position(named).unwrap_or(0);
        Ok((position < users.len()).then(|| users.swap_remove(position)))
    }

    pub(crate) async fn users_beginning_with(
        &self,
        tenant: &TenantId,
        query: &str,
        limit: u16,
    ) -> Result<Vec<DirectoryUser>, DirectoryError> {
        let what = "a search for users";
        let limit = limit.clamp(1, PAGE_SIZE);
        let mut path = format!("/users?$select={}&$top={limit}", USER_SELECT.join(","));
        let query = query.trim();
        if !query.is_empty() {
            let begins = |property| format!("startswith({property},{})", quoted(query));
            let filter = ["displayName", "givenName", "surname", "userPrincipalName", "mail"]
                .map(begins)
                .join(" or ");
            path.push_str("&$filter=");
            path.push_str(&escape(&filter));
        }
        let call = Call::glance(what, self.endpoints.graph(&path)?);
        let (mut users, _) =
            self.call(tenant, &call, |body| people(what, read_page(body)?.0)).await?;
        users.truncate(limit.into());
        Ok(users)
    }
}
