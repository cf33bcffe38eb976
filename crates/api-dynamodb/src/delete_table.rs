//! DeleteTable.

use bytes::Bytes;

use super::asker::Asker;
use super::describe_table::OnlyTable;
use super::description::TableAnswer;
use super::error::{DynamoDbError, Result};
use super::operation;

operation!("DeleteTable", Administers);

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let table = OnlyTable::permitted(asker, body)?;
    let description = asker.tables().delete_table(&table.key).await.map_err(DynamoDbError::of_table)?;
    Ok(TableAnswer::deleted(&description))
}
