//! DescribeTable.

use bytes::Bytes;
use headwater_wire::Codec;
use headwater_wire::shape::Text;

use super::asker::Asker;
use super::description::TableAnswer;
use super::error::{DynamoDbError, Result};
use super::names::{Named, check_own_table, check_table, permitted};
use super::operation;
use crate::checks::Checks;

operation!("DescribeTable", Reads);

headwater_wire::shape! {
    /// Of every operation that has a table's name and nothing else.
    pub(super) struct OnlyTable<'a> {
        table_name: Text<'a> = "TableName",
    }
}

impl OnlyTable<'_> {
    /// The table that the body names, if the caller may have the operation done to it.
    pub(super) fn permitted(asker: &Asker<'_>, body: &Bytes) -> Result<Named> {
        let input: OnlyTable<'_> = Codec::Json10.decode(body)?;
        check_own_table(&input.table_name)?;
        let mut checks = Checks::default();
        check_table(&mut checks, "tableName", &input.table_name);
        checks.done()?;
        permitted(asker, &input.table_name)
    }
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let table = OnlyTable::permitted(asker, body)?;
    let description = asker.tables().describe(&table.key).map_err(DynamoDbError::of_table)?;
    Ok(TableAnswer::described(&description))
}
