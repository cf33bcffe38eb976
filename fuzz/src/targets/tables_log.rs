//! Contents of the log of tables: a record a line. Whatever it is, tables are opened or refused with a reason; what was
//! opened is described, read and written, and the same once more after that.

use std::sync::Arc;

use headwater_store::memory::MemoryStore;
use headwater_store::{AppendBatch, Expect, LogStore};
use headwater_tables::value::AttributeValue;
use headwater_tables::{Action, PageRequest, Range, Select, TableKey, TableService, TablesError, Write};
use headwater_types::{AccountId, Realm, Record, RecordBatchBuilder, Timestamp};

use super::service::{REGION, open_tables, runtime};

pub(crate) fn run(bytes: &[u8]) {
    runtime().block_on(async {
        let store = Arc::new(MemoryStore::default());
        // It makes the log.
        open_tables(&store).await.expect("no tables can be opened").close().await;
        let journal = LogStore::list(&*store, "tables/journal").await.expect("the logs");
        let log = store.open(&journal[0]).await.expect("the log");
        let mut builder = RecordBatchBuilder::default();
        for line in bytes.split(|byte| *byte == b'\n') {
            builder.push(Record { key: "", explicit_hash_key: None, data: line });
        }
        let records = builder.finish().expect("a line");
        let batch = AppendBatch { arrival: Timestamp::from_secs(1), records, frees: false };
        log.append(batch, Expect::Any).await.expect("appended");
        let tables = match open_tables(&store).await {
            Ok(tables) => tables,
            Err(TablesError::Damaged(_)) => return,
            Err(other) => panic!("refused without a reason: {other}"),
        };
        let before = look(&tables).await;
        tables.upkeep().await.expect("upkeep");
        tables.close().await;
        let again = open_tables(&store).await.expect("what was opened is opened again");
        assert!(look(&again).await <= before, "what is gone does not come back");
        again.close().await;
    });
}

/// Everything of the account of the seeds: how many items there are.
async fn look(tables: &TableService) -> usize {
    let realm = Realm { account: AccountId::new("123456789012").expect("an account"), region: REGION };
    let (names, _) = tables.list(realm, None, 100).expect("names");
    let mut items = 0;
    for name in names {
        let table = TableKey { realm, name };
        let Ok(described) = tables.describe(&table) else { continue };
        let mut request = PageRequest {
            table: table.clone(),
            index: None,
            range: Range::Scan { segment: 0, of: 1 },
            filter: None,
            select: Select::AllProjected,
            limit: None,
            after: None,
            consistent: false,
        };
        items += tables.page(&request).map_or(0, |page| page.items.len());
        for index in described.indexes {
            request.index = Some(index.name);
            // An index that is being made cannot be read.
            let _ = tables.page(&request);
        }
        // It has no key of most tables; of some it has.
        let one = [("leaseKey".to_owned(), AttributeValue::S("a".to_owned()))].into();
        let action = Action::Delete(one);
        let _ = tables
            .write(Write { table, action, condition: None, give_failed: false, give_collection: true })
            .await;
    }
    items
}
