//! The encodings and signatures as the rest of Headwater sees them.

mod coercion;
mod date;
mod encoding;
mod event_stream;
mod hostile;
mod query;
mod round_trip;
mod sigv4;
mod structure;
mod verify;

use headwater_wire::shape::{Blob, Bool, Int, List, Long, Map, Text, Time};

headwater_wire::shape! {
    /// One member of every type.
    pub(crate) struct Everything<'a> {
        text: Text<'a> = "Text",
        int: Int = "Int",
        long: Long = "Long",
        flag: Bool = "Flag",
        blob: Blob<'a> = "Blob",
        time: Time = "Time",
        texts: List<Text<'a>> = "Texts",
        tags: Map<'a, Text<'a>> = "Tags",
        inner: Inner<'a> = "Inner",
        inners: List<Inner<'a>> = "Inners",
    }
}

headwater_wire::shape! {
    /// A structure inside.
    pub(crate) struct Inner<'a> {
        data: Blob<'a> = "Data",
        key: Text<'a> = "Key",
    }
}
