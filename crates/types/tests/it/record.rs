use bytes::Bytes;
use headwater_types::{Record, RecordBatch, RecordBatchBuilder, StoredRecord};
use proptest::prelude::*;

fn batch(records: &[(String, Option<u128>, Vec<u8>)]) -> RecordBatch {
    let mut builder = RecordBatchBuilder::default();
    for (key, explicit_hash_key, data) in records {
        builder.push(Record { key, explicit_hash_key: *explicit_hash_key, data });
    }
    builder.finish().unwrap()
}

proptest! {
    #[test]
    fn records_survive_their_encoding(records in prop::collection::vec((".{0,200}", any::<Option<u128>>(),
        prop::collection::vec(any::<u8>(), 0..300)), 1..20), skip in 0u32..25, take in 0u32..25) {
        let made = batch(&records);
        let read = RecordBatch::parse(made.bytes().clone(), records.len() as u32).unwrap();
        let back: Vec<_> = read.records().map(|r| (r.key.to_owned(), r.explicit_hash_key, r.data.to_vec())).collect();
        prop_assert_eq!(&back, &records);

        let cut: Vec<_> = records.iter().skip(skip as usize).take(take as usize).cloned().collect();
        match made.slice(skip, take) {
            None => prop_assert!(cut.is_empty()),
            Some(slice) => prop_assert_eq!(slice, batch(&cut)),
        }
    }

    #[test]
    fn an_encoding_has_the_length_that_is_said(key in ".{0,300}", hash in any::<Option<u128>>(), len in 0usize..40_000) {
        let record = Record { key: &key, explicit_hash_key: hash, data: &vec![7; len] };
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        prop_assert_eq!(bytes.len(), record.encoded_len());
    }

    /// `None` is a plain record, `Some` what a sealed one holds.
    #[test]
    fn sealed_records_stand_among_plain_ones(records in prop::collection::vec(
        any::<Option<Vec<u8>>>(), 1..20), skip in 0u32..25, take in 0u32..25) {
        let made = mixed(&records);
        prop_assert_eq!(made.is_sealed(), records.iter().any(Option::is_some));
        let read = RecordBatch::parse(made.bytes().clone(), records.len() as u32).unwrap();
        prop_assert_eq!(&read, &made);
        let ends = read.encoded_lens().scan(0, |end, len| { *end += len; Some(*end) });
        prop_assert_eq!(ends.last(), Some(read.bytes().len()));
        for (stored, record) in read.stored().zip(&records) {
            match (stored, record) {
                (StoredRecord::Plain(plain), None) => prop_assert_eq!(plain.key, "plain"),
                (StoredRecord::Sealed(bytes), Some(sealed)) => prop_assert_eq!(bytes, &sealed[..]),
                other => prop_assert!(false, "{:?}", other),
            }
        }
        let cut: Vec<_> = records.iter().skip(skip as usize).take(take as usize).cloned().collect();
        match made.slice(skip, take) {
            None => prop_assert!(cut.is_empty()),
            Some(slice) => prop_assert_eq!(slice, mixed(&cut)),
        }
    }

    #[test]
    fn any_bytes_are_records_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..100), count in 0u32..10) {
        if let Ok(batch) = RecordBatch::parse(Bytes::from(bytes), count) {
            prop_assert_eq!(batch.stored().count(), count as usize);
        }
    }
}

#[test]
fn a_wrong_count_is_refused() {
    let made = batch(&[("k".into(), None, vec![1]), ("l".into(), Some(5), vec![])]);
    for (count, fits) in [(0, false), (1, false), (2, true), (3, false)] {
        assert_eq!(RecordBatch::parse(made.bytes().clone(), count).is_ok(), fits, "{count}");
    }
    assert!(RecordBatch::parse(Bytes::new(), 0).is_err());
}

fn mixed(records: &[Option<Vec<u8>>]) -> RecordBatch {
    let mut builder = RecordBatchBuilder::default();
    for record in records {
        match record {
            None => builder.push(Record { key: "plain", explicit_hash_key: None, data: b"data" }),
            Some(sealed) => builder
                .push_sealed(sealed.len(), |to| {
                    to.extend_from_slice(sealed);
                    Ok::<_, ()>(())
                })
                .unwrap(),
        }
    }
    builder.finish().unwrap()
}

#[test]
fn what_cannot_be_sealed_leaves_no_trace() {
    let mut builder = RecordBatchBuilder::default();
    builder.push(Record { key: "k", explicit_hash_key: None, data: b"d" });
    let refused = builder.push_sealed(100, |to| {
        to.extend_from_slice(b"half of it");
        Err("no key")
    });
    assert_eq!(refused, Err("no key"));
    let made = builder.finish().unwrap();
    assert_eq!(made, batch(&[("k".into(), None, b"d".to_vec())]));
}

/// The encoding is on disks: each of these is read for ever as it is read here.
#[test]
fn encodings_stay_as_they_are() {
    let plain = |key, explicit_hash_key, data| StoredRecord::Plain(Record { key, explicit_hash_key, data });
    let cases: [(&[u8], StoredRecord<'_>); 4] = [
        (b"\x02k\x02ab", plain("k", None, b"ab")),
        (b"\x00\x00", plain("", None, b"")),
        (b"\x05kk\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01x", plain("kk", Some(256), b"x")),
        (b"\xfe\xff\xff\xff\x0f\x03xyz", StoredRecord::Sealed(b"xyz")),
    ];
    for (bytes, expected) in cases {
        let read = RecordBatch::parse(Bytes::from_static(bytes), 1).unwrap();
        assert_eq!(read.stored().next(), Some(expected));
        assert_eq!(read.is_sealed(), matches!(expected, StoredRecord::Sealed(_)));
    }
}
