//! Properties of the vocabulary.

mod hash_key;
mod record;
mod sequence;
mod shard_map;
