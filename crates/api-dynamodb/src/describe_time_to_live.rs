//! DescribeTimeToLive.

use bytes::Bytes;
use headwater_wire::Codec;
use serde::Serialize;

use super::asker::Asker;
use super::describe_table::OnlyTable;
use super::error::{DynamoDbError, Result};
use super::operation;

operation!("DescribeTimeToLive", Reads);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    time_to_live_description: Description<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Description<'a> {
    time_to_live_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute_name: Option<&'a str>,
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let table = OnlyTable::permitted(asker, body)?;
    let time_to_live = asker.tables().time_to_live(&table.key).map_err(DynamoDbError::of_table)?;
    let time_to_live_status = match (&time_to_live.attribute, time_to_live.changing) {
        (Some(_), false) => "ENABLED",
        (Some(_), true) => "ENABLING",
        (None, false) => "DISABLED",
        (None, true) => "DISABLING",
    };
    let attribute_name = time_to_live.attribute.as_deref();
    let time_to_live_description = Description { time_to_live_status, attribute_name };
    Ok(Codec::Json10.encode(&Output { time_to_live_description }))
}
