//! Parts that a simulation replaces: the clock, randomness and files. No other crate touches them.
//!
//! # Example
//! ```
//! use std::io::IoSlice;
//! use std::path::Path;
//! use std::time::Duration;
//!
//! use headwater_host::disk::{Disk, SimDisk};
//! use headwater_host::{Clock, ManualClock};
//! use headwater_types::Timestamp;
//!
//! // A clock that stands still until it is moved.
//! let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
//! clock.advance(Duration::from_secs(60));
//! assert_eq!(clock.now(), Timestamp::from_secs(1_700_000_060));
//!
//! // A disk that forgets at a power cut what was not synced.
//! let disk = SimDisk::new(1);
//! disk.create_dir_all(Path::new("data")).unwrap();
//! let file = disk.create(Path::new("data/note")).unwrap();
//! file.write_all_at(&mut [IoSlice::new(b"kept")], 0).unwrap();
//! file.sync_data().unwrap();
//! disk.sync_dir(Path::new("data")).unwrap();
//! disk.crash();
//! assert_eq!(disk.open(Path::new("data/note")).unwrap().len().unwrap(), 4);
//! ```

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
