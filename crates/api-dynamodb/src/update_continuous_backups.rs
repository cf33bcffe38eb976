//! UpdateContinuousBackups.

use bytes::Bytes;
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, Text};

use super::asker::Asker;
use super::describe_continuous_backups::disabled;
use super::error::{Refused, Result};
use super::names::{check_table, permitted};
use super::operation;
use crate::checks::{Checks, flag};

operation!("UpdateContinuousBackups", Administers);

headwater_wire::shape! {
    struct Input<'a> {
        table_name: Text<'a> = "TableName",
        specification: Specification = "PointInTimeRecoverySpecification",
    }
}

headwater_wire::shape! {
    struct Specification {
        enabled: Bool = "PointInTimeRecoveryEnabled",
    }
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    let mut checks = Checks::default();
    check_table(&mut checks, "tableName", &input.table_name);
    checks.required("pointInTimeRecoverySpecification", &input.specification);
    let enabled = input.specification.as_ref().and_then(|specification| specification.enabled);
    if input.specification.is_some() {
        checks.required("pointInTimeRecoverySpecification.pointInTimeRecoveryEnabled", &enabled);
    }
    checks.done()?;
    let table = permitted(asker, &input.table_name)?;
    let answer = disabled(asker, &table)?;
    if flag(enabled) {
        return Err(Refused::no_backups(
            "Backups and point-in-time recovery are not supported by this server",
        ));
    }
    Ok(answer)
}
