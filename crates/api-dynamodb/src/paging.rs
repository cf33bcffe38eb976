//! Common parts of Query and Scan.

use headwater_tables::expression::{Condition, ConditionPlace, Placeholders, Projection};
use headwater_tables::value::Item;
use headwater_tables::{KeySchema, Page, PageRequest, Select, TableName};
use headwater_wire::Codec;
use headwater_wire::shape::{Int, List, Text};
use serde::Serialize;

use super::asker::{Asker, Resource};
use super::consumed::{Capacity, Report, capacity};
use super::error::{DynamoDbError, Result};
use super::names::{Named, check_index, check_table, named};
use super::shown::ShownItem;
use super::values::Attributes;
use crate::checks::Checks;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<ShownItem<'a>>>,
    count: usize,
    scanned_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_evaluated_key: Option<ShownItem<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<Capacity<'a>>,
}

/// Members that both have.
pub(super) struct Common<'i, 'a> {
    pub(super) table_name: &'i Option<Text<'a>>,
    pub(super) index_name: &'i Option<Text<'a>>,
    pub(super) select: &'i Option<Text<'a>>,
    pub(super) limit: Option<Int>,
    /// True if a wrong limit is spoken of as AWS does for a Query.
    pub(super) limit_in_capitals: bool,
    pub(super) attributes_to_get: &'i Option<List<Text<'a>>>,
    pub(super) projection_expression: &'i Option<Text<'a>>,
    pub(super) return_consumed: &'i Option<Text<'a>>,
}

/// `Common` of an input with the usual members.
macro_rules! common {
    ($input:expr, $limit_in_capitals:literal) => {
        $crate::paging::Common {
            table_name: &$input.table_name,
            index_name: &$input.index_name,
            select: &$input.select,
            limit: $input.limit,
            limit_in_capitals: $limit_in_capitals,
            attributes_to_get: &$input.attributes_to_get,
            projection_expression: &$input.projection_expression,
            return_consumed: &$input.return_consumed,
        }
    };
}
pub(super) use common;

/// A page, once there is room for what is made of it. What a local index takes from its table the caller must be allowed
/// to have of the table.
pub(super) async fn page(asker: &Asker<'_>, request: &PageRequest) -> Result<Page> {
    if asker.tables().fetches(request)? {
        asker.authorize(Resource::Table(&request.table))?;
    }
    let _reading = asker.read_slot().await?;
    Ok(asker.tables().page(request)?)
}

impl Common<'_, '_> {
    pub(super) fn check(&self, checks: &mut Checks) {
        check_table(checks, "tableName", self.table_name);
        check_index(checks, "indexName", self.index_name);
        let all = ["SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"];
        checks.one_of("select", self.select, &all);
        if self.limit_in_capitals && self.limit.is_some_and(|Int(limit)| limit < 1) {
            checks.fail_unshown("Limit", &"Member must have value greater than or equal to 1");
        } else {
            checks.int("limit", self.limit, 1..=i32::MAX);
        }
        super::expressions::check_names(checks, "attributesToGet", self.attributes_to_get);
        Report::check(checks, self.return_consumed);
    }

    /// Parts of each item that are given (API reference, `Select`).
    pub(super) fn select(&self, projection: Option<Projection>) -> Result<Select> {
        let by =
            if self.projection_expression.is_some() { "ProjectionExpression" } else { "AttributesToGet" };
        let but = |what: &str| {
            Err(DynamoDbError::parameter(format_args!("Cannot specify the {by} when choosing to get {what}")))
        };
        let has_index = self.index_name.is_some();
        Ok(match (self.select.as_deref(), projection) {
            (None | Some("SPECIFIC_ATTRIBUTES"), Some(parts)) => Select::Parts(parts),
            (None, None) if has_index => Select::AllProjected,
            (None | Some("ALL_ATTRIBUTES"), None) => Select::All,
            (Some("ALL_ATTRIBUTES"), Some(_)) => return but("ALL_ATTRIBUTES"),
            (Some("ALL_PROJECTED_ATTRIBUTES"), _) if !has_index => {
                let why = "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName";
                return Err(DynamoDbError::parameter(why));
            }
            (Some("ALL_PROJECTED_ATTRIBUTES"), None) => Select::AllProjected,
            (Some("ALL_PROJECTED_ATTRIBUTES"), Some(_)) => return but("ALL_PROJECTED_ATTRIBUTES"),
            (Some("COUNT"), None) => Select::Count,
            (Some("COUNT"), Some(_)) => return but("only the Count"),
            (Some(_), _) => {
                let why = "Must specify the AttributesToGet or ProjectionExpression when choosing to get \
                           SPECIFIC_ATTRIBUTES";
                return Err(DynamoDbError::parameter(why));
            }
        })
    }

    pub(super) fn limit(&self) -> Option<usize> {
        self.limit.and_then(|Int(limit)| usize::try_from(limit).ok())
    }

    /// The table and the index, if the caller may have the operation done to them.
    pub(super) fn permitted(&self, asker: &Asker<'_>) -> Result<(Named, Option<TableName>)> {
        let table = named(asker, self.table_name.as_deref().unwrap_or_default())?;
        let index = super::names::index(self.index_name);
        asker.authorize(match &index {
            Some(index) => Resource::Index(&table.key, index),
            None => Resource::Table(&table.key),
        })?;
        Ok((table, index))
    }

    /// The answer.
    pub(super) fn encode(&self, table: &Named, page: &Page) -> Vec<u8> {
        let has_items = self.select.as_deref() != Some("COUNT");
        let output = Output {
            items: has_items.then(|| page.items.iter().map(ShownItem).collect()),
            count: page.count,
            scanned_count: page.scanned,
            last_evaluated_key: page.last.as_ref().map(ShownItem),
            consumed_capacity: capacity(Report::of(self.return_consumed), &table.given, &page.consumed),
        };
        Codec::Json10.encode(&output)
    }
}

/// The filter of an expression, or of the older parameter.
pub(super) fn filter(
    expression: &Option<Text<'_>>,
    older: Option<Condition>,
    placeholders: &mut Placeholders,
) -> Result<Option<Condition>> {
    match expression {
        Some(text) => Ok(Some(Condition::parse(ConditionPlace::Filter, text, placeholders)?)),
        None => Ok(older),
    }
}

/// Refuses a filter on the key: that is what conditions on keys are for.
pub(super) fn check_filter(filter: Option<&Condition>, schema: &KeySchema, what: &str) -> Result<()> {
    let attributes = filter.map(Condition::attributes).unwrap_or_default();
    match attributes.into_iter().find(|name| schema.has(name)) {
        None => Ok(()),
        Some(name) => Err(DynamoDbError::validation(format!(
            "{what} can only contain non-primary key attributes: Primary key attribute: {name}"
        ))),
    }
}

/// The key after which to go on.
pub(super) fn start(key: Option<Attributes<'_>>) -> Result<Option<Item>> {
    key.map(Attributes::start_key).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(
        select: Option<&'static str>,
        index: bool,
        has_parts: bool,
    ) -> std::result::Result<Select, String> {
        let text = |text: Option<&'static str>| text.map(Text::from);
        let (index, select) = (text(index.then_some("index")), text(select));
        let expression = text(has_parts.then_some("a"));
        let common = Common {
            table_name: &None,
            index_name: &index,
            select: &select,
            limit: None,
            limit_in_capitals: false,
            attributes_to_get: &None,
            projection_expression: &expression,
            return_consumed: &None,
        };
        common.select(None).map_err(|refused| String::from_utf8(refused.encode()).expect("text"))
    }

    #[test]
    fn what_is_selected_depends_on_the_index() {
        assert!(matches!(select(None, false, false), Ok(Select::All)));
        assert!(matches!(select(None, true, false), Ok(Select::AllProjected)));
        assert!(matches!(select(Some("ALL_ATTRIBUTES"), true, false), Ok(Select::All)));
        assert!(matches!(select(Some("ALL_PROJECTED_ATTRIBUTES"), true, false), Ok(Select::AllProjected)));
        assert!(matches!(select(Some("COUNT"), false, false), Ok(Select::Count)));
        let refused = select(Some("ALL_PROJECTED_ATTRIBUTES"), false, false).expect_err("no index");
        assert!(refused.contains("only when Querying using an IndexName"), "{refused}");
        let refused = select(Some("SPECIFIC_ATTRIBUTES"), false, false).expect_err("no parts");
        assert!(refused.contains("Must specify the AttributesToGet or ProjectionExpression"), "{refused}");
    }
}
