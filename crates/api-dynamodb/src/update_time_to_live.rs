//! UpdateTimeToLive.

use bytes::Bytes;
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, Text};
use serde::Serialize;

use super::asker::Asker;
use super::error::{DynamoDbError, Result};
use super::names::{check_own_table, check_table, permitted};
use super::operation;
use crate::checks::{Checks, any_text, flag};

operation!("UpdateTimeToLive", Administers);

headwater_wire::shape! {
    struct Input<'a> {
        table_name: Text<'a> = "TableName",
        specification: Specification<'a> = "TimeToLiveSpecification",
    }
}

headwater_wire::shape! {
    struct Specification<'a> {
        enabled: Bool = "Enabled",
        attribute_name: Text<'a> = "AttributeName",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    time_to_live_specification: Specification<'a>,
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    check_own_table(&input.table_name)?;
    let mut checks = Checks::default();
    check_table(&mut checks, "tableName", &input.table_name);
    checks.required("timeToLiveSpecification", &input.specification);
    if let Some(specification) = &input.specification {
        checks.required("timeToLiveSpecification.enabled", &specification.enabled);
        let path = "timeToLiveSpecification.attributeName";
        checks.required_text(path, &specification.attribute_name, any_text(1..=255));
    }
    checks.done()?;
    let table = permitted(asker, &input.table_name)?;
    let time_to_live_specification = input.specification.unwrap_or_default();
    let attribute = time_to_live_specification.attribute_name.as_deref().unwrap_or_default().to_owned();
    let enabled = flag(time_to_live_specification.enabled);
    let done = asker.tables().set_time_to_live(&table.key, attribute, enabled).await;
    done.map_err(DynamoDbError::of_table)?;
    Ok(Codec::Json10.encode(&Output { time_to_live_specification }))
}
