//! Segments and their indexes, in a directory of a store (see `damage`).

use super::damage;

pub(crate) fn run(bytes: &[u8]) {
    damage::run(&[("/data/seg", ".seg"), ("/data/seg", ".idx")], bytes);
}
