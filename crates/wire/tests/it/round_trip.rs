//! Round trips: what is written reads back the same, in both codecs, and the same across them.

use headwater_types::Timestamp;
use headwater_wire::Codec;
use headwater_wire::shape::{Blob, Bool, Int, List, Long, Map, Text, Time};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

use crate::{Everything, Inner};

prop_compose! {
    fn inner()(data in of(vec(any::<u8>(), 0..40)), key in of(any::<String>())) -> Inner<'static> {
        Inner { data: data.map(Blob::new), key: key.map(Text::from) }
    }
}

prop_compose! {
    fn everything()(
        (text, int, long, flag, blob) in
            (of(any::<String>()), of(any::<i32>()), of(any::<i64>()), of(any::<bool>()), of(vec(any::<u8>(), 0..5000))),
        // Milliseconds as a JSON double are exact far beyond the year 9999.
        time in of(0..253_402_300_799_999u64),
        texts in of(vec(any::<String>(), 0..5)),
        tags in of(btree_map(any::<String>(), any::<String>(), 0..5)),
        inner_one in of(inner()),
        inners in of(vec(inner(), 0..5)),
    ) -> Everything<'static> {
        Everything {
            text: text.map(Text::from),
            int: int.map(Int),
            long: long.map(Long),
            flag: flag.map(Bool),
            blob: blob.map(Blob::new),
            time: time.map(|millis| Time(Timestamp::from_millis(millis))),
            texts: texts.map(|texts| texts.into_iter().map(Text::from).collect()),
            tags: tags.map(|tags| tags.into_iter().map(|(k, v)| (k.into(), v.into())).collect::<Map<'_, _>>()),
            inner: inner_one,
            inners: inners.map(List),
        }
    }
}

/// Blobs read from JSON are still base64; this makes them comparable.
fn decoded<'a>(mut value: Everything<'a>) -> Everything<'a> {
    let plain = |blob: Blob<'a>| Blob::new(blob.into_bytes().unwrap());
    value.blob = value.blob.map(plain);
    for inner in value.inner.iter_mut().chain(value.inners.iter_mut().flat_map(|list| &mut list.0)) {
        inner.data = inner.data.take().map(plain);
    }
    value
}

proptest! {
    #[test]
    fn both_codecs(value in everything()) {
        for codec in [Codec::Json, Codec::Cbor] {
            let body = codec.encode(&value);
            let read: Everything<'_> = codec.decode(&body).unwrap();
            prop_assert_eq!(&decoded(read.clone()), &value, "{:?}", codec);
            // What was read from one codec can be written in the other.
            for other in [Codec::Json, Codec::Cbor] {
                prop_assert_eq!(other.encode(&read), other.encode(&value));
            }
        }
    }
}
