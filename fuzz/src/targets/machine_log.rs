//! The journal of a group of machines, and its manifest: after a byte that says which, a record a line or the
//! manifest's bytes. Whatever it is, the group is opened or refused with a reason; what was opened is the same after a
//! snapshot, and the same once more after that.

use std::sync::Arc;

use headwater_host::{ManualClock, SeededRandom};
use headwater_machine::{
    Changes, EncodeError, Group, Handle, Machine, MachineError, Member, MemberCommand, Misfit, Names,
    OnDamage, Options, Substrate,
};
use headwater_store::memory::MemoryStore;
use headwater_store::{AppendBatch, Expect, Expected, LogStore, MetaStore};
use headwater_types::{Record, RecordBatchBuilder, Timestamp};

use super::service::runtime;

/// A number; a record is its last value.
#[derive(Debug)]
struct Cell;

impl Machine for Cell {
    const NAME: &'static str = "cell";
    const FORMAT: u32 = 1;
    type State = u8;
    type Staged = ();
    type Command = u8;
    type Answer = ();
    type Change = u8;
    type Cursor = ();

    fn initial_state(&self) -> u8 {
        0
    }

    fn decide(&self, _: &u8, value: u8, changes: &mut Changes<'_, Self>) {
        changes.record([value]).expect("a byte is recorded");
    }

    fn apply(&self, state: &mut u8, value: u8) -> Result<(), Misfit> {
        *state = value;
        Ok(())
    }

    fn encode(&self, _: &u8, changes: &[u8], to: &mut Vec<u8>) -> Result<(), EncodeError> {
        to.extend_from_slice(changes);
        Ok(())
    }

    fn decode(&self, record: &[u8]) -> Result<Vec<u8>, Misfit> {
        match record.contains(&b'!') {
            true => Err(Misfit::Malformed("no value".into())),
            false => Ok(record.to_vec()),
        }
    }

    fn snapshot(&self, state: &u8, _: Option<&()>, _: usize) -> (Vec<u8>, Option<()>) {
        (vec![*state], None)
    }

    fn size_bytes(&self, _: &u8) -> usize {
        1
    }

    fn on_damage(&self, _: &mut u8, _: &headwater_machine::Damage) -> OnDamage {
        OnDamage::PassOver
    }
}

impl Member for Cell {
    fn is_empty(&self, state: &u8) -> bool {
        *state == 0
    }
}

pub(crate) fn run(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    runtime().block_on(async {
        let store = MemoryStore::new();
        open(&store).await.expect("nothing is stored").close().await;
        match kind % 2 {
            0 => append(&store, bytes).await,
            _ => {
                let known = store.get("cells/manifest").await.expect("read").expect("a manifest");
                let put =
                    store.put("cells/manifest", bytes.to_vec().into(), Expected::Version(known.version));
                put.await.expect("put");
            }
        }
        let cells = match open(&store).await {
            Ok(cells) => cells,
            // A manifest may name a snapshot that is not there.
            Err(MachineError::Damaged { .. } | MachineError::Format { .. } | MachineError::Store(_)) => {
                return;
            }
            Err(other) => panic!("refused without a reason: {other}"),
        };
        let before = look(&cells);
        cells.snapshot(false).await.expect("a snapshot");
        cells.close().await;
        let cells = open(&store).await.expect("what was opened is opened again");
        assert_eq!(look(&cells), before);
        cells.ask(MemberCommand::decide("a", 7)).await.expect("done, or said to be damaged");
        let before = look(&cells);
        cells.close().await;
        let cells = open(&store).await.expect("what was opened is opened again");
        assert_eq!(look(&cells), before);
        cells.close().await;
    });
}

async fn append(store: &MemoryStore, bytes: &[u8]) {
    let log = store.open(&Names::new("cells").expect("names").journal).await.expect("the journal");
    let mut builder = RecordBatchBuilder::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        // A line that begins with the name of another kind of record is one.
        let kinds = ["owner", "low-water", "other"];
        let kind = kinds.into_iter().find(|kind| line.starts_with(kind.as_bytes())).unwrap_or_default();
        builder.push(Record { key: kind, explicit_hash_key: None, data: &line[kind.len()..] });
    }
    let records = builder.finish().expect("a line");
    log.append(AppendBatch { arrival: Timestamp::EPOCH, records, frees: false }, Expect::Any)
        .await
        .expect("appended");
}

async fn open(store: &Arc<MemoryStore>) -> Result<Handle<Group<Cell>>, MachineError> {
    let (clock, random) = (ManualClock::new(Timestamp::EPOCH), SeededRandom::new(1));
    let substrate = Substrate { logs: store.clone(), meta: store.clone(), clock, random };
    Handle::open(Group::new(Cell), substrate, Options::new(Names::new("cells").expect("names"))).await
}

/// Everything there is.
fn look(cells: &Handle<Group<Cell>>) -> (Vec<(Arc<str>, u8)>, Vec<String>) {
    let state = cells.state().expect("opened");
    let members = state.members_after(None).map(|(id, value)| (id.clone(), *value)).collect();
    (members, state.damaged().map(|(id, _)| id.to_owned()).collect())
}
