use bytes::Bytes;
use headwater_types::{Record, RecordBatch, RecordBatchBuilder};
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
    fn any_bytes_are_records_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..100), count in 0u32..10) {
        if let Ok(batch) = RecordBatch::parse(Bytes::from(bytes), count) {
            prop_assert_eq!(batch.records().count(), count as usize);
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
