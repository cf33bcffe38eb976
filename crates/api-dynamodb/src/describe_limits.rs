//! DescribeLimits: the quotas that AWS begins with. Nothing here holds an account to them.

use bytes::Bytes;
use headwater_wire::Codec;
use serde::Serialize;

use super::asker::{Asker, Resource};
use super::error::Result;
use super::operation;
use headwater_edge::Nothing;

operation!("DescribeLimits", Reads);

/// Capacity units of an account and of a table (quotas).
const ACCOUNT_UNITS: u64 = 80_000;
const TABLE_UNITS: u64 = 40_000;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    account_max_read_capacity_units: u64,
    account_max_write_capacity_units: u64,
    table_max_read_capacity_units: u64,
    table_max_write_capacity_units: u64,
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let _: Nothing = Codec::Json10.decode(body)?;
    asker.authorize(Resource::Account)?;
    Ok(Codec::Json10.encode(&Output {
        account_max_read_capacity_units: ACCOUNT_UNITS,
        account_max_write_capacity_units: ACCOUNT_UNITS,
        table_max_read_capacity_units: TABLE_UNITS,
        table_max_write_capacity_units: TABLE_UNITS,
    }))
}
