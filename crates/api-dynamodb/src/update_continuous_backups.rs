//! UpdateContinuousBackups. It is kept and reported; what it means here says `describe_continuous_backups`.

use bytes::Bytes;
use headwater_tables::PointInTime;
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, Int, Text};

use super::asker::Asker;
use super::describe_continuous_backups::{described, found};
use super::error::{DynamoDbError, Result};
use super::names::{check_table, permitted};
use super::operation;
use crate::checks::{Checks, flag};

operation!("UpdateContinuousBackups", Administers);

/// Most days back that a request may name (model), and the number if it names none.
const DAYS_MAX: i32 = 35;

headwater_wire::shape! {
    struct Input<'a> {
        table_name: Text<'a> = "TableName",
        specification: Specification = "PointInTimeRecoverySpecification",
    }
}

headwater_wire::shape! {
    struct Specification {
        enabled: Bool = "PointInTimeRecoveryEnabled",
        days: Int = "RecoveryPeriodInDays",
    }
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    let wanted = wanted(&input)?;
    let table = permitted(asker, &input.table_name)?;
    found(asker, &table)?;
    asker.tables().set_point_in_time(&table.key, wanted).await.map_err(DynamoDbError::of_table)?;
    Ok(described(&found(asker, &table)?))
}

fn wanted(input: &Input<'_>) -> Result<Option<PointInTime>> {
    let mut checks = Checks::default();
    check_table(&mut checks, "tableName", &input.table_name);
    checks.required("pointInTimeRecoverySpecification", &input.specification);
    let specification = input.specification.as_ref();
    let enabled = specification.and_then(|specification| specification.enabled);
    let days = specification.and_then(|specification| specification.days);
    if specification.is_some() {
        let path = |member: &str| format!("pointInTimeRecoverySpecification.{member}");
        checks.required(&path("pointInTimeRecoveryEnabled"), &enabled);
        checks.int(&path("recoveryPeriodInDays"), days, 1..=DAYS_MAX);
    }
    checks.done()?;
    let days = days.map_or(DAYS_MAX, |Int(days)| days);
    Ok(flag(enabled).then(|| PointInTime { days: u32::try_from(days).unwrap_or_default() }))
}
