//! Promises of a machine by itself, without a store.

use super::{Draw, Model, START, Subject, TICK};
use crate::journal::SMALL_SNAPSHOT_BYTES;
use crate::machine::{Machine, Misfit};

/// Commands of a history.
const STEPS: u64 = 60;

/// A state, and the records that made it.
fn history<S: Subject>(subject: &S, seed: u64) -> (Model<'_, S>, Vec<Vec<u8>>, headwater_types::Timestamp) {
    let (mut model, mut records, mut now) = (Model::new(subject), Vec::new(), START);
    for step in 0..STEPS {
        records.extend(model.run(seed * 1000 + step, now).1);
        if step % 7 == 6 {
            now = now.plus(TICK);
            records.extend(model.wake(now));
        }
    }
    assert!(records.len() as u64 > STEPS / 4, "most commands of a subject should change something");
    (model, records, now)
}

pub(super) fn records_are_read_as_they_were_written<S: Subject>(subject: &S, seed: u64) {
    let (model, records, now) = history(subject, seed);
    let (mut replayed, mut applied) = (Model::new(subject), Model::new(subject));
    for record in &records {
        replayed.replay(record).expect("a record that was written is read");
        let machine = subject.machine();
        let changes = machine.decode(record).expect("a record that was written is read");
        let mut again = Vec::new();
        machine.encode(applied.parts().1, &changes, &mut again).expect("what was read can be written");
        applied.replay(&again).expect("what was written again is read");
    }
    for other in [&replayed, &applied] {
        assert_eq!(other.contents(now), model.contents(now), "seed {seed}");
        assert_eq!(other.size_bytes(), model.size_bytes(), "seed {seed}: the same state has the same size");
    }
}

pub(super) fn applying_twice_is_applying_once<S: Subject>(subject: &S, seed: u64) {
    let (model, records, now) = history(subject, seed);
    for from in 0..records.len() {
        let mut twice = Model::new(subject);
        for record in &records {
            twice.replay(record).expect("read");
        }
        for record in &records[from..] {
            // What is gone by the end may be missed.
            passing_strays(twice.replay(record));
        }
        assert_eq!(twice.contents(now), model.contents(now), "seed {seed}, again from record {from}");
        assert_eq!(twice.size_bytes(), model.size_bytes(), "seed {seed}, again from record {from}");
    }
}

pub(super) fn a_snapshot_and_the_journal_since_are_the_state<S: Subject>(subject: &S, seed: u64) {
    let (model, records, now) = history(subject, seed);
    let mut draw = Draw::new(seed);
    for _ in 0..20 {
        let from = draw.below(records.len() as u64) as usize;
        // Stretches are taken from the state as it goes on, with some records between them.
        let mut live = Model::new(subject);
        records[..from].iter().for_each(|record| live.replay(record).expect("read"));
        let (mut snapshot, mut cursor, mut settled) = (Vec::new(), None, from);
        loop {
            let (machine, state) = live.parts();
            let (changes, next) = machine.snapshot(state, cursor.as_ref(), 1);
            if !changes.is_empty() {
                let mut encoded = Vec::new();
                machine.encode(state, &changes, &mut encoded).expect("a snapshot can be written");
                snapshot.push(encoded);
            }
            cursor = next;
            if cursor.is_none() {
                break;
            }
            for _ in 0..draw.below(3) {
                if let Some(record) = records.get(settled) {
                    live.replay(record).expect("read");
                    settled += 1;
                }
            }
        }
        let mut restored = Model::new(subject);
        snapshot.iter().for_each(|record| passing_strays(restored.replay(record)));
        for (at, record) in records.iter().enumerate().skip(from) {
            match at < settled {
                true => passing_strays(restored.replay(record)),
                false => restored.replay(record).expect("nothing is missed after the snapshot was complete"),
            }
        }
        assert_eq!(restored.contents(now), model.contents(now), "seed {seed}, from {from} to {settled}");
        assert_eq!(restored.size_bytes(), model.size_bytes(), "seed {seed}, from {from} to {settled}");
    }
}

pub(super) fn a_snapshot_is_no_longer_than_its_bound<S: Subject>(subject: &S, seed: u64) {
    let (model, ..) = history(subject, seed);
    let (machine, state) = model.parts();
    for limit_bytes in [1, usize::MAX] {
        let (mut bytes, mut cursor) = (0, None);
        loop {
            let (changes, next) = machine.snapshot(state, cursor.as_ref(), limit_bytes);
            if !changes.is_empty() {
                let mut encoded = Vec::new();
                machine.encode(state, &changes, &mut encoded).expect("a snapshot can be written");
                bytes += encoded.len();
            }
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        let bound_bytes = machine.snapshot_bytes(state).max(SMALL_SNAPSHOT_BYTES);
        assert!(bytes <= bound_bytes, "seed {seed}: {bytes} of {bound_bytes}");
    }
}

pub(super) fn damaged_records_never_panic<S: Subject>(subject: &S) {
    let (_, records, _) = history(subject, 9);
    let mut draw = Draw::new(9);
    for record in &records {
        let mut model = Model::new(subject);
        for _ in 0..20 {
            let mut damaged = record.clone();
            match draw.below(3) {
                0 => damaged.truncate(draw.below(record.len() as u64) as usize),
                1 => damaged.push(draw.below(256) as u8),
                _ => {
                    let at = draw.below(damaged.len() as u64) as usize;
                    damaged[at] ^= 1 << draw.below(8);
                }
            }
            // Whatever it is taken for.
            let _ = model.replay(&damaged);
            let _ = subject.machine().decode(&damaged);
        }
    }
}

fn passing_strays(replayed: Result<(), Misfit>) {
    match replayed {
        Ok(()) | Err(Misfit::Stray(_)) => {}
        Err(misfit) => panic!("{misfit}"),
    }
}
