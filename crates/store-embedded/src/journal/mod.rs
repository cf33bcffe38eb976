//! The journal: where everything is made durable first, records and changes of the catalog in one order.
//!
//! # Constraints
//! One `fdatasync` covers whatever waits, whichever log it is for. Overwriting a file that was written before
//! takes half the time of letting one grow, so files are written with zeros in advance and used again. What
//! was acknowledged is never taken for a torn tail, and what an earlier use of a file left is never taken for
//! data.
//!
//! # Format
//! A file is a sequence of frames (see `frame`) without gaps, beginning with `Kind::Open`, which names the
//! journal before and where that one ends. What follows the last frame is zeros or old frames. A file whose
//! first frame is not its own is not in use yet.
//!
//! # Algorithm
//! `Queue` takes work from any thread. The `Writer` thread stages all that waits, at most a commit's worth: checks it
//! against what the log will be after the work before it, assigns positions, and makes frames. One write, one sync,
//! then the index and the catalog are changed and the callers answered. `Ring` hands out files; the `prepare` thread
//! makes new ones, larger the faster they are filled, and renames used ones. If none is ready a growing file is used;
//! only when too many wait to be clustered do appends wait.
//!
//! # Recovery
//! See `scan` for a single file and `recovery` for the whole. A file that was recovered is not written again.

mod file;
mod prepare;
mod queue;
mod ring;
mod scan;
mod stage;
mod writer;

pub(crate) use file::JournalFile;
pub(crate) use prepare::{create_empty, prepare_one, run_prepare, use_any_spare};
pub(crate) use queue::{Queue, Reply, Work};
pub(crate) use ring::{Ring, Spare};
pub(crate) use scan::{Beginning, Opening, Scan, beginning, left_behind, lenient_scan, scan};
pub(crate) use writer::Writer;
