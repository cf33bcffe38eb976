//! DescribeContinuousBackups.
//!
//! Point-in-time recovery can be switched on and off, as clients do it, and is reported so. No earlier state of a table is
//! kept: there is no time to which it can be restored, and so none is named.

use bytes::Bytes;
use headwater_tables::TableDescription;
use headwater_wire::Codec;
use serde::Serialize;

use super::asker::Asker;
use super::describe_table::OnlyTable;
use super::error::{Refused, Result};
use super::names::Named;
use super::operation;

operation!("DescribeContinuousBackups", Reads);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    continuous_backups_description: Description,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    continuous_backups_status: &'static str,
    point_in_time_recovery_description: PointInTime,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PointInTime {
    point_in_time_recovery_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_period_in_days: Option<u32>,
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let table = OnlyTable::permitted(asker, body)?;
    Ok(described(&found(asker, &table)?))
}

/// The table, if it is there.
pub(super) fn found(asker: &Asker<'_>, table: &Named) -> Result<TableDescription> {
    let missing = |error| match error {
        headwater_tables::TablesError::TableNotFound(table) => Refused::no_table(&table),
        other => other.into(),
    };
    asker.tables().describe(&table.key).map_err(missing)
}

/// The answer about a table.
pub(super) fn described(table: &TableDescription) -> Vec<u8> {
    let wanted = table.settings.point_in_time;
    Codec::Json10.encode(&Output {
        continuous_backups_description: Description {
            // As of every table (API reference).
            continuous_backups_status: "ENABLED",
            point_in_time_recovery_description: PointInTime {
                point_in_time_recovery_status: if wanted.is_some() { "ENABLED" } else { "DISABLED" },
                recovery_period_in_days: wanted.map(|wanted| wanted.days),
            },
        },
    })
}
