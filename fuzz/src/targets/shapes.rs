//! A structure with a member of every type, named as in requests, and what has to hold for what was read.

use headwater_wire::shape::{Blob, Bool, Int, List, Long, Map, Text, Time};
use headwater_wire::{Codec, DecodeError};

headwater_wire::shape! {
    /// Members of PutRecords and others.
    pub(crate) struct Everything<'a> {
        stream_name: Text<'a> = "StreamName",
        shard_count: Int = "ShardCount",
        size: Long = "Size",
        enforce: Bool = "EnforceConsumerDeletion",
        data: Blob<'a> = "Data",
        timestamp: Time = "Timestamp",
        keys: List<Text<'a>> = "TagKeys",
        tags: Map<'a, Text<'a>> = "Tags",
        start: Entry<'a> = "StartingPosition",
        records: List<Entry<'a>> = "Records",
    }
}

headwater_wire::shape! {
    /// One of Records.
    pub(crate) struct Entry<'a> {
        data: Blob<'a> = "Data",
        partition_key: Text<'a> = "PartitionKey",
    }
}

/// The end of the year 9999: later times are not exact as JSON's seconds.
const MILLIS_MAX: u64 = 253_402_300_799_999;

/// Checks that what was read can be written in both codecs, reads back the same, and is then written the same.
pub(super) fn check(codec: Codec, body: &[u8]) {
    let read: Everything<'_> = match codec.decode(body) {
        Ok(read) => read,
        Err(DecodeError::Malformed) => return,
        Err(DecodeError::Type(text)) => {
            assert!(!text.is_empty(), "an error without a text");
            return;
        }
    };
    let Some(read) = plain(read) else { return };
    let lossy = read.timestamp.is_some_and(|Time(time)| time.as_millis() > MILLIS_MAX);
    for other in [Codec::Json, Codec::Cbor] {
        let written = other.encode(&read);
        let again: Everything<'_> = other.decode(&written).expect("what was written can be read");
        let again = plain(again).expect("what was written is base64");
        if !(lossy && other == Codec::Json) {
            assert_eq!(again, read, "{other:?}");
            assert_eq!(other.encode(&again), written);
        }
    }
}

/// Blobs as bytes; `None` where they are no base64.
fn plain(mut read: Everything<'_>) -> Option<Everything<'_>> {
    let entries = read.start.iter_mut().chain(read.records.iter_mut().flat_map(|list| &mut list.0));
    let blobs = entries.map(|entry| &mut entry.data).chain([&mut read.data]);
    for place in blobs {
        if let Some(blob) = place.take() {
            let claimed = blob.len();
            let mut appended = b"before".to_vec();
            let fits = blob.append_to(&mut appended).is_ok();
            assert!(appended.starts_with(b"before"));
            match blob.into_bytes() {
                Ok(bytes) => {
                    assert!(fits && appended[6..] == *bytes && claimed == bytes.len());
                    *place = Some(Blob::new(bytes));
                }
                Err(_) => {
                    assert!(!fits && appended.len() == 6, "a blob that cannot be read leaves nothing");
                    return None;
                }
            }
        }
    }
    Some(read)
}
