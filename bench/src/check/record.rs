//! Contents of record n of a writer.

use crate::random::Random;

/// Keys of one writer. Order is promised per key.
pub(super) const KEYS: u64 = 16;
const FILLER_LIMIT_BYTES: u64 = 1500;

pub(super) fn key(writer: u64, number: u64) -> String {
    format!("{writer}-{}", number % KEYS)
}

/// `writer number filler`, the filler of random length.
pub(super) fn data(writer: u64, number: u64) -> Vec<u8> {
    let mut random = Random::new(writer << 48 ^ number);
    let mut bytes = format!("{writer} {number} ").into_bytes();
    let filler = random.between(0, FILLER_LIMIT_BYTES) as usize;
    bytes.extend(random.bytes(filler));
    bytes
}

/// The (writer, number) a record claims.
pub(super) fn claim(data: &[u8]) -> Option<(u64, u64)> {
    let mut parts = data.splitn(3, |byte| *byte == b' ');
    let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse().ok();
    Some((number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_where_it_belongs() {
        assert_eq!(claim(&data(3, 99)), Some((3, 99)));
        assert_eq!(claim(b"nonsense"), None);
        assert_ne!(data(3, 99), data(4, 99));
    }
}
