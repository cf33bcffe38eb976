//! Brings a directory that is refused to a state that starts.
//!
//! # Constraints
//! Nothing is deleted: what cannot be kept is set aside in `repair-<number>/`. Positions that were acknowledged are not
//! given to other records, as far as anything still says which they were. A dry run says what the run will do.
//!
//! # Algorithm
//! `survey` reads everything and judges nothing but whose a file is and whether it can be read. `plan` decides, purely,
//! what of each log is kept. `apply` carries it out:
//! 1. What will be needed no more is copied aside, what does not belong here is moved aside.
//! 2. What the journals hold and no segment has becomes one segment. Records that are missing between or behind others
//!    keep their places, as damaged ones do: their readers get an error, all others are served.
//! 3. A snapshot, behind all journals there are, makes the repair count.
//!
//! # Recovery
//! Before the snapshot the directory is refused still, and is repaired again; what was done is found as it is.

mod apply;
mod plan;
mod report;
mod survey;

pub use report::{LostRecords, RepairReport};

use std::sync::Arc;

use headwater_host::disk::raise_file_limit;

use crate::error::OpenError;
use crate::identify::identify;
use crate::layout::Layout;
use crate::open_segments::load_segments;
use crate::options::Options;
use crate::place::Locks;
use crate::recovery::{load_snapshot, replay};
use crate::segment::Handles;

/// A repair that is planned. The directory is locked as long as it lives.
#[derive(Debug)]
pub struct Repair {
    options: Options,
    layout: Layout,
    locks: Locks,
    plan: Option<plan::Plan>,
    report: RepairReport,
}

impl Repair {
    /// Looks what is to be done to the directory, and changes nothing.
    ///
    /// # Errors
    /// The directory is in use, is of another version, or cannot be read.
    pub fn plan(options: Options) -> Result<Self, OpenError> {
        raise_file_limit();
        let layout = Layout::new(&options.dir);
        let locks = Locks::take(&options, &layout)?;
        let why = match check(&options, &layout) {
            Ok(()) => {
                return Ok(Self { options, layout, locks, plan: None, report: RepairReport::default() });
            }
            Err(error @ (OpenError::Io { .. } | OpenError::Locked { .. } | OpenError::Format(_))) => {
                return Err(error);
            }
            Err(OpenError::Corrupt(what) | OpenError::NotWhole { what, .. }) => what,
        };
        let survey = survey::survey(&options, &layout)?;
        let number = free_number(&options, &layout)?;
        let (plan, report) = plan::plan(survey, why, layout.root.join(format!("repair-{number}")))?;
        Ok(Self { options, layout, locks, plan: Some(plan), report })
    }

    /// Everything that will be, or was, done.
    pub fn report(&self) -> &RepairReport {
        &self.report
    }

    /// Carries it out.
    ///
    /// # Errors
    /// The file system refuses something, such as room for what is set aside. The repair can be tried again.
    pub fn apply(mut self) -> Result<RepairReport, OpenError> {
        if let Some(plan) = &self.plan {
            self.locks.sign(&self.options, &self.layout)?;
            apply::apply(&self.options, &self.layout, plan)?;
            check(&self.options, &self.layout)?;
        }
        Ok(self.report)
    }
}

/// Does the directory start as it is?
fn check(options: &Options, layout: &Layout) -> Result<(), OpenError> {
    let (origin, (tail, _)) = identify(options, layout)?;
    let base = load_snapshot(options, layout, &origin)?;
    let handles = Arc::new(Handles::new(options.disk.clone(), options.handles));
    let segments = load_segments(options, layout, &origin, &handles)?;
    replay(options, layout, &origin, base, tail, &segments).map(drop)
}

fn free_number(options: &Options, layout: &Layout) -> Result<u32, OpenError> {
    for number in 1..u32::MAX {
        let dir = layout.root.join(format!("repair-{number}"));
        match options.disk.file_id(&dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(number),
            Err(error) => return Err(OpenError::io("look at", &dir)(error)),
            Ok(_) => {}
        }
    }
    Ok(u32::MAX)
}
