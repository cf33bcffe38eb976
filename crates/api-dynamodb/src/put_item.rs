//! PutItem.

use bytes::Bytes;
use headwater_tables::Action;
use headwater_wire::Codec;

use super::asker::Asker;
use super::error::Result;
use super::names::permitted;
use super::operation;
use super::writing::{Input, Returned};
use crate::checks::Checks;

operation!("PutItem", Writes);

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let mut input: Input<'_> = Codec::Json10.decode(body)?;
    let mut checks = Checks::default();
    checks.required("item", &input.item);
    input.check(checks, false)?;
    let item = input.item.take().unwrap_or_default().stored_item()?;
    let returned = input.returned(&[Returned::AllOld])?;
    let mut placeholders = input.placeholders()?;
    let condition = input.condition(&mut placeholders)?;
    placeholders.all_used()?;
    let table = permitted(asker, &input.table_name)?;
    input.carry_out(asker, &table, Action::Put(item), condition, (returned, None)).await
}
