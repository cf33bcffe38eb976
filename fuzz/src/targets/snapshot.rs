//! Snapshots of the catalog, and the version of the format, in a directory of a store (see `damage`).

use super::damage;

pub(crate) fn run(bytes: &[u8]) {
    damage::run(&[("/data/meta", ".snap"), ("/data", "FORMAT")], bytes);
}
