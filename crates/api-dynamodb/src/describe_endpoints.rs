//! DescribeEndpoints: the one that was asked.

use bytes::Bytes;
use headwater_wire::Codec;
use serde::Serialize;

use super::asker::{Asker, Resource};
use super::error::Result;
use super::operation;
use headwater_edge::Nothing;

operation!("DescribeEndpoints", Reads);

/// As AWS says.
const CACHE_PERIOD_IN_MINUTES: u32 = 1440;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    endpoints: [Endpoint<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint<'a> {
    address: &'a str,
    cache_period_in_minutes: u32,
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let _: Nothing = Codec::Json10.decode(body)?;
    asker.authorize(Resource::Account)?;
    let cache_period_in_minutes = CACHE_PERIOD_IN_MINUTES;
    let endpoints = [Endpoint { address: asker.host, cache_period_in_minutes }];
    Ok(Codec::Json10.encode(&Output { endpoints }))
}
