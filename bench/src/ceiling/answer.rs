//! Answers of the form and length of real ones.

use bytes::Bytes;
use minicbor::Encoder;

use super::put::Shard;
use crate::Result;
use crate::http::Encoding;
use crate::random::Random;
use crate::workload::SHARDS;

/// As long as the real ones, and the same for every record.
const SEQUENCE_NUMBER: &str = "49680724793062609459443103805610374499732876316819587106";
const SHARD_IDS: [&str; SHARDS] =
    ["shardId-000000000000", "shardId-000000000001", "shardId-000000000002", "shardId-000000000003"];
/// A full answer of GetRecords by default.
const READ_RECORDS: usize = 10_000;
const READ_RECORD_BYTES: usize = 1024;

pub(super) fn put_records(encoding: Encoding, shards: &[Shard]) -> Result<Vec<u8>> {
    match encoding {
        Encoding::Json => {
            let mut body = Vec::with_capacity(64 + 128 * shards.len());
            body.extend_from_slice(br#"{"FailedRecordCount":0,"Records":["#);
            for (number, shard) in shards.iter().enumerate() {
                if number > 0 {
                    body.push(b',');
                }
                json_entry(&mut body, *shard);
            }
            body.extend_from_slice(b"]}");
            Ok(body)
        }
        Encoding::Cbor => {
            let mut body = Encoder::new(Vec::with_capacity(64 + 128 * shards.len()));
            body.map(2)?.str("FailedRecordCount")?.u8(0)?.str("Records")?.array(shards.len() as u64)?;
            shards.iter().try_for_each(|shard| cbor_entry(&mut body, *shard))?;
            Ok(body.into_writer())
        }
    }
}

pub(super) fn put_record(encoding: Encoding, shard: Shard) -> Result<Vec<u8>> {
    match encoding {
        Encoding::Json => {
            let mut body = Vec::with_capacity(128);
            json_entry(&mut body, shard);
            Ok(body)
        }
        Encoding::Cbor => {
            let mut body = Encoder::new(Vec::with_capacity(128));
            cbor_entry(&mut body, shard)?;
            Ok(body.into_writer())
        }
    }
}

fn shard_id(shard: Shard) -> &'static str {
    SHARD_IDS[usize::from(shard) % SHARDS]
}

fn json_entry(body: &mut Vec<u8>, shard: Shard) {
    for part in [r#"{"ShardId":""#, shard_id(shard), r#"","SequenceNumber":""#, SEQUENCE_NUMBER, r#""}"#] {
        body.extend_from_slice(part.as_bytes());
    }
}

fn cbor_entry(body: &mut Encoder<Vec<u8>>, shard: Shard) -> Result<()> {
    body.map(2)?.str("ShardId")?.str(shard_id(shard))?;
    body.str("SequenceNumber")?.str(SEQUENCE_NUMBER)?;
    Ok(())
}

/// An iterator as long as a real one.
fn iterator_text() -> String {
    "A".repeat(224)
}

pub(super) fn iterator() -> Bytes {
    format!(r#"{{"ShardIterator":"{}"}}"#, iterator_text()).into()
}

pub(super) fn shards() -> Bytes {
    let shards: Vec<String> = SHARD_IDS.iter().map(|id| format!(r#"{{"ShardId":"{id}"}}"#)).collect();
    format!(r#"{{"Shards":[{}]}}"#, shards.join(",")).into()
}

/// Answers of GetRecords, built before the first connection.
pub(super) struct Prebuilt {
    json: Bytes,
    cbor: Bytes,
}

impl Prebuilt {
    pub(super) fn new() -> Result<Self> {
        let data = Random::new(5).bytes(READ_RECORD_BYTES);
        Ok(Self { json: read_json(&data).into(), cbor: read_cbor(&data)?.into() })
    }

    pub(super) fn get_records(&self, encoding: Encoding) -> Bytes {
        match encoding {
            Encoding::Json => self.json.clone(),
            Encoding::Cbor => self.cbor.clone(),
        }
    }
}

fn read_json(data: &[u8]) -> Vec<u8> {
    let data = base64_simd::STANDARD.encode_to_string(data);
    let record = format!(
        r#"{{"SequenceNumber":"{SEQUENCE_NUMBER}","ApproximateArrivalTimestamp":1796093246.123,"Data":"{data}","PartitionKey":"key-0123456789ab"}}"#
    );
    let records = vec![record; READ_RECORDS].join(",");
    let iterator = iterator_text();
    format!(r#"{{"Records":[{records}],"NextShardIterator":"{iterator}","MillisBehindLatest":1000}}"#)
        .into_bytes()
}

fn read_cbor(data: &[u8]) -> Result<Vec<u8>> {
    let mut body = Encoder::new(Vec::new());
    body.map(3)?.str("Records")?.array(READ_RECORDS as u64)?;
    for _ in 0..READ_RECORDS {
        body.map(4)?.str("SequenceNumber")?.str(SEQUENCE_NUMBER)?;
        body.str("ApproximateArrivalTimestamp")?.u64(1_796_093_246_123)?;
        body.str("Data")?.bytes(data)?.str("PartitionKey")?.str("key-0123456789ab")?;
    }
    body.str("NextShardIterator")?.str(&iterator_text())?.str("MillisBehindLatest")?.u64(1000)?;
    Ok(body.into_writer())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_the_real_form() {
        let json: serde_json::Value =
            serde_json::from_slice(&put_records(Encoding::Json, &[0, 3]).unwrap()).unwrap();
        assert_eq!(json["FailedRecordCount"], 0);
        assert_eq!(json["Records"][1]["ShardId"], "shardId-000000000003");
        assert_eq!(json["Records"][1]["SequenceNumber"].as_str().unwrap().len(), 56);
        let read: serde_json::Value = serde_json::from_slice(&read_json(b"data")).unwrap();
        assert_eq!(read["Records"].as_array().unwrap().len(), READ_RECORDS);
        assert_eq!(read["Records"][0]["Data"], "ZGF0YQ==");
    }

    #[test]
    fn cbor_answers_end_where_they_should() {
        for body in [
            put_records(Encoding::Cbor, &[0, 1, 2]).unwrap(),
            put_record(Encoding::Cbor, 1).unwrap(),
            read_cbor(b"data").unwrap(),
        ] {
            let mut input = minicbor::Decoder::new(&body);
            input.skip().unwrap();
            assert_eq!(input.position(), body.len());
        }
    }
}
