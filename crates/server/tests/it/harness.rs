//! A server on a simulated machine, and short words for what tests do with it.

use std::io::{IoSlice, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use headwater_edge::Limits;
use headwater_host::disk::{Disk, Faults, SimDisk};
use headwater_host::{Clock, ManualClock, SeededRandom, SystemClock};
use headwater_server::{Host, LimitsChoice, Server, Settings, StartError, TlsChoice};
use headwater_types::{AccountId, Region, Timestamp};
use serde_json::{Value, json};

use crate::http::{self, Answer, Codec};

/// 2023-11-14T22:13:20Z, a Tuesday.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(crate) const TRANSITION: Duration = Duration::from_millis(200);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) disk: Arc<SimDisk>,
    pub(crate) settings: Settings,
    server: Option<Server>,
}

pub(crate) fn settings(dir: impl Into<PathBuf>) -> Settings {
    Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        connections: 1024,
        data_dir: dir.into(),
        scrub: None,
        regions: Region::US_EAST_1.into(),
        account: AccountId::new("123456789012").unwrap(),
        limits: LimitsChoice::Off,
        credentials: None,
        audit_log: None,
        limit_changes: Default::default(),
        log: "info".into(),
        transition: TRANSITION,
        table_transition: TRANSITION,
        tls: TlsChoice::Off,
        master_keys: Default::default(),
        own_master_keys: None,
        requests: Limits::default(),
    }
}

impl World {
    /// A server without limits. The name tells its files from those of other tests, in the log for instance.
    pub(crate) async fn new(name: &str) -> Self {
        Self::with(name, |_| {}).await
    }

    pub(crate) async fn with(name: &str, change: impl FnOnce(&mut Settings)) -> Self {
        keep_log();
        let mut settings = settings(format!("/{name}"));
        change(&mut settings);
        let seed = name.bytes().map(u64::from).sum();
        let mut world =
            Self { clock: ManualClock::new(START), disk: SimDisk::new(seed), settings, server: None };
        world.start().await.unwrap();
        world
    }

    pub(crate) async fn start(&mut self) -> Result<(), StartError> {
        self.server = Some(Server::start(&self.settings, self.host()).await?);
        Ok(())
    }

    /// The simulated machine.
    pub(crate) fn host(&self) -> Host {
        Host { clock: self.clock.clone(), random: SeededRandom::new(7), disk: self.disk.clone() }
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    pub(crate) async fn stop(&mut self) {
        self.server.take().expect("the server runs").stop().await;
    }

    /// The power fails, and comes back. The server does not.
    pub(crate) async fn cut_power(&mut self) {
        self.cut_power_under(Faults::default()).await;
    }

    /// The same while the disk does these things wrong.
    pub(crate) async fn cut_power_under(&mut self, faults: Faults) {
        self.disk.set_faults(Faults { halt_at: Some(0), ..faults });
        self.stop().await;
        self.disk.crash();
    }

    pub(crate) async fn call_in(&self, codec: Codec, operation: &str, input: Value) -> Answer {
        http::call(self.server().address(), codec, operation, &input).await
    }

    pub(crate) async fn call(&self, operation: &str, input: Value) -> Answer {
        self.call_in(Codec::Json, operation, input).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        http::get(self.server().address(), path).await
    }

    /// A stream that is ACTIVE.
    pub(crate) async fn create(&self, name: &str, shards: u32) {
        self.call("CreateStream", json!({"StreamName": name, "ShardCount": shards})).await.ok();
        self.clock.advance(TRANSITION);
    }

    pub(crate) async fn status(&self, name: &str) -> String {
        let summary = self.call("DescribeStreamSummary", json!({"StreamName": name})).await.ok();
        summary["StreamDescriptionSummary"]["StreamStatus"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn try_put(&self, name: &str, data: &[u8]) -> Answer {
        self.call("PutRecord", put_input(name, data)).await
    }

    /// The sequence number.
    pub(crate) async fn put(&self, name: &str, data: &[u8]) -> String {
        self.try_put(name, data).await.ok()["SequenceNumber"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn iterator(&self, name: &str, shard: u32) -> String {
        let input =
            json!({"StreamName": name, "ShardId": format!("{shard}"), "ShardIteratorType": "TRIM_HORIZON"});
        self.call("GetShardIterator", input).await.ok()["ShardIterator"].as_str().unwrap().to_owned()
    }

    /// Everything that can be read of a shard, and the error that ended it, if one did.
    pub(crate) async fn try_read(&self, name: &str, shard: u32) -> (Vec<Got>, Option<Answer>) {
        let input =
            json!({"StreamName": name, "ShardId": format!("{shard}"), "ShardIteratorType": "TRIM_HORIZON"});
        let begun = self.call("GetShardIterator", input).await;
        if begun.status != 200 {
            return (Vec::new(), Some(begun));
        }
        let mut iterator = begun.body["ShardIterator"].clone();
        let mut all = Vec::new();
        loop {
            let answer = self.call("GetRecords", json!({"ShardIterator": iterator, "Limit": 100})).await;
            if answer.status != 200 {
                return (all, Some(answer));
            }
            let records = answer.body["Records"].as_array().unwrap();
            all.extend(records.iter().map(Got::new));
            iterator = answer.body["NextShardIterator"].clone();
            if iterator.is_null() || (records.is_empty() && answer.body["MillisBehindLatest"] == 0) {
                return (all, None);
            }
        }
    }

    pub(crate) async fn read(&self, name: &str, shard: u32) -> Vec<Got> {
        let (records, error) = self.try_read(name, shard).await;
        assert!(error.is_none(), "{error:?}");
        records
    }

    /// Lets so much time pass that the journals are not taken for being filled quickly, which would make them
    /// larger than a simulated disk can bear.
    pub(crate) fn wait_a_little(&self) {
        self.clock.advance(Duration::from_secs(5));
    }

    /// Does this while time passes, for what begins after a pause.
    pub(crate) async fn moving<T>(&self, work: impl Future<Output = T>) -> T {
        let passing = async {
            loop {
                SystemClock::new().sleep(Duration::from_millis(5)).await;
                self.clock.advance(Duration::from_millis(1));
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            () = passing => unreachable!("time never ends"),
        }
    }

    /// Moves what has been written so far out of the journals, into a segment.
    pub(crate) async fn make_segment(&self, name: &str) {
        let store = self.server().store();
        let segments = || store.stats().segments.load(std::sync::atomic::Ordering::Relaxed);
        let before = segments();
        // So many full journals are clustered whatever is in them.
        for _ in 0..8 {
            self.put(name, b"filler").await;
            self.wait_a_little();
            store.rotate().await.unwrap();
        }
        eventually("the journals are clustered", async || segments() > before).await;
    }

    /// The names of the files in a folder of the data directory, with their paths.
    pub(crate) fn files(&self, folder: &str, ending: &str) -> Vec<PathBuf> {
        let dir = self.settings.data_dir.join(folder);
        let names = self.disk.list(&dir).unwrap();
        names.iter().filter(|name| name.ends_with(ending)).map(|name| dir.join(name)).collect()
    }

    /// The file of a folder that holds these bytes, and where.
    pub(crate) fn find_bytes(&self, folder: &str, ending: &str, bytes: &[u8]) -> (PathBuf, usize) {
        let found = self.files(folder, ending).into_iter().find_map(|path| {
            // The server goes on, and may be done with a file meanwhile.
            let contents = self.try_contents(&path).ok()?;
            let at = contents.windows(bytes.len()).position(|window| window == bytes)?;
            Some((path, at))
        });
        found.expect("the bytes are in a file")
    }

    pub(crate) fn contents(&self, path: &Path) -> Vec<u8> {
        self.try_contents(path).unwrap()
    }

    fn try_contents(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let file = self.disk.open(path)?;
        let mut bytes = vec![0; file.len()? as usize];
        file.read_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Changes the bytes of a file behind the server's back, durably.
    pub(crate) fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.contents(path);
        change(&mut bytes);
        let file = self.disk.open(path).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        file.write_all_at(&mut [IoSlice::new(&bytes)], 0).unwrap();
        file.sync_data().unwrap();
    }

    /// Lines of the log that mention this server's data directory and this text.
    pub(crate) fn logged(&self, text: &str) -> Vec<String> {
        let dir = self.settings.data_dir.display();
        let dirs = [format!("{dir}/"), format!("data_dir={dir} ")];
        let log = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
        let own = |line: &&str| dirs.iter().any(|dir| line.contains(dir));
        log.lines().filter(|line| own(line) && line.contains(text)).map(str::to_owned).collect()
    }
}

/// A record as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) number: String,
    pub(crate) data: Vec<u8>,
}

impl Got {
    fn new(record: &Value) -> Self {
        let data = record["Data"].as_str().unwrap();
        Self {
            number: record["SequenceNumber"].as_str().unwrap().to_owned(),
            data: base64_simd::STANDARD.decode_to_vec(data).unwrap(),
        }
    }
}

pub(crate) fn base64(data: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(data)
}

pub(crate) fn put_input(name: &str, data: &[u8]) -> Value {
    json!({"StreamName": name, "PartitionKey": "k", "Data": base64(data)})
}

/// Waits, in real time, for what happens in the background.
pub(crate) async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        SystemClock::new().sleep(Duration::from_millis(50)).await;
    }
    panic!("not after 30 s: {what}");
}

/// Fails if this takes longer than it should, in real time.
pub(crate) async fn within<T>(what: &str, limit: Duration, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| panic!("not within {limit:?}: {what}"))
}

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Keeps what the servers of all tests log.
fn keep_log() {
    struct Keep;
    impl Write for Keep {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            LOG.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| Keep).init());
}
