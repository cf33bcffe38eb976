//! Query.

use bytes::Bytes;
use headwater_tables::expression::{KeyComparisons, KeyExpression};
use headwater_tables::{PageRequest, Range};
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, Int, List, Map, Text};

use super::asker::Asker;
use super::error::{DynamoDbError, Result};
use super::expressions::{check_mix, older_projection, placeholders, projection};
use super::legacy::{self, Compared, check_comparisons, check_joined, comparisons};
use super::operation;
use super::paging::{check_filter, common, filter, page, start};
use super::values::Attributes;
use crate::checks::{Checks, flag};

operation!("Query", Reads);

headwater_wire::shape! {
    struct Input<'a> {
        table_name: Text<'a> = "TableName",
        index_name: Text<'a> = "IndexName",
        select: Text<'a> = "Select",
        attributes_to_get: List<Text<'a>> = "AttributesToGet",
        limit: Int = "Limit",
        consistent_read: Bool = "ConsistentRead",
        key_conditions: Map<'a, Compared<'a>> = "KeyConditions",
        query_filter: Map<'a, Compared<'a>> = "QueryFilter",
        conditional_operator: Text<'a> = "ConditionalOperator",
        scan_index_forward: Bool = "ScanIndexForward",
        exclusive_start_key: Attributes<'a> = "ExclusiveStartKey",
        return_consumed: Text<'a> = "ReturnConsumedCapacity",
        projection_expression: Text<'a> = "ProjectionExpression",
        filter_expression: Text<'a> = "FilterExpression",
        key_condition_expression: Text<'a> = "KeyConditionExpression",
        names: Map<'a, Text<'a>> = "ExpressionAttributeNames",
        values: Attributes<'a> = "ExpressionAttributeValues",
    }
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let mut input: Input<'_> = Codec::Json10.decode(body)?;
    check(&input)?;
    let (names, values) = (input.names.take(), input.values.take());
    let (older_keys, older_filter) = (input.key_conditions.take(), input.query_filter.take());
    let common = common!(input, true);
    let is_older_filter = older_filter.is_some();
    let older_filter = legacy::filter(older_filter, &input.conditional_operator)?;
    let older_keys = older_keys.map(comparisons).transpose()?.map(KeyComparisons::legacy).transpose()?;
    let older_parts = older_projection(input.attributes_to_get.as_ref())?;
    let after = start(input.exclusive_start_key.take())?;
    if older_keys.is_none() && input.key_condition_expression.is_none() {
        return Err(DynamoDbError::validation(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
        ));
    }
    let mut placeholders = placeholders(names, values)?;
    let keys = input.key_condition_expression.as_ref();
    let keys = keys.map(|text| KeyExpression::parse(text, &mut placeholders)).transpose()?;
    let filter = filter(&input.filter_expression, older_filter, &mut placeholders)?;
    let projection = projection(&input.projection_expression, older_parts, &mut placeholders)?;
    let conditions = match (keys, older_keys) {
        (Some(expression), _) => expression.comparisons()?,
        (None, older) => older.map_or_else(|| KeyComparisons::legacy(Vec::new()), Ok)?,
    };
    placeholders.all_used()?;
    let select = common.select(projection)?;
    let (table, index) = common.permitted(asker)?;
    let schema = asker.tables().schema(&table.key, index.as_ref())?;
    let consistent = flag(input.consistent_read);
    asker.tables().check_start(&table.key, index.as_ref(), consistent, after.as_ref())?;
    let condition = conditions.of(&schema)?;
    check_filter(
        filter.as_ref(),
        &schema,
        if is_older_filter { "QueryFilter" } else { "Filter Expression" },
    )?;
    let forward = input.scan_index_forward.is_none_or(|Bool(forward)| forward);
    let request = PageRequest {
        table: table.key.clone(),
        index,
        range: Range::Query { condition, forward },
        filter,
        select,
        limit: common.limit(),
        after,
        consistent,
    };
    let page = page(asker, &request).await?;
    Ok(common.encode(&table, &page))
}

fn check(input: &Input<'_>) -> Result<()> {
    let mut checks = Checks::default();
    common!(input, true).check(&mut checks);
    check_comparisons(&mut checks, "keyConditions", &input.key_conditions);
    check_comparisons(&mut checks, "queryFilter", &input.query_filter);
    check_joined(&mut checks, &input.conditional_operator);
    checks.done()?;
    let by_expression = input.key_condition_expression.is_some();
    check_mix(
        &[
            ("ProjectionExpression", input.projection_expression.is_some()),
            ("FilterExpression", input.filter_expression.is_some()),
            ("KeyConditionExpression", by_expression),
        ],
        &[
            ("AttributesToGet", input.attributes_to_get.is_some()),
            ("QueryFilter", input.query_filter.is_some()),
            ("ConditionalOperator", input.conditional_operator.is_some()),
            // Alone among the older parameters it may stand beside expressions for other things.
            ("KeyConditions", by_expression && input.key_conditions.is_some()),
        ],
        input.names.is_some(),
        input.values.is_some(),
    )
}
