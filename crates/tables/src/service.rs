//! The service.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use headwater_host::{Clock, Random};
use headwater_machine::{Handle, MachineError, Options, StateRef};
use headwater_store::{LogStore, MetaStore, StoreError};
use headwater_telemetry::{Level, Metrics};
use headwater_types::limits::LimitPolicy;
use headwater_types::{Realm, Region};
use headwater_vault::{DefaultKey, Keyring};
use tracing::{error, warn};

use crate::capacity::Capacity;
use crate::command::{Answer, Command, Plan};
use crate::describe::{describe, time_to_live};
use crate::description::{IndexChange, Status, TableChange, TableDescription, Tags, TimeToLive};
use crate::encryption::Vault;
use crate::error::{Result, TablesError};
use crate::index::entry_bytes;
use crate::limits::{APPEND_BYTES, CHANGE_BYTES_MAX};
use crate::losses::Losses;
use crate::machine::{Tables, names};
use crate::options::{EncryptionChoice, PointInTime, TableOptions};
use crate::order::Place;
use crate::read;
use crate::requests::{Get, Got, Page, PageRequest, Write, Written};
use crate::schema::{IndexSpec, KeySchema, TableKey, TableName, TableSpec};
use crate::value::Item;
use crate::write::{Moment, has_expired};

/// Dependencies of the service.
#[derive(Debug, Clone)]
pub struct Substrate {
    /// Store of the logs of changes.
    pub logs: Arc<dyn LogStore>,
    /// Store of the manifest, which names the logs.
    pub meta: Arc<dyn MetaStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Metrics that it counts into.
    pub metrics: Arc<Metrics>,
}

/// Settings of the service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The region of tables that are stored without one.
    pub home: Region,
    /// Limits that are enforced.
    pub limits: LimitPolicy,
    /// Shortest duration of CREATING, UPDATING and DELETING.
    pub transition: Duration,
    /// Changes in the log before a snapshot of everything is made, in bytes; and not before there are twice as many as all
    /// tables take. Usually [`SNAPSHOT_AFTER_BYTES`].
    pub snapshot_after_bytes: usize,
    /// Memory that all tables together may take, in bytes. Usually
    /// [`MEMORY_BYTES_MAX`](crate::limits::MEMORY_BYTES_MAX).
    pub memory_bytes_max: usize,
    /// The master keys of encrypted tables, until others replace them.
    pub keys: Arc<Keyring>,
    /// Makes the default key of a server that was given none.
    pub default_key: Option<Arc<dyn DefaultKey>>,
}

/// See [`Config::snapshot_after_bytes`]. Reading so much takes a fraction of a second.
pub const SNAPSHOT_AFTER_BYTES: usize = headwater_machine::SNAPSHOT_AFTER_BYTES;

/// Pause between checks for items, and deleted tables, whose time has come.
const UPKEEP_PAUSE: Duration = Duration::from_secs(10);
/// Items that are deleted together because their time has come.
const EXPIRE_MAX: usize = 1000;

/// Items that are weighed for an index before others have their turn.
const WEIGHED_MAX: usize = 1000;

/// Tables of items.
#[derive(Debug)]
pub struct TableService {
    machine: Handle<Tables>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    home: Region,
    default_key: Option<Arc<dyn DefaultKey>>,
}

impl TableService {
    /// Reads all tables.
    ///
    /// # Errors
    /// If the store refuses, or the log of changes is shorter than it once was.
    pub async fn open(substrate: Substrate, config: Config) -> Result<Arc<Self>> {
        Self::read(substrate, config, false).await
    }

    /// Reads all tables to repair them: where the log of changes is shorter than it once was they have lost something
    /// ([`TableService::losses`]).
    ///
    /// # Errors
    /// If the store refuses.
    pub async fn open_for_repair(substrate: Substrate, config: Config) -> Result<Arc<Self>> {
        Self::read(substrate, config, true).await
    }

    async fn read(substrate: Substrate, config: Config, contains_cut: bool) -> Result<Arc<Self>> {
        let (tables, lower) = parts(&substrate, &config);
        let Substrate { clock, metrics, .. } = substrate;
        let Config { home, snapshot_after_bytes, memory_bytes_max, default_key, .. } = config;
        let names = names().map_err(|error| StoreError::Invalid(error.to_string()))?;
        let options = Options {
            snapshot_after_bytes,
            budget_bytes: memory_bytes_max,
            append_bytes: APPEND_BYTES,
            record_bytes_max: CHANGE_BYTES_MAX,
            contains_cut,
            ..Options::new(names)
        };
        let machine = Handle::open(tables, lower, options).await?;
        Ok(Arc::new(Self { machine, clock, metrics, home, default_key }))
    }

    /// Ends what is under way and lets go of the store. What is asked afterwards is refused.
    pub async fn close(&self) {
        self.machine.close().await;
    }

    /// In place of one that cannot be opened: everything is refused, and `trouble` says why.
    pub fn closed(substrate: Substrate, config: Config, trouble: &TablesError) -> Arc<Self> {
        let (tables, lower) = parts(&substrate, &config);
        let trouble = match trouble {
            TablesError::Store(error) => MachineError::Store(error.clone()),
            TablesError::Damaged(cause) => MachineError::Damaged { machine: "tables", cause: cause.clone() },
            other => MachineError::Damaged { machine: "tables", cause: other.to_string() },
        };
        let machine = Handle::unavailable(tables, &lower, trouble);
        let Substrate { clock, metrics, .. } = substrate;
        Arc::new(Self { machine, clock, metrics, home: config.home, default_key: None })
    }

    fn state(&self) -> Result<StateRef<'_, Tables>> {
        Ok(self.machine.state()?)
    }

    fn capacity(&self) -> &Capacity {
        &self.machine.machine().capacity
    }

    /// Deletes what has had its time, for as long as it is polled.
    pub async fn run_upkeep(self: Arc<Self>) {
        loop {
            self.clock.sleep(UPKEEP_PAUSE).await;
            // What has failed was logged, and is tried again.
            let _ = self.upkeep().await;
        }
    }

    /// Deletes what has had its time, now. What cannot be done for one table is left out, and done for the others.
    ///
    /// # Errors
    /// The first one; all of them are logged.
    pub async fn upkeep(&self) -> Result<()> {
        let now = self.clock.now();
        let (any_gone, any_keys, uids) = {
            // What cannot be read has nothing that could be deleted.
            let Ok(state) = self.state() else { return Ok(()) };
            let expiring = state.tables().filter(|table| {
                table.meta.expiry_attribute().is_some()
                    && !state.has_lost(table.meta.uid)
                    && table.key_trouble().is_none()
            });
            (
                state.tables().any(|table| table.meta.status(now).is_none()),
                state.tables().any(|table| !table.meta.encryption.is_unused()),
                expiring.map(|table| table.meta.uid).collect::<Vec<_>>(),
            )
        };
        let mut done = Ok(());
        let mut note = |what: &str, uid: Option<u64>, outcome: Result<()>| {
            if let Err(error) = outcome {
                warn!(%error, what, table = uid, "upkeep of tables has failed and is tried again");
                done = std::mem::replace(&mut done, Ok(())).and(Err(error));
            }
        };
        if any_gone {
            note("forgetting deleted tables", None, self.plan(Plan::Purge).await);
            if let Ok(state) = self.state() {
                self.capacity().retain(|uid| state.table(uid).is_some());
            }
        }
        if any_keys {
            note("renewing data keys", None, self.plan(Plan::TendKeys).await);
        }
        for uid in uids {
            note("deleting expired items", Some(uid), self.expire(uid).await);
        }
        done
    }

    /// Deletes the items of a table whose time has come.
    async fn expire(&self, uid: u64) -> Result<()> {
        let mut after = None;
        loop {
            let (keys, last) = self.expired(uid, after.as_ref())?;
            if !keys.is_empty() {
                self.ask(Command::Expire(uid, keys)).await?;
            }
            match last {
                Some(last) => after = Some(last),
                None => return Ok(()),
            }
        }
    }

    /// Keys of some items whose time has come, and where to go on.
    fn expired(&self, uid: u64, after: Option<&Place>) -> Result<(Vec<Item>, Option<Place>)> {
        /// Items that are looked at before others have their turn.
        const LOOKED_AT_MAX: usize = 20_000;
        let (state, now) = (self.state()?, self.clock.now());
        let Some(table) = state.table(uid) else { return Ok((Vec::new(), None)) };
        let Some(attribute) = table.meta.expiry_attribute() else { return Ok((Vec::new(), None)) };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut keys = Vec::new();
        for (looked_at, (place, item)) in table.items.range::<Place, _>((start, Bound::Unbounded)).enumerate()
        {
            if has_expired(item, attribute, now) {
                keys.push(table.meta.schema.of(item));
            }
            if keys.len() >= EXPIRE_MAX || looked_at >= LOOKED_AT_MAX {
                return Ok((keys, Some(place.clone())));
            }
        }
        Ok((keys, None))
    }

    /// Sets what is measured of all tables together.
    pub fn report_levels(&self) {
        let (mut tables, mut items, mut memory_bytes, mut damaged) = (0, 0, 0, 1);
        if let Ok(state) = self.state() {
            for table in state.tables() {
                tables += 1;
                items += table.items.len() as u64;
            }
            memory_bytes = state.memory_bytes() as u64;
            damaged = (state.lost.len() as u64).max(state.lost_unknown.is_some().into());
        }
        self.metrics.set(Level::Tables, tables);
        self.metrics.set(Level::TableItems, items);
        self.metrics.set(Level::TableMemoryBytes, memory_bytes);
        self.metrics.set(Level::DamagedTables, damaged);
    }

    /// Why no table can be used at all, if that is so.
    pub fn trouble(&self) -> Option<String> {
        self.state().err().map(|trouble| trouble.to_string())
    }

    /// True if what needs room on the disk is refused.
    pub fn lacks_room(&self) -> bool {
        self.machine.report().lacks_room
    }

    /// Losses to damage.
    pub fn losses(&self) -> Losses {
        self.state().map(|state| state.losses()).unwrap_or_default()
    }

    /// Takes other master keys from now on.
    pub async fn replace_keys(&self, keys: Arc<Keyring>) -> Result<()> {
        self.machine.machine().replace_keys(keys);
        Ok(self.machine.refresh().await?)
    }

    /// Takes what is left after damage for all there is: the tables are served as they are, and what came before is
    /// removed from the log. Cannot be undone.
    pub async fn accept_losses(&self) -> Result<()> {
        if !self.state()?.has_losses() {
            return Ok(());
        }
        match self.machine.snapshot(true).await {
            Err(MachineError::Unread { .. }) => {}
            accepted => return Ok(accepted?),
        }
        // What cannot be opened would be lost as well.
        let state = self.state()?;
        let unread = state.unread().and_then(|table| Some((table, table.key_trouble()?)));
        let (table, trouble) = unread.ok_or(TablesError::Undecided)?;
        Err(TablesError::Key { table: table.meta.name.clone(), trouble: trouble.clone() })
    }

    /// Has the default master key made if that is asked for and there is none.
    async fn provide_default_key(&self, table: &TableKey, options: &TableOptions) -> Result<()> {
        let Some(EncryptionChoice::Key(given)) = &options.encryption else { return Ok(()) };
        let is_missing = self.state()?.vault().lacks_default(given.as_deref(), table.realm.region);
        let Some(maker) = self.default_key.clone().filter(|_| is_missing) else { return Ok(()) };
        let made = tokio::task::spawn_blocking(move || maker.make()).await;
        let keyring = match made {
            Ok(Ok(keyring)) => keyring,
            Ok(Err(cause)) if matches!(cause.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                return Err(StoreError::NoSpace(format!("no room for a master key: {cause}")).into());
            }
            Ok(Err(cause)) => {
                error!(%cause, table = %table.name, "no master key could be made");
                return Err(TablesError::Undecided);
            }
            Err(cause) => {
                error!(%cause, table = %table.name, "no master key could be made");
                return Err(TablesError::Undecided);
            }
        };
        self.replace_keys(Arc::new(keyring)).await
    }

    /// Makes a table.
    pub async fn create_table(&self, table: &TableKey, spec: TableSpec) -> Result<TableDescription> {
        self.provide_default_key(table, &spec.options).await?;
        self.plan(Plan::Create(table.clone(), Box::new(spec))).await?;
        self.describe(table)
    }

    /// Changes a table.
    pub async fn update_table(&self, table: &TableKey, change: TableChange) -> Result<TableDescription> {
        self.provide_default_key(table, &change.options).await?;
        let mut index_bytes: usize = 0;
        for index in &change.indexes {
            if let IndexChange::Create(spec) = index {
                index_bytes = index_bytes.saturating_add(self.index_bytes(table, spec).await?);
            }
        }
        self.plan(Plan::Update(table.clone(), Box::new(change), index_bytes)).await?;
        self.describe(table)
    }

    /// Memory that an index would take of the items there are, roughly, in bytes.
    async fn index_bytes(&self, table: &TableKey, spec: &IndexSpec) -> Result<usize> {
        let (mut bytes, mut after) = (0, None);
        loop {
            {
                let state = self.state()?;
                // A table that is not there is for the plan to refuse.
                let Ok((table, _)) = state.find(table, self.clock.now()) else { return Ok(0) };
                let start = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                let stretch = table.items.range::<Place, _>((start, Bound::Unbounded)).take(WEIGHED_MAX);
                let mut last = None;
                for (place, item) in stretch {
                    bytes += entry_bytes(spec, &table.meta.schema, item);
                    last = Some(place);
                }
                match last.cloned() {
                    Some(last) => after = Some(last),
                    None => return Ok(bytes),
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Deletes a table and its items.
    pub async fn delete_table(&self, table: &TableKey) -> Result<TableDescription> {
        let mut described = self.describe(table)?;
        self.plan(Plan::Delete(table.clone())).await?;
        described.status = Status::Deleting;
        Ok(described)
    }

    /// Description of a table, in whatever state.
    pub fn describe(&self, table: &TableKey) -> Result<TableDescription> {
        let (state, now) = (self.state()?, self.clock.now());
        let (table, status) = state.find(table, now)?;
        Ok(describe(table, status, self.home, now))
    }

    /// Number of tables of each account in each region, where there are any.
    pub fn count_tables(&self) -> BTreeMap<Realm, usize> {
        let mut counts = BTreeMap::new();
        // Tables that cannot be used are none.
        let Ok(state) = self.state() else { return counts };
        for table in state.tables() {
            *counts.entry(table.meta.key(self.home).realm).or_default() += 1;
        }
        counts
    }

    /// At most `limit` names of an account's tables in a region, in order, and whether there are more.
    pub fn list(&self, realm: Realm, after: Option<&str>, limit: usize) -> Result<(Vec<TableName>, bool)> {
        let state = self.state()?;
        let mut names = state.names(realm, after, self.clock.now());
        let page: Vec<TableName> = names.by_ref().take(limit).cloned().collect();
        let more = names.next().is_some();
        Ok((page, more))
    }

    /// The key of a table, or of one of its indexes; for who has to read expressions on it.
    pub fn schema(&self, table: &TableKey, index: Option<&TableName>) -> Result<KeySchema> {
        let state = self.state()?;
        let table = state.ready(table, self.clock.now())?;
        let Some(name) = index else { return Ok(table.meta.schema.clone()) };
        let index = table.index(name).ok_or_else(|| {
            TablesError::IndexNotFound(format!("The table does not have the specified index: {name}"))
        })?;
        Ok(index.spec.schema.clone())
    }

    /// Refuses a page that cannot begin after this key, or cannot be consistent; for who has yet to read conditions on keys.
    pub fn check_start(
        &self,
        table: &TableKey,
        index: Option<&TableName>,
        consistent: bool,
        after: Option<&Item>,
    ) -> Result<()> {
        read::check_start(&*self.state()?, table, index, (consistent, after), self.clock.now())
    }

    /// Time-to-live setting of a table.
    pub fn time_to_live(&self, table: &TableKey) -> Result<TimeToLive> {
        let (state, now) = (self.state()?, self.clock.now());
        Ok(time_to_live(state.find(table, now)?.0, now))
    }

    /// Has items deleted when their time has come by this attribute, or no longer.
    pub async fn set_time_to_live(&self, table: &TableKey, attribute: String, enabled: bool) -> Result<()> {
        self.plan(Plan::TimeToLive(table.clone(), attribute, enabled)).await
    }

    /// Asks for point-in-time recovery, or no longer.
    pub async fn set_point_in_time(&self, table: &TableKey, wanted: Option<PointInTime>) -> Result<()> {
        self.plan(Plan::PointInTime(table.clone(), wanted)).await
    }

    /// Tags.
    pub fn tags(&self, table: &TableKey) -> Result<Tags> {
        Ok(self.state()?.find(table, self.clock.now())?.0.meta.tags.clone())
    }

    /// Adds or replaces tags.
    pub async fn tag(&self, table: &TableKey, tags: Tags) -> Result<()> {
        self.plan(Plan::Tag(table.clone(), tags)).await
    }

    /// Removes tags.
    pub async fn untag(&self, table: &TableKey, keys: Vec<String>) -> Result<()> {
        self.plan(Plan::Untag(table.clone(), keys)).await
    }

    /// Writes one item. Durable when it returns.
    pub async fn write(&self, write: Write) -> Result<Written> {
        match self.ask(Command::Write(Box::new(write))).await? {
            Answer::Written(written) => Ok(written),
            _ => Err(TablesError::Undecided),
        }
    }

    /// Writes items that have nothing to do with each other (BatchWriteItem), in one go. A write that is throttled is
    /// left out (`None`); one that is wrong refuses all.
    pub async fn write_each(&self, writes: Vec<Write>) -> Result<Vec<Option<Written>>> {
        match self.ask(Command::WriteEach(writes)).await? {
            Answer::Each(each) => Ok(each),
            _ => Err(TablesError::Undecided),
        }
    }

    /// Writes all, or none. A token makes a repetition within ten minutes do nothing; `request` tells whether it is one
    /// (any digest of the request).
    pub async fn write_all(
        &self,
        writes: Vec<Write>,
        token: Option<TransactionToken>,
    ) -> Result<Vec<Written>> {
        match self.ask(Command::WriteAll(writes, token)).await? {
            Answer::All(all) => Ok(all),
            _ => Err(TablesError::Undecided),
        }
    }

    /// Reads one item.
    pub fn get(&self, get: &Get) -> Result<Got> {
        read::get(&*self.state()?, get, false, self.moment())
    }

    /// Reads items as they are at one moment (TransactGetItems), at the price of a transaction.
    pub fn get_all(&self, gets: &[Get]) -> Result<Vec<Got>> {
        read::get_all(&*self.state()?, gets, self.moment())
    }

    /// True if such a page takes items from the table itself, beside what its index has.
    pub fn fetches(&self, request: &PageRequest) -> Result<bool> {
        read::fetches(&*self.state()?, request, self.clock.now())
    }

    /// A page of a Query or a Scan: at most 1 MB of items is looked at.
    pub fn page(&self, request: &PageRequest) -> Result<Page> {
        read::page(&*self.state()?, request, self.moment())
    }

    fn moment(&self) -> Moment<'_> {
        Moment { now: self.clock.now(), elapsed: self.clock.elapsed(), capacity: self.capacity() }
    }

    async fn plan(&self, plan: Plan) -> Result<()> {
        self.ask(Command::Plan(plan)).await.map(drop)
    }

    async fn ask(&self, command: Command) -> Result<Answer> {
        self.machine.ask(command).await?
    }
}

/// The machine, and what it stands on.
fn parts(substrate: &Substrate, config: &Config) -> (Tables, headwater_machine::Substrate) {
    let Substrate { logs, meta, clock, random, .. } = substrate.clone();
    let vault = Vault { keyring: config.keys.clone(), random: random.clone(), home: config.home };
    let capacity = Capacity::new(config.limits != LimitPolicy::OFF);
    let tables = Tables::new(vault, capacity, config.transition);
    (tables, headwater_machine::Substrate { logs, meta, clock, random })
}

/// Token that makes a repeated transaction known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionToken {
    /// `ClientRequestToken`: 1 to 36 characters.
    pub token: String,
    /// A digest of what is asked for.
    pub request: u64,
    /// The digest of the request's bytes, which earlier versions stored: a token that they stored is still known.
    pub former: u64,
    /// Account and region of the token.
    pub realm: Realm,
}
