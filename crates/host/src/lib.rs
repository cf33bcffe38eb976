//! What a simulation replaces: the clock, randomness and files. No other crate touches them.

mod clock;
pub mod disk;
mod random;

pub use clock::{Clock, ManualClock, SystemClock};
pub use random::{Random, SeededRandom, SystemRandom};
