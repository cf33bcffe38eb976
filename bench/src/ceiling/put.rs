//! Reading puts: parse, decode the data, hash the partition key.

use std::borrow::Cow;
use std::hint::black_box;

use md5::{Digest, Md5};
use minicbor::Decoder;
use serde::Deserialize;

use crate::Result;
use crate::http::Encoding;

/// The number of the shard, 0 to 3, to which a record would go.
pub(super) type Shard = u8;

#[derive(Deserialize)]
struct Records<'a> {
    #[serde(borrow, rename = "Records")]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, rename = "Data")]
    data: Cow<'a, str>,
    #[serde(borrow, rename = "PartitionKey")]
    partition_key: Cow<'a, str>,
}

/// Reads a PutRecords.
pub(super) fn records(encoding: Encoding, body: &[u8]) -> Result<Vec<Shard>> {
    match encoding {
        Encoding::Json => {
            let records = serde_json::from_slice::<Records<'_>>(body)?.records;
            records.iter().map(taken).collect()
        }
        Encoding::Cbor => {
            let mut shards = Vec::new();
            let mut input = Decoder::new(body);
            entries(&mut input, |name, input| {
                if name != "Records" {
                    return Ok(input.skip()?);
                }
                for _ in 0..input.array()?.ok_or("an array without a length")? {
                    shards.push(cbor_record(input)?);
                }
                Ok(())
            })?;
            Ok(shards)
        }
    }
}

/// Reads a PutRecord.
pub(super) fn record(encoding: Encoding, body: &[u8]) -> Result<Shard> {
    match encoding {
        Encoding::Json => taken(&serde_json::from_slice(body)?),
        Encoding::Cbor => cbor_record(&mut Decoder::new(body)),
    }
}

fn taken(record: &Record<'_>) -> Result<Shard> {
    black_box(base64_simd::STANDARD.decode_to_vec(record.data.as_bytes())?);
    Ok(shard(&record.partition_key))
}

fn cbor_record(input: &mut Decoder<'_>) -> Result<Shard> {
    let mut found = None;
    entries(input, |name, input| {
        match name {
            "Data" => drop(black_box(input.bytes()?.to_vec())),
            "PartitionKey" => found = Some(shard(input.str()?)),
            _ => input.skip()?,
        }
        Ok(())
    })?;
    found.ok_or_else(|| "a record without a partition key".into())
}

/// Hands each name of a map to `value`, which reads or skips what belongs to it.
fn entries<'b>(
    input: &mut Decoder<'b>,
    mut value: impl FnMut(&str, &mut Decoder<'b>) -> Result<()>,
) -> Result<()> {
    for _ in 0..input.map()?.ok_or("a map without a length")? {
        let name = input.str()?;
        value(name, input)?;
    }
    Ok(())
}

/// The first two bits of the hash: four shards that are equally large.
fn shard(partition_key: &str) -> Shard {
    Md5::digest(partition_key.as_bytes())[0] >> 6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload;
    use crate::random::Random;

    #[test]
    fn both_encodings_are_read_alike() {
        let build = |encoding| payload::put_records("s", 20, 100, encoding, &mut Random::new(1));
        let json = records(Encoding::Json, &build(Encoding::Json)).unwrap();
        assert_eq!(json.len(), 20);
        assert_eq!(json, records(Encoding::Cbor, &build(Encoding::Cbor)).unwrap());
        let one = payload::put_record("s", 100, &mut Random::new(1));
        assert_eq!(record(Encoding::Json, &one).unwrap(), json[0]);
        assert!(record(Encoding::Json, b"{}").is_err());
        assert!(record(Encoding::Cbor, b"\xa0").is_err());
    }
}
