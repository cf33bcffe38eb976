//! Every decoder of bytes that somebody else made, as something a fuzzer can call.
//!
//! A target takes any bytes and panics if what it tests does not hold: more than "no panic" where more can be said.
//! `cargo xtask fuzz` runs the targets under libFuzzer (`src/main.rs`); `cargo test` replays `corpus/` on them.
//! `corpus/TARGET/` holds a target's seeds, `dictionaries/TARGET.dict`, where there is one, words that it knows.
//!
//! To add a target: a file in `targets/`, a line in [`TARGETS`], and a folder with seeds.

mod seeds;
mod targets;

pub use seeds::write_seeds;

/// A decoder under test.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// As on the command line, and the name of its corpus.
    pub name: &'static str,
    /// Panics if a property does not hold.
    pub run: fn(&[u8]),
    /// Most memory that a run may allocate, in bytes, whatever it is given.
    pub memory_bytes: usize,
    /// The same, in addition for each byte of the input.
    pub memory_bytes_per_byte: usize,
}

/// The target of this name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// All there are, by name.
pub const TARGETS: &[Target] = &[
    target("cbor", targets::cbor::run),
    target("chunks", targets::chunks::run),
    target("client_config", targets::client_config::run),
    target("credentials", targets::credentials::run),
    target("event_stream", targets::event_stream::run),
    target("expression", targets::expression::run),
    store("journal", targets::journal::run),
    target("json", targets::json::run),
    store("machine_log", targets::machine_log::run),
    target("master_keys", targets::master_keys::run),
    target("names", targets::names::run),
    target("policy", targets::policy::run),
    target("records", targets::records::run),
    store("requests", targets::requests::run),
    store("segment", targets::segment::run),
    target("settings", targets::settings::run),
    target("sigv4", targets::sigv4::run),
    store("snapshot", targets::snapshot::run),
    store("stream_document", targets::stream_document::run),
    store("tables_log", targets::tables_log::run),
    target("tokens", targets::tokens::run),
];

const MIB: usize = 1 << 20;

/// Lists keep at most 10,000 items, which with their growth is what the fixed part is for.
const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run, memory_bytes: 8 * MIB, memory_bytes_per_byte: 64 }
}

/// A directory in memory, a copy of it, a store with its threads and read buffers.
const fn store(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run, memory_bytes: 24 * MIB, memory_bytes_per_byte: 64 }
}
