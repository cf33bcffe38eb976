//! All targets in one binary under libFuzzer: `HEADWATER_FUZZ_TARGET` chooses, the arguments are libFuzzer's.
//! One binary because it is linked once; only what a target runs counts as its coverage.
#![no_main]
#![allow(clippy::disallowed_methods, reason = "libFuzzer's own code makes a file")]

use std::alloc::System;
use std::sync::OnceLock;

use cap::Cap;
use headwater_fuzz::{TARGETS, Target, find};
use libfuzzer_sys::fuzz_target;

/// Counts, and refuses what goes beyond the target's bound: the process aborts, and libFuzzer keeps the input.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let target = CHOSEN.get_or_init(|| {
        let name = std::env::var("HEADWATER_FUZZ_TARGET").unwrap_or_default();
        let target = find(&name).unwrap_or_else(|| {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            panic!("HEADWATER_FUZZ_TARGET is to be one of {}", names.join(", "))
        });
        // A backtrace takes more than most targets may.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let _ = ALLOCATOR.set_limit(usize::MAX);
            hook(info);
        }));
        // What a target makes once is not counted.
        (target.run)(b"");
        target
    });
    let allowed = target.memory_bytes + target.memory_bytes_per_byte * bytes.len();
    let limit = |bytes| ALLOCATOR.set_limit(bytes).expect("what is allocated is within the limit");
    limit(ALLOCATOR.allocated() + allowed);
    (target.run)(bytes);
    limit(usize::MAX);
});
