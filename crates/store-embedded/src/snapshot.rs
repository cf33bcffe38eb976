//! The catalog in a file, so that old journals are not needed to know it.
//!
//! # Format
//! `meta/<journal id>.snap`: replaying the journals from that id on over it gives the catalog. Changes with
//! sequence numbers up to `applied` are in it already, whichever journal they stand in. Little-endian:
//! ```text
//! magic "HWSN", version u32, len u64 (of the whole file), crc u32 (of the file, this field zero), number_next u32,
//! applied u64, logs u64, keys u64, before u64, before_end u64, identity 16
//! logs times: number u32, flags u8 (1: sealed), name_len u8, name, start u64, end u64, last_arrival u64
//! keys times: key_len u16, key, version u64, value_len u32, value
//! ```
//! `before` is the last journal that need not be replayed, and `before_end` where it ended: the first one after it names
//! them. Version 1 did without these and the identity. Ends of logs may be further than the journals before the named
//! one reach, never less.

use std::io::{self, IoSlice};
use std::path::Path;

use bytes::Bytes;
use headwater_host::disk::Disk;
use headwater_store::{LogId, Position, Version, Versioned};

use crate::catalog::Catalog;
use crate::frame::{u32_at, u64_at};
use crate::identity::Identity;
use crate::journal::JournalFile;
use crate::layout::{Layout, id_of, unfinished};
use crate::log_state::{LogState, Staged};
use crate::shared::Shared;

const MAGIC: [u8; 4] = *b"HWSN";
const VERSION: u32 = 2;
const VERSION_WITHOUT_IDENTITY: u32 = 1;
const HEADER_LEN: usize = 80;
const HEADER_LEN_WITHOUT_IDENTITY: usize = 48;
const CRC_AT: usize = 16;

/// A snapshot, decoded.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) catalog: Catalog,
    /// The last journal that need not be replayed, and its end; `None` in version 1.
    pub(crate) before: Option<(u64, u64)>,
    /// `None` in version 1.
    pub(crate) identity: Option<Identity>,
    pub(crate) crc: u32,
}

/// The bytes of a snapshot of what comes after journal `before.0`, which ended at `before.1`.
pub(crate) fn encode(catalog: &Catalog, before: (u64, u64), identity: Identity) -> Vec<u8> {
    let mut out = vec![0; HEADER_LEN];
    for log in catalog.logs.values() {
        let bounds = log.durable();
        out.extend_from_slice(&log.number.to_le_bytes());
        out.push(u8::from(bounds.sealed));
        out.push(log.id.as_str().len() as u8);
        out.extend_from_slice(log.id.as_str().as_bytes());
        out.extend_from_slice(&bounds.start.to_le_bytes());
        out.extend_from_slice(&bounds.end.to_le_bytes());
        out.extend_from_slice(&bounds.last_arrival.to_le_bytes());
    }
    for (key, value) in &catalog.meta {
        out.extend_from_slice(&(key.len() as u16).to_le_bytes());
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&value.version.0.to_le_bytes());
        out.extend_from_slice(&(value.value.len() as u32).to_le_bytes());
        out.extend_from_slice(&value.value);
    }
    out[0..4].copy_from_slice(&MAGIC);
    out[4..8].copy_from_slice(&VERSION.to_le_bytes());
    let len = out.len() as u64;
    out[8..16].copy_from_slice(&len.to_le_bytes());
    out[20..24].copy_from_slice(&catalog.number_next.to_le_bytes());
    out[24..32].copy_from_slice(&catalog.applied.to_le_bytes());
    out[32..40].copy_from_slice(&(catalog.logs.len() as u64).to_le_bytes());
    out[40..48].copy_from_slice(&(catalog.meta.len() as u64).to_le_bytes());
    out[48..56].copy_from_slice(&before.0.to_le_bytes());
    out[56..64].copy_from_slice(&before.1.to_le_bytes());
    out[64..80].copy_from_slice(&identity.bytes());
    let crc = crc32c::crc32c(&out);
    out[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
    out
}

/// Decodes a snapshot, `None` if it is damaged.
pub(crate) fn decode(bytes: &[u8]) -> Option<Snapshot> {
    let version = u32_at(bytes.get(..8)?, 4);
    let header_len = match version {
        VERSION => HEADER_LEN,
        VERSION_WITHOUT_IDENTITY => HEADER_LEN_WITHOUT_IDENTITY,
        _ => return None,
    };
    let head = bytes.get(..header_len)?;
    let good = head[0..4] == MAGIC && u64_at(head, 8) == bytes.len() as u64;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..CRC_AT]), &[0; 4]);
    if !good || crc32c::crc32c_append(crc, &bytes[CRC_AT + 4..]) != u32_at(head, CRC_AT) {
        return None;
    }
    let (before, identity) = match version {
        VERSION_WITHOUT_IDENTITY => (None, None),
        _ => {
            let identity = Identity::from_bytes(*head[64..80].first_chunk()?)?;
            (Some((u64_at(head, 48), u64_at(head, 56))), Some(identity))
        }
    };
    let (number_next, applied) = (u32_at(head, 20), u64_at(head, 24));
    if applied == u64::MAX {
        return None;
    }
    let mut catalog = Catalog { applied, ..Catalog::default() };
    let mut rest = &bytes[header_len..];
    for _ in 0..u64_at(head, 32) {
        let fixed = take(&mut rest, 6)?;
        let (number, sealed, name_len) = (u32_at(fixed, 0), fixed[4] & 1 == 1, usize::from(fixed[5]));
        let name = std::str::from_utf8(take(&mut rest, name_len)?).ok()?;
        let id = LogId::new(name).ok()?;
        let bounds = take(&mut rest, 24)?;
        let (start, end, last_arrival) = (u64_at(bounds, 0), u64_at(bounds, 8), u64_at(bounds, 16));
        if number >= number_next || start > end || end > Position::MAX.get() {
            return None;
        }
        catalog.add(LogState::new(id, number, Staged { start, end, last_arrival, sealed, deleted: false }));
    }
    for _ in 0..u64_at(head, 40) {
        let key_len = take(&mut rest, 2)?;
        let key_len = usize::from(u16::from_le_bytes([key_len[0], key_len[1]]));
        let key = std::str::from_utf8(take(&mut rest, key_len)?).ok()?.to_owned();
        let fixed = take(&mut rest, 12)?;
        let (version, value_len) = (Version(u64_at(fixed, 0)), u32_at(fixed, 8) as usize);
        let value = Bytes::copy_from_slice(take(&mut rest, value_len)?);
        catalog.meta.insert(key, Versioned { value, version });
    }
    catalog.number_next = number_next;
    let crc = u32_at(head, CRC_AT);
    rest.is_empty().then_some(Snapshot { catalog, before, identity, crc })
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let taken = rest.get(..len)?;
    *rest = &rest[len..];
    Some(taken)
}

/// Writes the catalog as it is now, and removes older snapshots. All records up to and in journal `last` must be in
/// segments.
pub(crate) fn write_snapshot(shared: &Shared, last: &JournalFile) -> io::Result<()> {
    let bytes = encode(&shared.catalog.read(), (last.id, last.end()), shared.origin.identity);
    let journal_id = last.id + 1;
    write_file(shared.disk(), &shared.layout, &shared.layout.snapshot(journal_id), &bytes)?;
    remove_older(shared, journal_id)
}

/// Removes the snapshots before this one.
pub(crate) fn remove_older(shared: &Shared, journal_id: u64) -> io::Result<()> {
    for name in shared.disk().list(&shared.layout.meta)? {
        if id_of(&name, ".snap").is_some_and(|id| id < journal_id) {
            shared.disk().remove(&shared.layout.meta.join(name))?;
        }
    }
    Ok(())
}

/// Writes a small file so that it is there whole or not at all.
pub(crate) fn write_file(disk: &dyn Disk, layout: &Layout, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = unfinished(path);
    // One may be left of an attempt that failed.
    let _ = disk.remove(&temporary);
    let file = disk.create(&temporary)?;
    file.write_all_at(&mut [IoSlice::new(bytes)], 0)?;
    file.sync_data()?;
    disk.rename(&temporary, path)?;
    disk.sync_dir(&layout.meta)
}
