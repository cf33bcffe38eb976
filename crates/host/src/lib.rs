//! Parts that a simulation replaces: the clock, randomness and files. No other crate touches them.

mod append_file;
mod clock;
pub mod disk;
mod random;
mod secret_file;
mod text_file;

pub use append_file::AppendFile;
pub use clock::{Clock, ManualClock, SystemClock};
pub use random::{Random, SeededRandom, SystemRandom};
pub use secret_file::{FileStamp, SecretFileLock, create_secret_file, read_secret_file};
pub use text_file::{
    Readers, create_directory, create_private_directory, exists, read_text_file, read_trusted_file,
    write_text_file,
};
