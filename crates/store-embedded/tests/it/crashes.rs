//! The power fails at random moments of random work.

use headwater_host::disk::{Faults, SimDisk};

use crate::model::Model;
use crate::support::{open, settle_if_possible};

async fn run(seed: u64, rounds: u32) {
    let disk = SimDisk::new(seed);
    let mut model = Model::new(seed);
    for round in 0..rounds {
        let what = format!("seed {seed}, round {round}");
        let store = open(&disk).unwrap_or_else(|error| panic!("{error}: {what}"));
        model.check(&store, &what).await;
        // Opening once more finds the same.
        if model.draw(4) == 0 {
            drop(store);
            if model.draw(2) == 0 {
                disk.crash();
            }
            let store = open(&disk).unwrap_or_else(|error| panic!("{error}: {what}, again"));
            model.check(&store, &format!("{what}, again")).await;
            continue;
        }
        let halts = model.draw(5) > 0;
        disk.set_faults(Faults { halt_at: halts.then(|| model.draw(150)), ..Faults::default() });
        for _ in 0..60 {
            model.step(&store).await;
            if model.draw(12) == 0 {
                settle_if_possible(&store).await;
            }
            if disk.has_halted() {
                break;
            }
        }
        if model.draw(3) == 0 {
            // The process ends, the machine does not.
            if !disk.has_halted() {
                drop(store);
                continue;
            }
        }
        // Nothing of the old store writes after the crash, so it may go before.
        drop(store);
        disk.crash();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost() {
    for seed in 0..80 {
        run(seed, 8).await;
    }
}
