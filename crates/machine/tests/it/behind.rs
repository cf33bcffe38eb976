//! Work on what is derived from the state, a stretch at a time between commands.

use headwater_host::{ManualClock, SeededRandom};
use headwater_machine::{Changes, EncodeError, Handle, Machine, Misfit, Names, Options, Substrate};
use headwater_store::memory::MemoryStore;
use headwater_types::Timestamp;

/// A number, and another one that follows it by one step a stretch.
struct Follower;

#[derive(Default)]
struct State {
    number: u64,
    followed: u64,
    longest: usize,
}

impl Machine for Follower {
    const NAME: &'static str = "follower";
    const FORMAT: u32 = 1;
    type State = State;
    type Staged = ();
    type Command = u64;
    type Answer = u64;
    type Change = u64;
    type Cursor = ();

    fn initial_state(&self) -> State {
        State::default()
    }

    /// Adds to the number, and tells how far the other one is.
    fn decide(&self, state: &State, add: u64, changes: &mut Changes<'_, Self>) -> u64 {
        changes.record((add > 0).then_some(state.number + add)).expect("there is room");
        state.followed
    }

    fn apply(&self, state: &mut State, number: u64) -> Result<(), Misfit> {
        state.number = number;
        Ok(())
    }

    fn encode(&self, _: &State, changes: &[u64], to: &mut Vec<u8>) -> Result<(), EncodeError> {
        changes.iter().for_each(|number| to.extend_from_slice(&number.to_be_bytes()));
        Ok(())
    }

    fn decode(&self, record: &[u8]) -> Result<Vec<u64>, Misfit> {
        let (numbers, []) = record.as_chunks() else { return Err(Misfit::Malformed("cut".into())) };
        Ok(numbers.iter().map(|number| u64::from_be_bytes(*number)).collect())
    }

    fn snapshot(&self, state: &State, _: Option<&()>, _: usize) -> (Vec<u64>, Option<()>) {
        (vec![state.number], None)
    }

    fn size_bytes(&self, _: &State) -> usize {
        16
    }

    fn is_behind(&self, state: &State) -> bool {
        state.followed < state.number
    }

    fn catch_up(&self, state: &mut State, limit_bytes: usize) -> Box<dyn Send> {
        state.longest = limit_bytes;
        state.followed += 1;
        Box::new(())
    }
}

#[tokio::test]
async fn derived_work_is_done_in_stretches_between_commands_and_at_once_when_the_state_is_read() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(Timestamp::from_secs(1_700_000_000)));
    let open = async || {
        let random = SeededRandom::new(1);
        let substrate = Substrate { logs: store.clone(), meta: store.clone(), clock: clock.clone(), random };
        let options = Options { stretch_bytes: 77, ..Options::new(Names::new("follower").unwrap()) };
        Handle::open(Follower, substrate, options).await.unwrap()
    };
    let handle = open().await;
    handle.ask(1000).await.unwrap();
    // Commands do not wait for all of it, and it goes on where nobody asks for anything.
    for _ in 0..3 {
        let followed = handle.ask(0).await.unwrap();
        assert!((1..100).contains(&followed), "{followed}");
    }
    while handle.state().unwrap().followed < 1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(handle.state().unwrap().longest, 77);
    handle.ask(1000).await.unwrap();
    handle.close().await;
    assert!(handle.state().unwrap().followed < 2000, "closing does not wait for it");
    assert_eq!(open().await.state().unwrap().followed, 2000);
}
