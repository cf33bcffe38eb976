//! The seeds that are bytes. Those that are text are written by hand.

use std::fs;
use std::io;
use std::path::Path;

use headwater_types::{Record, RecordBatchBuilder};
use headwater_wire::Codec;
use headwater_wire::event_stream::{event, exception};

use crate::targets::{Everything, directory, stream_document};

/// Writes the seeds that are bytes below `corpus`.
pub fn write_seeds(corpus: &Path) -> io::Result<()> {
    let write = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(corpus.join(target))?;
        fs::write(corpus.join(target).join(name), bytes)
    };
    // The same requests as in JSON.
    for entry in fs::read_dir(corpus.join("json"))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        if let Ok(body) = Codec::Json.decode::<Everything<'_>>(&fs::read(&path)?) {
            write("cbor", name, &Codec::Cbor.encode(&body))?;
        }
    }
    write(
        "cbor",
        "indefinite",
        b"\xbf\x7f\x6aStreamName\xff\x7f\x61a\x61b\xff\x64Data\x5f\x41a\x42bc\xff\xff",
    )?;
    write("cbor", "pieces", b"\xbf\x64Data\x5f\x41a\x42bc\xff\x67Records\x9f\xa1\x64Data\x41a\xf6\xff\xff")?;
    write("event_stream", "event", &event("SubscribeToShardEvent", &"payload", 32))?;
    write("event_stream", "exception", &exception("ResourceNotFoundException", "gone"))?;
    write("records", "plain", &[&[2][..], &records(2, None)].concat())?;
    write("records", "hashed", &[&[3][..], &records(3, Some(7 << 64))].concat())?;
    write("records", "sealed", &[&[2][..], &records(1, None), &sealed()].concat())?;
    write("stream_document", "created", &stream_document::written())?;
    write("stream_document", "empty", b"{}")?;
    write("tokens", "flipped", &[30, 1, 2, 3])?;
    write("tokens", "prefix", b"\0\0\0\0\0\0\0\x01\x01\0\0\x20")?;
    let kinds = [("journal", ("/data/journal", ".log")), ("segment", ("/data/seg", ".seg"))];
    for (target, kind) in kinds.into_iter().chain([("snapshot", ("/data/meta", ".snap"))]) {
        // The file itself in its own place, without the zeros at its end.
        let bytes = directory(kind);
        let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        write(target, "whole", &[&[2][..], &bytes[..len]].concat())?;
        for file in 0..2u8 {
            // A byte flipped in the middle of the second frame; a length, a position, a kind changed.
            write(target, &format!("flipped-{file}"), &[file * 3, 70, 0, 0x10, 0, 0, 0])?;
            write(target, &format!("cut-{file}"), &[file * 3, 0, 0, 0, 0, 0, 0, 200, 0])?;
            let patches = [file * 3 + 1, 36, 0, 1, 9, 100, 0, 2, 1, 0, 116, 0, 1, 3];
            write(target, &format!("patched-{file}"), &patches)?;
            // A length of 64 MiB; of an index, more runs than there can be, in its head and in an entry, and none.
            write(target, &format!("long-{file}"), &[file * 3 + 1, 4, 0, 4, 0, 0, 0, 4])?;
            let high = [255; 8];
            write(target, &format!("many-{file}"), &[&[file * 3 + 1, 40, 0, 8][..], &high].concat())?;
            write(target, &format!("far-{file}"), &[&[file * 3 + 1, 72, 0, 8][..], &high].concat())?;
            write(target, &format!("none-{file}"), &[file * 3 + 1, 76, 0, 4, 0, 0, 0, 0])?;
        }
    }
    Ok(())
}

fn records(count: u32, explicit_hash_key: Option<u128>) -> Vec<u8> {
    let mut builder = RecordBatchBuilder::default();
    for i in 0..count {
        builder.push(Record { key: &format!("key-{i}"), explicit_hash_key, data: b"some data" });
    }
    builder.finish().map(|batch| batch.bytes().to_vec()).unwrap_or_default()
}

fn sealed() -> Vec<u8> {
    let mut builder = RecordBatchBuilder::default();
    let append = |out: &mut Vec<u8>| {
        out.extend_from_slice(b"sealed");
        Ok::<(), ()>(())
    };
    let _ = builder.push_sealed(6, append);
    builder.finish().map(|batch| batch.bytes().to_vec()).unwrap_or_default()
}
