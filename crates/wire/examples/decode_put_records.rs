//! Speed of decoding a PutRecords body of 500 records of 1 KiB: `cargo run --release --example
//! decode_put_records -p headwater-wire`.
#![allow(clippy::disallowed_methods, reason = "a benchmark has no clock but the machine's")]

use std::hint::black_box;
use std::time::Instant;

use headwater_wire::Codec;
use headwater_wire::shape::{Blob, List, Text};

headwater_wire::shape! {
    /// One record.
    struct Entry<'a> {
        data: Blob<'a> = "Data",
        explicit_hash_key: Text<'a> = "ExplicitHashKey",
        partition_key: Text<'a> = "PartitionKey",
    }
}

headwater_wire::shape! {
    /// The request.
    struct PutRecords<'a> {
        records: List<Entry<'a>> = "Records",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
    }
}

const ROUNDS: u32 = 2000;

fn main() {
    let data: Vec<u8> = (0..1024u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let entry = |i: u32| Entry {
        data: Some(Blob::new(data.as_slice())),
        partition_key: Some(format!("user-{i}").into()),
        ..Entry::default()
    };
    let request = PutRecords {
        records: Some((0..500).map(entry).collect()),
        stream_name: Some("orders".into()),
        stream_arn: None,
    };
    for codec in [Codec::Json, Codec::Cbor] {
        let body = codec.encode(&request);
        let mut batch = Vec::with_capacity(1 << 20);
        let parse = per_round(|| {
            black_box(codec.decode::<PutRecords<'_>>(black_box(&body)).unwrap());
        });
        let whole = per_round(|| {
            let request: PutRecords<'_> = codec.decode(black_box(&body)).unwrap();
            batch.clear();
            for entry in request.records.unwrap().0 {
                entry.data.unwrap().append_to(&mut batch).unwrap();
            }
            black_box(&batch);
        });
        let encode = per_round(|| {
            batch.clear();
            codec.encode_into(black_box(&request), &mut batch);
        });
        println!(
            "{codec:?}: body {} bytes; parse {parse:.0} us, parse and decode {whole:.0} us ({:.2} GB/s), encode {encode:.0} us",
            body.len(),
            body.len() as f64 / whole / 1000.0
        );
    }
}

fn per_round(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        run();
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
}
