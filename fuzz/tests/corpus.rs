//! Findings of fuzzers, and their seeds, as an ordinary test.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use headwater_fuzz::{TARGETS, find, write_seeds};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_target_has_seeds_and_every_seed_a_target() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names(&corpus()), targets);
    assert!(TARGETS.is_sorted_by(|a, b| a.name < b.name));
    for name in targets {
        assert!(names(&corpus().join(&name)).len() > 1, "{name}");
    }
    for dictionary in names(&corpus().join("../dictionaries")) {
        assert!(find(dictionary.trim_end_matches(".dict")).is_some(), "{dictionary}");
    }
}

#[test]
fn the_corpus_is_replayed() {
    for target in TARGETS {
        (target.run)(b"");
        for name in names(&corpus().join(target.name)) {
            let bytes = fs::read(corpus().join(target.name).join(&name)).unwrap();
            println!("{}/{name}", target.name);
            (target.run)(&bytes);
        }
    }
}

/// Seeds that are bytes are written by
/// `HEADWATER_WRITE_SEEDS=1 cargo test -p headwater-fuzz seeds_are_written`.
#[test]
fn seeds_are_written() {
    if std::env::var_os("HEADWATER_WRITE_SEEDS").is_some() {
        write_seeds(&corpus()).unwrap();
    }
}
