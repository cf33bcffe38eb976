//! Bodies in AWS CBOR.

use headwater_wire::Codec;

pub(crate) fn run(bytes: &[u8]) {
    super::shapes::check(Codec::Cbor, bytes);
}
