//! Journals, in a directory of a store (see `damage`).

use super::damage;

pub(crate) fn run(bytes: &[u8]) {
    damage::run(&[("/data/journal", ".log")], bytes);
}
