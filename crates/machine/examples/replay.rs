//! Measures the opening of a machine: `cargo run --release -p headwater-machine --example replay -- DIR [MIB]`.
//!
//! It writes so many MiB of changes (1 GiB by default), 1 KiB each over 100,000 keys, without a snapshot, and opens the
//! machine again, as after a crash.

use std::collections::HashMap;
use std::path::PathBuf;

use headwater_host::disk::SystemDisk;
use headwater_host::{Clock, SystemClock, SystemRandom};
use headwater_machine::{Changes, EncodeError, Handle, Machine, Misfit, Names, Options, Substrate};
use headwater_store_embedded::EmbeddedStore;

/// Values by key: a change is a key and the value that it has then.
struct Values;

const VALUE_BYTES: usize = 1016;
const KEYS: u64 = 100_000;

type Value = Box<[u8; VALUE_BYTES]>;

impl Values {
    fn read(record: &[u8]) -> Option<(u64, &[u8; VALUE_BYTES])> {
        let (key, value) = record.split_first_chunk()?;
        Some((u64::from_be_bytes(*key), value.try_into().ok()?))
    }
}

impl Machine for Values {
    const NAME: &'static str = "values";
    const FORMAT: u32 = 1;
    type State = HashMap<u64, Value>;
    type Staged = ();
    type Command = (u64, Value);
    type Answer = ();
    type Change = (u64, Value);
    type Cursor = ();

    fn initial_state(&self) -> Self::State {
        HashMap::new()
    }

    fn decide(&self, _: &Self::State, change: (u64, Value), changes: &mut Changes<'_, Self>) {
        let _ = changes.record([change]);
    }

    fn apply(&self, state: &mut Self::State, (key, value): (u64, Value)) -> Result<(), Misfit> {
        state.insert(key, value);
        Ok(())
    }

    fn encode(&self, _: &Self::State, changes: &[(u64, Value)], to: &mut Vec<u8>) -> Result<(), EncodeError> {
        for (key, value) in changes {
            to.extend_from_slice(&key.to_be_bytes());
            to.extend_from_slice(&value[..]);
        }
        Ok(())
    }

    fn decode(&self, record: &[u8]) -> Result<Vec<(u64, Value)>, Misfit> {
        let (key, value) = Self::read(record).ok_or_else(|| Misfit::Malformed("cut".into()))?;
        Ok(vec![(key, Box::new(*value))])
    }

    fn replay(&self, state: &mut Self::State, record: &[u8]) -> Result<(), Misfit> {
        let (key, value) = Self::read(record).ok_or_else(|| Misfit::Malformed("cut".into()))?;
        match state.get_mut(&key) {
            Some(known) => known.copy_from_slice(value),
            None => {
                state.insert(key, Box::new(*value));
            }
        }
        Ok(())
    }

    fn snapshot(&self, _: &Self::State, _: Option<&()>, _: usize) -> (Vec<(u64, Value)>, Option<()>) {
        (Vec::new(), None)
    }

    fn size_bytes(&self, state: &Self::State) -> usize {
        state.len() * (VALUE_BYTES + 32)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir: PathBuf = arguments.next().ok_or("the directory is missing")?.into();
    let mib: u64 = arguments.next().map_or(Ok(1024), |text| text.parse())?;
    let clock = SystemClock::new();
    let open = async || -> Result<_, Box<dyn std::error::Error>> {
        let options = headwater_store_embedded::Options::new(SystemDisk::new(), &dir, clock.clone());
        let store = EmbeddedStore::open(options)?;
        let before = clock.elapsed();
        let (logs, meta, random) = (store.clone(), store.clone(), SystemRandom::new());
        let substrate = Substrate { logs, meta, clock: clock.clone(), random };
        let options = Options { snapshot_after_bytes: usize::MAX, ..Options::new(Names::new("values")?) };
        let handle = Handle::open(Values, substrate, options).await?;
        Ok((store, handle, clock.elapsed() - before))
    };
    let (store, handle, _) = open().await?;
    let before = clock.elapsed();
    for burst in 0..mib * 1024 / 256 {
        let commands = (0..256).map(|i| {
            let number = burst * 256 + i;
            handle.ask((number.wrapping_mul(7919) % KEYS, Box::new([number as u8; VALUE_BYTES])))
        });
        futures_util::future::try_join_all(commands).await?;
    }
    println!("written: {mib} MiB in {:.2} s", (clock.elapsed() - before).as_secs_f64());
    handle.close().await;
    store.close();
    drop((handle, store));
    let (_store, handle, took) = open().await?;
    let keys = handle.state()?.len();
    println!("replayed: {mib} MiB, {keys} keys, in {:.2} s", took.as_secs_f64());
    Ok(())
}
