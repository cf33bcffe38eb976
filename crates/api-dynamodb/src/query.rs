//! Query.

use bytes::Bytes;
use headwater_tables::expression::KeyCondition;
use headwater_tables::{PageRequest, Range};
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, Int, List, Map, Text};

use super::asker::Asker;
use super::error::{Refused, Result};
use super::expressions::{check_mix, placeholders, projection};
use super::legacy::{Compared, check_comparisons, check_joined, comparisons};
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
    let after = start(input.exclusive_start_key.take())?;
    let (names, values) = (input.names.take(), input.values.take());
    let (older_keys, older_filter) = (input.key_conditions.take(), input.query_filter.take());
    if older_keys.is_none() && input.key_condition_expression.is_none() {
        return Err(Refused::validation(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
        ));
    }
    let common = common!(input);
    let mut placeholders = placeholders(names, values)?;
    let is_older_filter = older_filter.is_some();
    let filter =
        filter(&input.filter_expression, older_filter, &input.conditional_operator, &mut placeholders)?;
    let attributes = input.attributes_to_get.as_ref();
    let projection = projection(&input.projection_expression, attributes, &mut placeholders)?;
    let select = common.select(projection)?;
    let (table, index) = common.permitted(asker)?;
    let schema = asker.tables().schema(&table.key, index.as_ref())?;
    let condition = match &input.key_condition_expression {
        Some(text) => KeyCondition::parse(text, &mut placeholders, &schema)?,
        None => KeyCondition::legacy(comparisons(older_keys.unwrap_or_default())?, &schema)?,
    };
    placeholders.all_used()?;
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
        consistent: flag(input.consistent_read),
    };
    let page = page(asker, &request).await?;
    Ok(common.encode(&table, &page))
}

fn check(input: &Input<'_>) -> Result<()> {
    let mut checks = Checks::default();
    common!(input).check(&mut checks);
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
