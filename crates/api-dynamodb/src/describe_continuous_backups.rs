//! DescribeContinuousBackups. There are none: items are as durable as records, and nothing keeps what they were.

use bytes::Bytes;
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
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    disabled(asker, &OnlyTable::permitted(asker, body)?)
}

/// The answer for a table that there is.
pub(super) fn disabled(asker: &Asker<'_>, table: &Named) -> Result<Vec<u8>> {
    let missing = |error| match error {
        headwater_tables::TablesError::TableNotFound(table) => Refused::no_table(&table),
        other => other.into(),
    };
    asker.tables().describe(&table.key).map_err(missing)?;
    let off = "DISABLED";
    Ok(Codec::Json10.encode(&Output {
        continuous_backups_description: Description {
            continuous_backups_status: off,
            point_in_time_recovery_description: PointInTime { point_in_time_recovery_status: off },
        },
    }))
}
