//! Randomness: the machine's, or a seed's.

use std::fmt::Debug;
use std::sync::Arc;

use parking_lot::Mutex;

/// A source of random bytes.
pub trait Random: Send + Sync + Debug {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// A random number.
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A random UUID (version 4) in its usual form.
    fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}

/// The machine's randomness, fit for keys.
#[derive(Debug)]
pub struct SystemRandom {
    // The kernel is asked for a block at a time: ids are drawn for every request.
    block: Mutex<Block>,
}

#[derive(Debug)]
struct Block {
    bytes: [u8; 1024],
    used: usize,
}

impl SystemRandom {
    /// The machine's randomness.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { block: Mutex::new(Block { bytes: [0; 1024], used: 1024 }) })
    }
}

impl Random for SystemRandom {
    // A machine without randomness can sign nothing: ending is right.
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > 256 {
            getrandom::fill(bytes).expect("the kernel gives random bytes");
            return;
        }
        let mut block = self.block.lock();
        if block.used + bytes.len() > block.bytes.len() {
            getrandom::fill(&mut block.bytes).expect("the kernel gives random bytes");
            block.used = 0;
        }
        let used = block.used;
        bytes.copy_from_slice(&block.bytes[used..used + bytes.len()]);
        block.bytes[used..used + bytes.len()].fill(0);
        block.used += bytes.len();
    }
}

/// The same bytes for the same seed (SplitMix64): for tests and simulations, not for secrets.
#[derive(Debug)]
pub struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// A source that begins at `seed`.
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(seed)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock();
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            chunk.copy_from_slice(&z.to_le_bytes()[..chunk.len()]);
        }
    }
}
