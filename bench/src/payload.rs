//! Bodies of puts, built before the clock starts.

use crate::http::Encoding;
use crate::random::Random;

/// `records` records of `record_bytes` random bytes each, keys random so that they spread over all shards.
pub(crate) fn put_records(
    stream: &str,
    records: usize,
    record_bytes: usize,
    encoding: Encoding,
    random: &mut Random,
) -> Vec<u8> {
    match encoding {
        Encoding::Json => {
            let records: Vec<String> = (0..records).map(|_| json_record(record_bytes, random)).collect();
            format!(r#"{{"StreamName":"{stream}","Records":[{}]}}"#, records.join(",")).into_bytes()
        }
        Encoding::Cbor => {
            let mut body = Vec::with_capacity(records * (record_bytes + 64));
            cbor_head(&mut body, 5, 2);
            cbor_text(&mut body, "StreamName");
            cbor_text(&mut body, stream);
            cbor_text(&mut body, "Records");
            cbor_head(&mut body, 4, records);
            for _ in 0..records {
                cbor_head(&mut body, 5, 2);
                cbor_text(&mut body, "Data");
                cbor_head(&mut body, 2, record_bytes);
                body.extend_from_slice(&random.bytes(record_bytes));
                cbor_text(&mut body, "PartitionKey");
                cbor_text(&mut body, &key(random));
            }
            body
        }
    }
}

pub(crate) fn put_record(stream: &str, record_bytes: usize, random: &mut Random) -> Vec<u8> {
    let record = json_record(record_bytes, random);
    format!(r#"{{"StreamName":"{stream}",{}"#, &record[1..]).into_bytes()
}

fn json_record(record_bytes: usize, random: &mut Random) -> String {
    let data = base64_simd::STANDARD.encode_to_string(random.bytes(record_bytes));
    format!(r#"{{"Data":"{data}","PartitionKey":"{}"}}"#, key(random))
}

fn key(random: &mut Random) -> String {
    format!("key-{:012x}", random.next() >> 16)
}

fn cbor_text(body: &mut Vec<u8>, text: &str) {
    cbor_head(body, 3, text.len());
    body.extend_from_slice(text.as_bytes());
}

fn cbor_head(body: &mut Vec<u8>, major: u8, value: usize) {
    match u16::try_from(value) {
        Ok(small @ 0..=23) => body.push(major << 5 | small as u8),
        Ok(small @ 24..=255) => body.extend_from_slice(&[major << 5 | 24, small as u8]),
        Ok(small) => {
            body.push(major << 5 | 25);
            body.extend_from_slice(&small.to_be_bytes());
        }
        Err(_) => {
            body.push(major << 5 | 26);
            body.extend_from_slice(&(value as u32).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_is_valid_json() {
        let body = put_record("s", 100, &mut Random::new(1));
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["StreamName"], "s");
        assert!(value["PartitionKey"].as_str().unwrap().starts_with("key-"));
        let body = put_records("s", 3, 100, Encoding::Json, &mut Random::new(1));
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["Records"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn cbor_heads_grow_with_the_value() {
        let cases: [(usize, &[u8]); 4] =
            [(23, &[0x57]), (24, &[0x58, 24]), (256, &[0x59, 1, 0]), (65_536, &[0x5a, 0, 1, 0, 0])];
        for (value, expected) in cases {
            let mut body = Vec::new();
            cbor_head(&mut body, 2, value);
            assert_eq!(body, expected);
        }
    }
}
