//! Bodies in AWS JSON.

use headwater_wire::Codec;

pub(crate) fn run(bytes: &[u8]) {
    super::shapes::check(Codec::Json, bytes);
}
