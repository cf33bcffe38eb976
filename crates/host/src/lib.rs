//! What a simulation replaces: the clock, randomness and files. No other crate touches them.

mod clock;
pub mod disk;
mod random;
mod text_file;

pub use clock::{Clock, ManualClock, SystemClock};
pub use random::{Random, SeededRandom, SystemRandom};
pub use text_file::{
    Readers, create_directory, file_exists, read_private_file, read_text_file, write_text_file,
};
