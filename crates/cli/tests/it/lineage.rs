//! In which order shards are read.

use headwater_cli::{Lineage, Reading};
use headwater_client::{HashKeyRange, SequenceNumberRange, Shard};

/// `2<0+1` is shard 2 with parents 0 and 1; `!` in front says that it is closed.
fn shard(text: &str) -> Shard {
    let closed = text.starts_with('!');
    let (id, parents) =
        text.trim_start_matches('!').split_once('<').unwrap_or((text.trim_start_matches('!'), ""));
    let mut parents = parents.split('+').filter(|parent| !parent.is_empty()).map(str::to_owned);
    Shard {
        shard_id: id.to_owned(),
        parent_shard_id: parents.next(),
        adjacent_parent_shard_id: parents.next(),
        hash_key_range: HashKeyRange { starting_hash_key: "0".into(), ending_hash_key: "1".into() },
        sequence_number_range: SequenceNumberRange {
            starting_sequence_number: "0".into(),
            ending_sequence_number: closed.then(|| "1".into()),
        },
    }
}

fn shards(text: &str) -> Vec<Shard> {
    text.split_whitespace().map(shard).collect()
}

fn ready(lineage: &mut Lineage) -> String {
    let ready = lineage.take_ready().into_iter().map(|(id, reading)| match reading {
        Reading::AsAsked => id,
        Reading::Whole => format!("{id}*"),
    });
    ready.collect::<Vec<_>>().join(" ")
}

#[test]
fn children_wait_for_every_parent() {
    let mut lineage = Lineage::new(&shards("!0 !1 !2<0+1 3<2 4<2"), false);
    assert_eq!(ready(&mut lineage), "0 1");
    assert_eq!(ready(&mut lineage), "");
    lineage.finish("0");
    assert_eq!(ready(&mut lineage), "");
    lineage.finish("1");
    assert_eq!(ready(&mut lineage), "2");
    lineage.finish("2");
    assert_eq!(ready(&mut lineage), "3 4");
    lineage.finish("3");
    lineage.leave("4");
    assert!(lineage.is_finished());
}

#[test]
fn shards_made_later_are_read_whole() {
    let mut lineage = Lineage::new(&shards("0"), false);
    assert_eq!(ready(&mut lineage), "0");
    lineage.finish("0");
    lineage.observe(&shards("!0 1<0 2<0"));
    assert_eq!(ready(&mut lineage), "1* 2*");
    assert!(!lineage.is_finished());
}

#[test]
fn the_latest_of_closed_shards_is_nothing() {
    let mut lineage = Lineage::new(&shards("!0 !1<0 2<1 3<1"), true);
    assert_eq!(ready(&mut lineage), "2 3");
}

#[test]
fn expired_parents_are_not_waited_for() {
    let mut lineage = Lineage::new(&shards("5<3 6<3+4"), false);
    assert_eq!(ready(&mut lineage), "5 6");
}

#[test]
fn what_was_left_has_no_children() {
    let mut lineage = Lineage::new(&shards("!0 1<0"), false);
    assert_eq!(ready(&mut lineage), "0");
    lineage.leave("0");
    assert_eq!(ready(&mut lineage), "");
    assert!(lineage.is_finished());
}
