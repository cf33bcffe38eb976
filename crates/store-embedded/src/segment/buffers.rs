//! Memory that reads fill, used again.
//!
//! # Constraints
//! A vector has to be zeroed before a file is read into it, and a large one comes from the system page by page: for each
//! read anew, that took a sixth of a reader's processor time. What is kept is bounded, and given back a little after the
//! last read.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// Shorter reads get memory of their own, in bytes.
const KEPT_LEN_MIN: usize = 64 << 10;
/// Buffers that nobody uses take this much at the most, in bytes.
const IDLE_BYTES_MAX: usize = 64 << 20;
/// A buffer is not used for less than one in so many of its bytes.
const OVERSIZE: usize = 4;

/// Buffers that wait to be used again.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffers {
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    bytes: Vec<u8>,
    /// False if it has waited since the trim before.
    is_fresh: bool,
}

/// Memory of a read, which goes back to where it came from.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    bytes: Vec<u8>,
    len: usize,
    home: Option<Arc<ReadBuffers>>,
}

impl ReadBuffers {
    /// A buffer of this length. What is in it is of no meaning.
    pub(crate) fn take(self: &Arc<Self>, len: usize) -> ReadBuffer {
        if len < KEPT_LEN_MIN {
            return ReadBuffer { bytes: vec![0; len], len, home: None };
        }
        let mut idle = self.idle.lock();
        let fits = |idle: &Idle| (len..=len.saturating_mul(OVERSIZE)).contains(&idle.bytes.len());
        // The one that was used last is still in the processor's cache.
        let known = idle.iter().rposition(fits).map(|at| idle.remove(at).bytes);
        drop(idle);
        let bytes = known.unwrap_or_else(|| vec![0; len.next_multiple_of(KEPT_LEN_MIN)]);
        ReadBuffer { bytes, len, home: Some(self.clone()) }
    }

    fn give_back(&self, bytes: Vec<u8>) {
        let mut idle = self.idle.lock();
        let kept_bytes: usize = idle.iter().map(|idle| idle.bytes.len()).sum();
        if kept_bytes + bytes.len() <= IDLE_BYTES_MAX {
            idle.push(Idle { bytes, is_fresh: true });
        }
    }

    /// Frees what has waited since this was last called.
    pub(crate) fn trim(&self) {
        let mut idle = self.idle.lock();
        let old: Vec<Idle> = idle.extract_if(.., |idle| !std::mem::take(&mut idle.is_fresh)).collect();
        drop(idle);
        drop(old);
    }
}

impl ReadBuffer {
    /// The bytes, to be filled.
    pub(crate) fn filling(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }

    /// The first `len` bytes, as something that can be cut and shared.
    pub(crate) fn filled(mut self, len: usize) -> Bytes {
        self.len = len.min(self.len);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for ReadBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.give_back(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle_bytes(buffers: &ReadBuffers) -> Vec<usize> {
        buffers.idle.lock().iter().map(|idle| idle.bytes.len()).collect()
    }

    #[test]
    fn a_buffer_is_used_again_once_everything_read_into_it_is_gone() {
        let buffers = Arc::new(ReadBuffers::default());
        let mut first = buffers.take(100_000);
        first.filling().fill(7);
        let bytes = first.filled(90_000);
        assert!(bytes.len() == 90_000 && bytes.iter().all(|byte| *byte == 7));
        let part = bytes.slice(5..10);
        drop(bytes);
        assert!(idle_bytes(&buffers).is_empty(), "a part of it is still in use");
        drop(part);
        assert_eq!(idle_bytes(&buffers), [131_072]);
        assert_eq!(buffers.take(131_072).filling().len(), 131_072);
        assert_eq!(idle_bytes(&buffers), [131_072]);
        drop(buffers.take(600_000));
        assert_eq!(idle_bytes(&buffers), [131_072, 655_360], "too short for it");
        assert!(buffers.take(10).home.is_none(), "not worth keeping");
    }

    #[test]
    fn what_is_not_used_is_freed_and_what_is_kept_is_bounded() {
        let buffers = Arc::new(ReadBuffers::default());
        let many: Vec<_> = (0..10).map(|_| buffers.take(10 << 20)).collect();
        drop(many);
        assert_eq!(idle_bytes(&buffers).len(), 6, "64 MiB");
        buffers.trim();
        drop(buffers.take(10 << 20));
        buffers.trim();
        assert_eq!(idle_bytes(&buffers).len(), 1, "the one that was used meanwhile");
        buffers.trim();
        assert!(idle_bytes(&buffers).is_empty());
    }
}
