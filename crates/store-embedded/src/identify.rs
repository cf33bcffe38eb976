//! Finds out which store a directory is, and gives it an identity if it has none.

use crate::error::OpenError;
use crate::identity::Identity;
use crate::layout::Layout;
use crate::options::Options;
use crate::origin::{Adopted, Format, Origin};
use crate::tail::{self, Tail, TailFile, Witness};

/// Identity of the store in a directory, and what its witness says with which number. Changes nothing.
pub(crate) fn identify(options: &Options, layout: &Layout) -> Result<(Origin, (Tail, u64)), OpenError> {
    let disk = &*options.disk;
    let path = layout.format();
    let format = Format::read(disk, layout).map_err(OpenError::io("read", &path))?;
    let fresh = || Identity::draw(&*options.random);
    match format {
        Format::Missing => {
            for dir in layout.parts() {
                let names = list(options, dir)?;
                if let Some(name) = names.iter().find(|name| !name.ends_with(".tmp")) {
                    let (path, file) = (path.display(), dir.join(name));
                    let what = format!("{path} is missing, but {} is there", file.display());
                    return Err(OpenError::not_whole(layout, what));
                }
            }
            // A start that was cut off before it wrote FORMAT leaves a witness of nothing.
            let witness = tail::read(disk, layout).map_err(OpenError::io("read", &layout.tail()))?;
            if !matches!(witness, Witness::Missing | Witness::Says { tail: Tail::NOTHING, .. }) {
                let (path, tail) = (path.display(), layout.tail());
                let what = format!("{path} is missing, but {} tells of a journal", tail.display());
                return Err(OpenError::not_whole(layout, what));
            }
            Ok((Origin::new(fresh()), Default::default()))
        }
        // A witness in a directory of format 1 is left of an attempt to take it over.
        Format::One => Ok((Origin::taking_over(fresh()), Default::default())),
        Format::Two(origin) => {
            let witness = tail::read(disk, layout).map_err(OpenError::io("read", &layout.tail()))?;
            let path = layout.tail();
            let path = path.display();
            match witness {
                Witness::Says { identity, tail, sequence } if identity == origin.identity => {
                    Ok((origin, (tail, sequence)))
                }
                Witness::Says { .. } => {
                    Err(OpenError::not_whole(layout, format!("{path} belongs to another store than FORMAT")))
                }
                Witness::Missing => Err(OpenError::not_whole(
                    layout,
                    format!("{path} is missing, and nothing else says how far the journal went"),
                )),
                Witness::Damaged => {
                    Err(OpenError::Corrupt(format!("{path} at offset 0: neither of its slots can be read")))
                }
            }
        }
        Format::Other(found) => Err(OpenError::Format(format!(
            "{} says '{found}', which this version cannot read; it reads {}",
            path.display(),
            Format::READS
        ))),
    }
}

/// The names in a directory, none if it does not exist: what has to be there is missed by whoever needs it.
pub(crate) fn list(options: &Options, dir: &std::path::Path) -> Result<Vec<String>, OpenError> {
    match options.disk.list(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(OpenError::io("list", dir)),
    }
}

/// Writes `FORMAT` where it is missing or of format 1; `old` are the files without an identity, and the journal ends
/// at `last`. Opens the witness, of which `said` was read.
pub(crate) fn settle_identity(
    options: &Options,
    layout: &Layout,
    origin: Origin,
    said: (Tail, u64),
    last: (u64, u64),
    old: Vec<Adopted>,
) -> Result<(Origin, TailFile), OpenError> {
    let now = options.clock.elapsed();
    let disk = &*options.disk;
    let missing =
        || matches!(disk.open(&layout.format()), Err(error) if error.kind() == std::io::ErrorKind::NotFound);
    if !origin.is_taking_over() && !missing() {
        let witness = TailFile::open(disk, layout, origin.identity, said, now);
        return Ok((origin, witness.map_err(OpenError::io("open", &layout.tail()))?));
    }
    if origin.is_taking_over() {
        tracing::info!(files = old.len(), "taking over a directory of format 1: it gets an identity");
    }
    let origin = Origin::with(origin.identity, old);
    // The witness first: FORMAT is never without it.
    let tail = Tail { journal_before: last.0, end_before: last.1, ..Tail::default() };
    let witness = TailFile::create(disk, layout, origin.identity, tail, now)
        .map_err(OpenError::io("write", &layout.tail()))?;
    origin.write(disk, layout).map_err(OpenError::io("write", &layout.format()))?;
    Ok((origin, witness))
}
