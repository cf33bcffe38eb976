//! Checksums of the store's files made right, after the formats in `store-embedded` (`frame`, `segment::format`,
//! `snapshot`).

use std::path::Path;

/// Makes the checksums of a file right, so that what lies behind them is looked at.
pub(super) fn checksums(path: &Path, bytes: &mut [u8]) {
    let id = path.file_stem().and_then(|stem| u64::from_str_radix(stem.to_str()?, 16).ok()).unwrap_or(0);
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("log") => frames(bytes, id, 0),
        Some("seg") => {
            sign(bytes, 0..64, 8);
            frames(bytes, id, 64);
        }
        Some("idx") => index(bytes),
        Some("snap") => {
            let len = bytes.len() as u64;
            if let Some(place) = bytes.get_mut(8..16) {
                place.copy_from_slice(&len.to_le_bytes());
            }
            sign(bytes, 0..bytes.len(), 16);
        }
        None if path.ends_with("TAIL") => {
            sign(bytes, 0..80, 8);
            sign(bytes, 512..592, 8);
        }
        _ => {}
    }
}

/// Writes the checksum of a range into it, at `at`, taken with those four bytes zero.
fn sign(bytes: &mut [u8], range: std::ops::Range<usize>, at: usize) {
    let Some(part) = bytes.get_mut(range) else { return };
    let Some(place) = part.get_mut(at..at + 4) else { return };
    place.fill(0);
    let crc = crc32c::crc32c(part);
    part[at..at + 4].copy_from_slice(&crc.to_le_bytes());
}

fn frames(bytes: &mut [u8], id: u64, mut at: usize) {
    while bytes.get(at..).is_some_and(|rest| rest.len() >= 64 && rest.starts_with(b"HWF1")) {
        let len = u32::from_le_bytes([bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]]) as usize;
        if let Some(payload) = bytes.get(at + 64..at.saturating_add(len)) {
            let crc = crc32c::crc32c(payload);
            bytes[at + 12..at + 16].copy_from_slice(&crc.to_le_bytes());
        }
        bytes[at + 16..at + 24].copy_from_slice(&(id << 32 | at as u64).to_le_bytes());
        sign(bytes, at..at + 64, 8);
        at = at.saturating_add(len.max(64));
    }
}

fn index(bytes: &mut [u8]) {
    sign(bytes, 0..64, 8);
    let entries =
        bytes.get(12..16).map_or(0, |count| u32::from_le_bytes([count[0], count[1], count[2], count[3]]));
    let mut at = 64usize;
    for _ in 0..entries {
        if at + 64 > bytes.len() {
            return;
        }
        sign(bytes, at..at + 64, 4);
        at += 64;
    }
    while at + 32 <= bytes.len() {
        sign(bytes, at..at + 32, 28);
        at += 32;
    }
}
