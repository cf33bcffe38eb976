//! Properties of the vocabulary.

mod hash_key;
mod limits;
mod record;
mod regions;
mod sequence;
mod shard_map;
