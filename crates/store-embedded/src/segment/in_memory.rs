//! An index that was made again and is not in a file yet: nothing is written to a directory before it is known to be
//! whole.

use std::io::{self, IoSlice};

use bytes::Bytes;
use headwater_host::disk::DiskFile;

/// Bytes that are read like a file.
#[derive(Debug)]
pub(crate) struct InMemory(pub(crate) Bytes);

impl DiskFile for InMemory {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let found = self.0.get(offset as usize..).unwrap_or_default();
        let len = found.len().min(bytes.len());
        bytes[..len].copy_from_slice(&found[..len]);
        Ok(len)
    }
    fn read_cached_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read_at(bytes, offset)
    }
    fn write_all_at(&self, _slices: &mut [IoSlice<'_>], _offset: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
    fn set_len(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn allocate(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn punch_hole(&self, _offset: u64, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn forget_cached(&self) -> io::Result<()> {
        Ok(())
    }
    fn allocated_bytes(&self) -> io::Result<u64> {
        self.len()
    }
}
