//! Scan.

use bytes::Bytes;
use headwater_tables::{PageRequest, Range};
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, Int, List, Map, Text};

use super::asker::Asker;
use super::error::{DynamoDbError, Result};
use super::expressions::{check_mix, older_projection, placeholders, projection};
use super::legacy::{self, Compared, check_comparisons, check_joined};
use super::operation;
use super::paging::{common, filter, page, start};
use super::values::Attributes;
use crate::checks::{Checks, flag};

operation!("Scan", Reads);

/// Parts that a scan can be divided into (model).
const SEGMENTS_MAX: i32 = 1_000_000;

headwater_wire::shape! {
    struct Input<'a> {
        table_name: Text<'a> = "TableName",
        index_name: Text<'a> = "IndexName",
        select: Text<'a> = "Select",
        attributes_to_get: List<Text<'a>> = "AttributesToGet",
        limit: Int = "Limit",
        scan_filter: Map<'a, Compared<'a>> = "ScanFilter",
        conditional_operator: Text<'a> = "ConditionalOperator",
        exclusive_start_key: Attributes<'a> = "ExclusiveStartKey",
        return_consumed: Text<'a> = "ReturnConsumedCapacity",
        total_segments: Int = "TotalSegments",
        segment: Int = "Segment",
        projection_expression: Text<'a> = "ProjectionExpression",
        filter_expression: Text<'a> = "FilterExpression",
        names: Map<'a, Text<'a>> = "ExpressionAttributeNames",
        values: Attributes<'a> = "ExpressionAttributeValues",
        consistent_read: Bool = "ConsistentRead",
    }
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let mut input: Input<'_> = Codec::Json10.decode(body)?;
    check(&input)?;
    let (names, values, older) = (input.names.take(), input.values.take(), input.scan_filter.take());
    let common = common!(input, false);
    let older = legacy::filter(older, &input.conditional_operator)?;
    let older_parts = older_projection(input.attributes_to_get.as_ref())?;
    let after = start(input.exclusive_start_key.take())?;
    let range = segment(input.segment, input.total_segments)?;
    let mut placeholders = placeholders(names, values)?;
    let filter = filter(&input.filter_expression, older, &mut placeholders)?;
    let projection = projection(&input.projection_expression, older_parts, &mut placeholders)?;
    placeholders.all_used()?;
    let select = common.select(projection)?;
    let (table, index) = common.permitted(asker)?;
    let request = PageRequest {
        table: table.key.clone(),
        index,
        range,
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
    common!(input, false).check(&mut checks);
    check_comparisons(&mut checks, "scanFilter", &input.scan_filter);
    check_joined(&mut checks, &input.conditional_operator);
    checks.int("totalSegments", input.total_segments, 1..=SEGMENTS_MAX);
    checks.int("segment", input.segment, 0..=SEGMENTS_MAX - 1);
    checks.done()?;
    check_mix(
        &[
            ("ProjectionExpression", input.projection_expression.is_some()),
            ("FilterExpression", input.filter_expression.is_some()),
        ],
        &[
            ("AttributesToGet", input.attributes_to_get.is_some()),
            ("ScanFilter", input.scan_filter.is_some()),
            ("ConditionalOperator", input.conditional_operator.is_some()),
        ],
        input.names.is_some(),
        input.values.is_some(),
    )
}

fn segment(segment: Option<Int>, of: Option<Int>) -> Result<Range> {
    match (segment, of) {
        (None, None) => Ok(Range::Scan { segment: 0, of: 1 }),
        (Some(_), None) => Err(DynamoDbError::validation(
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is \
             present",
        )),
        (None, Some(_)) => Err(DynamoDbError::validation(
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is \
             present",
        )),
        (Some(Int(segment)), Some(Int(of))) if segment >= of => Err(DynamoDbError::validation(format!(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {segment} is \
             not less than TotalSegments: {of}"
        ))),
        // Both were checked.
        (Some(Int(segment)), Some(Int(of))) => Ok(Range::Scan {
            segment: u32::try_from(segment).unwrap_or(0),
            of: u32::try_from(of).unwrap_or(1),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_one_of_all() {
        assert!(matches!(segment(None, None), Ok(Range::Scan { segment: 0, of: 1 })));
        assert!(matches!(segment(Some(Int(3)), Some(Int(4))), Ok(Range::Scan { segment: 3, of: 4 })));
        assert!(segment(Some(Int(4)), Some(Int(4))).is_err());
        assert!(segment(Some(Int(0)), None).is_err());
        assert!(segment(None, Some(Int(1))).is_err());
    }
}
