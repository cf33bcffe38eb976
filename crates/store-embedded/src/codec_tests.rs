//! Encoded values are decoded again, and one flipped bit is one too many.

use bytes::Bytes;
use headwater_store::{LogId, Version, Versioned};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::catalog::Catalog;
use crate::control::Control;
use crate::frame::{HEADER_LEN, Header, Kind};
use crate::identity::{Identity, Stamp};
use crate::log_state::{LogState, Staged};
use crate::segment::{Entry, IndexHeader, Run, SegmentHeader};
use crate::snapshot;

fn control() -> impl Strategy<Value = Control> {
    let name = "[a-z0-9./_-]{1,200}";
    prop_oneof![
        vec((0..u32::MAX, name), 1..5).prop_map(|logs| {
            Control::Create(logs.iter().map(|(number, name)| (*number, LogId::new(name).unwrap())).collect())
        }),
        any::<u32>().prop_map(|log| Control::Seal { log }),
        any::<(u32, u64)>().prop_map(|(log, start)| Control::Trim { log, start }),
        vec(any::<u32>(), 1..9).prop_map(Control::Delete),
        ("[!-~]{1,512}", vec(any::<u8>(), 0..300))
            .prop_map(|(key, value)| Control::MetaPut { key, value: value.into() }),
        "[!-~]{1,512}".prop_map(|key| Control::MetaDelete { key }),
    ]
}

fn identity(seed: u32) -> Identity {
    let mut bytes = [1; 16];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    Identity::from_bytes(bytes).unwrap()
}

fn index_header(segment: SegmentHeader, entries: u32, runs: u64, segment_len: u64) -> IndexHeader {
    let SegmentHeader { id, from, to, .. } = segment;
    IndexHeader { id, from, to, stamp: segment.stamp(), entries, runs, segment_len }
}

fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

proptest! {
    #[test]
    fn headers(stamp: u64, wide in any::<[u64; 3]>(), narrow in any::<[u32; 4]>(), len in 0..1000u32, kind in 0..9usize, bit: usize) {
        use Kind::*;
        let header = Header {
            len: HEADER_LEN as u32 + len,
            payload_crc: narrow[0],
            place: wide[0],
            commit: narrow[1],
            log: narrow[2],
            count: narrow[3],
            first: wide[1],
            arrival: wide[2],
            kind: [Open, Records, Create, Seal, Trim, Delete, MetaPut, MetaDelete, Mark][kind],
        };
        let stamp = Stamp(stamp);
        let bytes = header.encode(stamp);
        prop_assert_eq!(Header::decode(&bytes, wide[0], stamp), Some(header));
        prop_assert_eq!(Header::decode_any(&bytes), Some((header, stamp)));
        prop_assert_eq!(Header::decode(&bytes, wide[0] ^ 1, stamp), None);
        prop_assert_eq!(Header::decode(&bytes, wide[0], Stamp(!stamp.0)), None);
        prop_assert_eq!(Header::decode(&flip(&bytes, bit), wide[0], stamp), None);
    }

    #[test]
    fn controls(change in control(), sequence: u64) {
        let (header, payload) = change.encode(sequence);
        prop_assert_eq!(header.first, sequence);
        prop_assert!(header.payload_is_good(&payload));
        prop_assert_eq!(Control::decode(&header, &payload), Some(change));
    }

    #[test]
    fn controls_from_anything(kind in 3..9usize, payload in vec(any::<u8>(), 0..300)) {
        use Kind::*;
        let kind = [Open, Records, Mark, Create, Seal, Trim, Delete, MetaPut, MetaDelete][kind];
        let _ = Control::decode(&Header::new(kind, &payload), &payload);
    }

    #[test]
    fn index_structures(wide in any::<[u64; 6]>(), narrow in any::<[u32; 3]>(), bit: usize) {
        let identity = identity(narrow[1]);
        let segment =
            SegmentHeader { id: wide[0], from: wide[1], to: wide[2], to_end: wide[3], identity: Some(identity) };
        let old = SegmentHeader { identity: None, to_end: 0, ..segment };
        prop_assert_eq!(SegmentHeader::decode(&old.encode()), Some(old));
        prop_assert_eq!(SegmentHeader::decode(&segment.encode()), Some(segment));
        prop_assert_eq!(SegmentHeader::decode(&flip(&segment.encode(), bit)), None);
        let index = index_header(segment, narrow[0], wide[3], wide[4]);
        prop_assert!(index.is_of(&segment, wide[4]) && !index.is_of(&old, wide[4]));
        let another = SegmentHeader { identity: Some(self::identity(!narrow[1])), ..segment };
        prop_assert!(!index.is_of(&another, wide[4]) && !index.is_of(&segment, !wide[4]));
        prop_assert_eq!(IndexHeader::decode(&index.encode()), Some(index));
        prop_assert_eq!(IndexHeader::decode(&flip(&index.encode(), bit)), None);
        let entry = Entry {
            log: narrow[0], run_first: narrow[1], runs: narrow[2], first: wide[0], end: wide[1],
            first_arrival: wide[2], last_arrival: wide[3], offset: wide[4], len: wide[5],
        };
        prop_assert_eq!(Entry::decode(&entry.encode()), Some(entry));
        prop_assert_eq!(Entry::decode(&flip(&entry.encode(), bit)), None);
        let run = Run { first: wide[0], arrival: wide[1], offset: narrow[0], len: narrow[1] };
        prop_assert_eq!(Run::decode(&run.encode()), Some(run));
        prop_assert_eq!(Run::decode(&flip(&run.encode(), bit)), None);
    }

    #[test]
    fn snapshots(logs in vec(any::<[u64; 3]>(), 0..20), values in vec(vec(any::<u8>(), 0..50), 0..20), bit: usize) {
        let mut catalog = Catalog { applied: 77, ..Catalog::default() };
        for (i, [start, end, last_arrival]) in logs.into_iter().enumerate() {
            let (start, end) = ((start >> 2).min(end >> 2), end >> 2);
            let bounds = Staged { start, end, last_arrival, sealed: i % 2 == 0, deleted: false };
            catalog.add(LogState::new(LogId::new(&format!("log/{i}")).unwrap(), i as u32, bounds));
        }
        for (i, value) in values.into_iter().enumerate() {
            let value = Versioned { value: Bytes::from(value), version: Version(i as u64) };
            catalog.meta.insert(format!("key/{i}"), value);
        }
        let bytes = snapshot::encode(&catalog, (5, 600), identity(7));
        let found = snapshot::decode(&bytes).expect("it decodes");
        prop_assert_eq!((found.before, found.identity), (Some((5, 600)), Some(identity(7))));
        prop_assert_eq!(snapshot::encode(&found.catalog, (5, 600), identity(7)), bytes.clone());
        prop_assert_eq!(found.catalog.meta, catalog.meta);
        prop_assert!(snapshot::decode(&flip(&bytes, bit)).is_none());
    }
}

#[test]
fn an_entry_fits_its_segment_or_the_index_is_made_again() {
    let segment = SegmentHeader { id: 1, from: 1, to: 1, to_end: 0, identity: Some(identity(1)) };
    let header = index_header(segment, 1, 3, 1000);
    let good = Entry { run_first: 1, runs: 2, first: 5, end: 7, offset: 64, len: 936, ..Entry::default() };
    assert!(good.fits(&header));
    let wrong = [
        Entry { run_first: 2, ..good },
        Entry { runs: 0, ..good },
        Entry { run_first: u32::MAX, ..good },
        Entry { end: 4, ..good },
        Entry { len: 937, ..good },
        Entry { offset: u64::MAX, ..good },
    ];
    for entry in wrong {
        assert!(!entry.fits(&header), "{entry:?}");
    }
    assert_eq!(IndexHeader { runs: u64::MAX, ..header }.index_len(), u64::MAX);
}

#[test]
fn a_snapshot_of_what_cannot_be_is_damaged() {
    let decodes = |number, start, end| {
        let mut catalog = Catalog::default();
        let bounds = Staged { start, end, last_arrival: 0, sealed: false, deleted: false };
        catalog.add(LogState::new(LogId::new("log").unwrap(), number, bounds));
        snapshot::decode(&snapshot::encode(&catalog, (0, 0), identity(1))).is_some()
    };
    assert!(decodes(1, 3, 3) && decodes(u32::MAX - 1, 0, 9));
    assert!(!decodes(1, 4, 3));
    let payload = [&u32::MAX.to_le_bytes()[..], &[3], b"log"].concat();
    assert_eq!(Control::decode(&Header::new(Kind::Create, &payload), &payload), None);
}
