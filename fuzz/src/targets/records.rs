//! Batches of records as they come from a disk. The first byte is their number.

use bytes::Bytes;
use headwater_types::{RecordBatch, RecordBatchBuilder, StoredRecord};

pub(crate) fn run(bytes: &[u8]) {
    let Some((&count, encoded)) = bytes.split_first() else { return };
    let Ok(batch) = RecordBatch::parse(Bytes::copy_from_slice(encoded), count.into()) else { return };
    assert_eq!((batch.count(), batch.stored().count()), (count.into(), count.into()));
    assert_eq!(batch.encoded_lens().sum::<usize>(), encoded.len());
    // Lengths may be written longer than they need be, so the bytes may differ; the records may not.
    let again = written(&batch);
    assert!(again.bytes().len() <= encoded.len());
    assert!(again.stored().eq(batch.stored()));
    let again = RecordBatch::parse(again.bytes().clone(), again.count()).expect("what was written");
    assert_eq!(again.is_sealed(), batch.is_sealed());
    // Cut anywhere, the pieces are the whole.
    let at = u32::from(count) / 2;
    let pieces = [batch.slice(0, at), batch.slice(at, u32::MAX)];
    let joined: Vec<_> = pieces.iter().flatten().flat_map(RecordBatch::stored).collect();
    assert!(joined.into_iter().eq(batch.stored()));
    assert_eq!(batch.slice(count.into(), 1), None);
}

fn written(batch: &RecordBatch) -> RecordBatch {
    let mut builder = RecordBatchBuilder::default();
    for record in batch.stored() {
        match record {
            StoredRecord::Plain(record) => builder.push(record),
            StoredRecord::Sealed(sealed) => {
                let append = |out: &mut Vec<u8>| {
                    out.extend_from_slice(sealed);
                    Ok::<(), ()>(())
                };
                builder.push_sealed(sealed.len(), append).expect("it fits");
            }
        }
    }
    builder.finish().expect("a batch has records")
}
