//! RestoreTableToPointInTime. No earlier state of a table is kept, so there is none to which it can be restored.

use bytes::Bytes;
use headwater_wire::Codec;
use headwater_wire::shape::Text;

use super::asker::{Asker, Resource};
use super::describe_continuous_backups::found;
use super::error::{Refused, Result};
use super::names::{by_arn, check_table, named};
use super::operation;
use crate::checks::Checks;

operation!("RestoreTableToPointInTime", Administers);

headwater_wire::shape! {
    struct Input<'a> {
        arn: Text<'a> = "SourceTableArn",
        source: Text<'a> = "SourceTableName",
        target: Text<'a> = "TargetTableName",
    }
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    let mut checks = Checks::default();
    check_table(&mut checks, "targetTableName", &input.target);
    checks.done()?;
    let table = match (input.source.as_deref(), input.arn.as_deref()) {
        (Some(name), _) => named(asker, name)?,
        (None, Some(arn)) => named(asker, by_arn(asker, arn)?.name.as_str())?,
        (None, None) => return Err(Refused::parameter("SourceTableName or SourceTableArn is required")),
    };
    asker.authorize(Resource::Table(&table.key))?;
    Err(Refused::no_recovery(match found(asker, &table)?.settings.point_in_time {
        None => "Point in time recovery is not enabled for the source table",
        Some(_) => {
            "This server keeps no earlier states of tables: there is no time to which the table can be restored"
        }
    }))
}
