//! Lists and single reads of objects that only have properties.

use http::StatusCode;
use serde_json::Value;

use crate::directory::object::DirectoryObject;
use crate::directory::properties::Catalogue;
use crate::directory::selection::{Detail, Selection};
use crate::exchange::Reply;
use crate::graph::Call;
use crate::graph::errors::GraphError;
use crate::graph::paging::{Entries, Position, context, next_link, position};
use crate::graph::query::ListQuery;
use crate::world::World;

/// What is listed.
pub(super) struct Collection<'a> {
    pub(super) catalogue: Catalogue<'a>,
    /// As in `@odata.context`.
    pub(super) name: &'a str,
    /// `@odata.type` of each entry, if entries carry it.
    pub(super) odata_type: Option<&'a str>,
    /// Properties that this list leaves `null`.
    pub(super) emptied: &'a [&'a str],
}

impl Collection<'_> {
    /// A page of `objects`, which come in order of id.
    pub(super) fn page<'o>(
        &self,
        world: &World,
        call: &Call<'_>,
        objects: impl Iterator<Item = std::borrow::Cow<'o, DirectoryObject>>,
    ) -> Result<Reply, GraphError> {
        let query = ListQuery::parse(call.incoming, &self.catalogue, &world.settings.graph)?;
        let selection = self.selection(query.select.as_deref())?;
        let after = match position(world, call)? {
            Some(Position::After(id)) => Some(id),
            _ => None,
        };
        let mut count = 0_usize;
        let mut page = Vec::new();
        let mut more = false;
        for object in objects {
            if !query.filter.as_ref().is_none_or(|filter| filter.matches(&object)) {
                continue;
            }
            count += 1;
            if after.is_some_and(|after| object.id <= after) {
                continue;
            }
            if page.len() < query.page_size {
                page.push(object);
            } else {
                more = true;
                if !query.counted {
                    break;
                }
            }
        }
        let next = page.last().map(|object| Position::After(object.id)).filter(|_| more);
        let mut entries = Entries::default();
        for object in &page {
            entries.add(|out| self.write(out, object, &selection));
        }
        let count = (query.counted && after.is_none()).then_some(count);
        let link = next.map(|position| next_link(world, call, position));
        let link = link.as_deref().map(|link| ("@odata.nextLink", link));
        let context = context(world, self.name, &selection.names);
        Ok(Reply::graph(StatusCode::OK, entries.page(&context, count, link)))
    }

    /// One object.
    pub(super) fn entity(
        &self,
        world: &World,
        call: &Call<'_>,
        object: &DirectoryObject,
    ) -> Result<Reply, GraphError> {
        let select = call.incoming.parameter("$select");
        let selection = self.selection(select.as_deref())?;
        let context = format!("{}/$entity", context(world, self.name, &selection.names));
        let mut body = format!("{{\"@odata.context\":{},", Value::from(context));
        self.write(&mut body, object, &selection);
        body.push('}');
        Ok(Reply::graph(StatusCode::OK, body))
    }

    fn selection(&self, select: Option<&str>) -> Result<Selection, GraphError> {
        let mut selection = Selection::parse(select, &self.catalogue)?;
        let emptied: Vec<_> =
            self.emptied.iter().filter_map(|name| self.catalogue.find(name)).collect();
        selection.hide_unless(|id| !emptied.contains(&id));
        Ok(selection)
    }

    fn write(&self, out: &mut String, object: &DirectoryObject, selection: &Selection) {
        if let Some(odata_type) = self.odata_type {
            out.push_str("\"@odata.type\":\"");
            out.push_str(odata_type);
            out.push_str("\",");
        }
        object.write(out, &self.catalogue, selection, Detail::Every);
    }
}
