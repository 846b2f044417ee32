//! One table: the single-item operations and queries, in the few forms that the stores use.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal,
};
use contact_sync_engine::port::{ShardPage, StoreError};

use crate::failure::{Answer, answer, corrupt, unavailable};
use crate::item::{Item, name, text, text_of};
use crate::keys::Key;

/// A table and how to reach it.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
}

/// An expression's values, by placeholder.
pub(crate) type Values = Vec<(&'static str, AttributeValue)>;

/// A condition, with the values that it names.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    pub(crate) expression: String,
    pub(crate) values: Values,
}

impl Condition {
    pub(crate) fn new(expression: impl Into<String>, values: Values) -> Self {
        Self { expression: expression.into(), values }
    }

    /// Nothing stands under the key.
    pub(crate) fn absent() -> Self {
        Self::new("attribute_not_exists(#pk)", vec![])
    }

    /// Something stands under the key.
    pub(crate) fn present() -> Self {
        Self::new("attribute_exists(#pk)", vec![])
    }
}

/// The names behind an expression's placeholders: every `#name` stands for `name`, since many of
/// ours are words that DynamoDB keeps for itself.
pub(crate) fn names(expressions: &[&str]) -> HashMap<String, String> {
    let mut names = HashMap::new();
    for expression in expressions {
        for part in expression.split('#').skip(1) {
            let name: String =
                part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            names.insert(format!("#{name}"), name);
        }
    }
    names
}

pub(crate) fn values(values: Values) -> Option<Item> {
    (!values.is_empty())
        .then(|| values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Which items of a partition, and how much of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query<'a> {
    /// The partition.
    pub(crate) partition: String,
    /// What the sort keys begin with; empty = all.
    pub(crate) prefix: &'a str,
    /// Sort keys from the prefix up to this one, in place of those that begin with it.
    pub(crate) until: Option<&'a str>,
    /// The sort key after which to go on.
    pub(crate) after: Option<String>,
    /// Highest sort key first.
    pub(crate) backwards: bool,
    /// At most so many; else as many as DynamoDB gives at once (1 MB).
    pub(crate) limit: Option<u16>,
    /// Read strongly.
    pub(crate) strongly: bool,
    /// Only these attributes, as an expression.
    pub(crate) projection: Option<&'a str>,
    /// Only items of which this holds; the others are read and paid for all the same.
    pub(crate) only: Option<Condition>,
}

/// A page of a query.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// The sort key after which the partition goes on.
    pub(crate) next: Option<String>,
}

impl Page {
    /// Reads each item by itself; what cannot be read is named by its kind and sort key.
    pub(crate) fn each_read<T>(
        self,
        kind: &str,
        read: impl Fn(Item) -> Result<T, StoreError>,
    ) -> ShardPage<T> {
        let named = |item: Item| {
            let id = text_of(&item, name::SK).unwrap_or_default().to_owned();
            read(item).map_err(|error| match error {
                StoreError::Corrupt { source, .. } => corrupt(format!("{kind} {id}"))(source),
                other @ StoreError::Unavailable { .. } => other,
            })
        };
        ShardPage { items: self.items.into_iter().map(named).collect(), cursor: self.next }
    }
}

impl Table {
    pub(crate) fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.to_owned() }
    }

    /// An item, read strongly.
    pub(crate) async fn get(
        &self,
        operation: &'static str,
        key: &Key,
    ) -> Result<Option<Item>, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .consistent_read(true)
            .send()
            .await
            .map_err(unavailable(operation))?;
        Ok(output.item)
    }

    /// Stores an item, whatever stood there.
    pub(crate) async fn put(&self, operation: &'static str, item: Item) -> Result<(), StoreError> {
        self.client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .send()
            .await
            .map_err(unavailable(operation))?;
        Ok(())
    }

    /// Stores an item on condition.
    pub(crate) async fn put_if(
        &self,
        operation: &'static str,
        item: Item,
        condition: Condition,
    ) -> Result<Answer<()>, StoreError> {
        let result = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .set_expression_attribute_names(Some(names(&[&condition.expression])))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(values(condition.values))
            .return_values_on_condition_check_failure(OnRefusal::AllOld)
            .send()
            .await
            .map(|_| ());
        answer(operation, result)
    }

    /// Changes an item on condition; answers it as `returned` says.
    pub(crate) async fn update_if(
        &self,
        operation: &'static str,
        key: &Key,
        update: &str,
        condition: Condition,
        returned: ReturnValue,
    ) -> Result<Answer<Item>, StoreError> {
        let result = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .update_expression(update)
            .set_expression_attribute_names(Some(names(&[update, &condition.expression])))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(values(condition.values))
            .return_values(returned)
            .return_values_on_condition_check_failure(OnRefusal::AllOld)
            .send()
            .await
            .map(|output| output.attributes.unwrap_or_default());
        answer(operation, result)
    }

    /// Deletes an item; answers what stood there.
    pub(crate) async fn delete(
        &self,
        operation: &'static str,
        key: &Key,
    ) -> Result<Option<Item>, StoreError> {
        let output = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .return_values(ReturnValue::AllOld)
            .send()
            .await
            .map_err(unavailable(operation))?;
        Ok(output.attributes)
    }

    /// Deletes an item on condition; one that does not hold it is left.
    pub(crate) async fn delete_if(
        &self,
        operation: &'static str,
        key: &Key,
        condition: Condition,
    ) -> Result<(), StoreError> {
        let result = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .set_expression_attribute_names(Some(names(&[&condition.expression])))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(values(condition.values))
            .send()
            .await
            .map(|_| ());
        answer(operation, result).map(|_| ())
    }

    /// A page of a partition.
    pub(crate) async fn query(
        &self,
        operation: &'static str,
        query: Query<'_>,
    ) -> Result<Page, StoreError> {
        let condition = match query.until {
            Some(_) => "#pk = :pk AND #sk BETWEEN :prefix AND :until",
            None if query.prefix.is_empty() => "#pk = :pk",
            None => "#pk = :pk AND begins_with(#sk, :prefix)",
        };
        let mut bound = vec![(":pk", text(&query.partition))];
        if !query.prefix.is_empty() || query.until.is_some() {
            bound.push((":prefix", text(query.prefix)));
        }
        bound.extend(query.until.map(|until| (":until", text(until))));
        let only = query.only.map(|only| {
            bound.extend(only.values);
            only.expression
        });
        let start = query.after.map(|sk| Key { pk: query.partition, sk }.attributes());
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression(condition)
            .set_expression_attribute_names(Some(names(&[
                condition,
                query.projection.unwrap_or_default(),
                only.as_deref().unwrap_or_default(),
            ])))
            .set_filter_expression(only.clone())
            .set_expression_attribute_values(values(bound))
            .set_projection_expression(query.projection.map(str::to_owned))
            .set_exclusive_start_key(start)
            .scan_index_forward(!query.backwards)
            .set_limit(query.limit.map(i32::from))
            .consistent_read(query.strongly)
            .send()
            .await
            .map_err(unavailable(operation))?;
        let next = output
            .last_evaluated_key
            .as_ref()
            .and_then(|key| key.get(name::SK))
            .and_then(|sk| sk.as_s().ok())
            .cloned();
        Ok(Page { items: output.items.unwrap_or_default(), next })
    }

    /// All pages of a query.
    pub(crate) async fn query_all(
        &self,
        operation: &'static str,
        query: Query<'_>,
    ) -> Result<Vec<Item>, StoreError> {
        let mut all = Vec::new();
        let mut after = query.after.clone();
        loop {
            let page = self.query(operation, Query { after, ..query.clone() }).await?;
            all.extend(page.items);
            match page.next {
                None => return Ok(all),
                next => after = next,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_gets_its_name() {
        let found = names(&["SET #queue.#run_01 = :q", "attribute_exists(#pk) AND #v < :v"]);
        let mut found: Vec<_> = found.into_values().collect();
        found.sort();
        assert_eq!(found, ["pk", "queue", "run_01", "v"]);
    }
}
