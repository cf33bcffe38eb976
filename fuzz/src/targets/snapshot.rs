//! Snapshots of the catalog, the version of the format, and the witness of the journal, in a directory of a store (see `damage`).

use super::damage;

pub(crate) fn run(bytes: &[u8]) {
    damage::run(&[("/data/meta", ".snap"), ("/data", "FORMAT"), ("/data", "TAIL")], bytes);
}
