//! UpdateItem.

use bytes::Bytes;
use headwater_tables::Action;
use headwater_tables::expression::Update;
use headwater_wire::Codec;

use super::asker::Asker;
use super::error::Result;
use super::legacy::updates;
use super::names::permitted;
use super::operation;
use super::writing::{Input, Returned};
use crate::checks::Checks;

operation!("UpdateItem", Writes);

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let mut input: Input<'_> = Codec::Json10.decode(body)?;
    let mut checks = Checks::default();
    checks.required("key", &input.key);
    input.check(checks, true)?;
    let key = input.key.take().unwrap_or_default().item()?;
    let all = [Returned::AllOld, Returned::UpdatedOld, Returned::AllNew, Returned::UpdatedNew];
    let returned = input.returned(&all)?;
    let mut placeholders = input.placeholders()?;
    let update = match &input.update_expression {
        Some(text) => Some(Update::parse(text, &mut placeholders)?),
        None => input.attribute_updates.take().map(updates).transpose()?.flatten(),
    };
    let condition = input.condition(&mut placeholders)?;
    placeholders.all_used()?;
    let table = permitted(asker, &input.table_name)?;
    let touched = matches!(returned, Returned::UpdatedOld | Returned::UpdatedNew);
    let touched = update.as_ref().filter(|_| touched).map(Update::touched);
    input.carry_out(asker, &table, Action::Update { key, update }, condition, (returned, touched)).await
}
