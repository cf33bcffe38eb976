//! Cost of encryption: puts and reads of a plain and of an encrypted stream, on the engine that keeps everything in
//! memory, one after the other on one thread.
//!
//! `cargo run --release -p headwater-streams --example bench_encryption`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use headwater_host::{Clock, SystemClock, SystemRandom};
use headwater_store::memory::MemoryStore;
use headwater_streams::{
    Config, CreateStream, Distribution, LimitPolicy, Mode, PutEntry, ReadRequest, StartingPosition,
    StreamService, Substrate,
};
use headwater_telemetry::Metrics;
use headwater_types::{AccountId, Realm, Region, StreamKey, StreamName};
use headwater_vault::{Keyring, MasterKey, Secret};

const BATCHES: usize = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let random = SystemRandom::new();
    let keys = Keyring::new([MasterKey::of_secret(Secret::generate(&*random), 0)]).expect("one key");
    for (records, bytes) in [(500, 1024), (100, 100), (1, 1024), (1, 1 << 20)] {
        let store = MemoryStore::new();
        let substrate = Substrate {
            logs: store.clone(),
            meta: store,
            clock: SystemClock::new(),
            random: random.clone(),
            metrics: Arc::new(Metrics::new()),
        };
        let config = Config {
            home: Region::US_EAST_1,
            limits: LimitPolicy::OFF.into(),
            transition: Duration::ZERO,
            keys: Arc::new(keys.clone()),
            default_key: None,
        };
        let service = StreamService::open(substrate, config).await.expect("a service");
        let mut took = Vec::new();
        for (name, encrypted) in [("warm-up", false), ("plain", false), ("sealed", true)] {
            took.push(measure(&service, name, encrypted, records, bytes).await);
        }
        let per = |time: Duration| time.as_nanos() as f64 / (BATCHES * records) as f64;
        let ((put, read), (sealed_put, sealed_read)) = (took[1], took[2]);
        println!(
            "{records} x {bytes} B: put {:.0} -> {:.0} ns a record ({:.2} x), read {:.0} -> {:.0} ns ({:.2} x)",
            per(put),
            per(sealed_put),
            per(sealed_put) / per(put),
            per(read),
            per(sealed_read),
            per(sealed_read) / per(read),
        );
    }
}

/// Time that all puts took, and all reads.
async fn measure(
    service: &Arc<StreamService>,
    name: &str,
    encrypted: bool,
    records: usize,
    bytes: usize,
) -> (Duration, Duration) {
    let account = AccountId::new("000000000000").expect("an account");
    let key = StreamKey {
        realm: Realm { account, region: Region::US_EAST_1 },
        name: StreamName::new(name).expect("a name"),
    };
    let request = CreateStream {
        key: key.clone(),
        mode: Mode::Provisioned { shards: 1 },
        distribution: Distribution::PartitionKey,
        max_record_kib: None,
        tags: BTreeMap::new(),
    };
    service.create_stream(request).await.expect("a stream");
    let handle = service.find_readable(&key).expect("the stream");
    if encrypted {
        service.start_encryption(&handle, "alias/aws/kinesis").await.expect("encrypted");
    }
    let clock = SystemClock::new();
    let data = vec![b'x'; bytes];
    let entry = || PutEntry { partition_key: "some-key".into(), explicit_hash_key: None, data: &data };
    let entries: Vec<_> = (0..records).map(|_| entry()).collect();
    let begun = clock.elapsed();
    for _ in 0..BATCHES {
        service.put_records(&handle, &entries).await.expect("stored");
    }
    let put = clock.elapsed() - begun;
    let begun = clock.elapsed();
    let mut iterator =
        service.shard_iterator(&key, "0", &StartingPosition::TrimHorizon).await.expect("an iterator");
    let mut seen = 0;
    while seen < BATCHES * records {
        let read =
            service.read(ReadRequest { iterator: iterator.clone(), limit: 10_000 }).await.expect("records");
        seen += read.batches.iter().map(|batch| batch.records.count() as usize).sum::<usize>();
        iterator = read.next.expect("an open shard");
    }
    (put, clock.elapsed() - begun)
}
