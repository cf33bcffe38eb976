//! Descriptions of tables.

use headwater_types::{Region, Timestamp};

use crate::description::{IndexDescription, Status, TableDescription, TimeToLive};
use crate::index::Index;
use crate::options::TableSettings;
use crate::schema::IndexScope;
use crate::state::Table;

/// A table and its indexes at `now`.
pub(crate) fn describe(table: &Table, status: Status, home: Region, now: Timestamp) -> TableDescription {
    let meta = &table.meta;
    let key = meta.key(home);
    let arn = key.arn();
    let indexes = meta.indexes.iter().zip(&table.indexes).filter_map(|(index, entries)| {
        let own = entries.status(index.phase, now)?;
        let status = if index.spec.scope == IndexScope::Local { status } else { own };
        Some(describe_index(entries, status, &arn))
    });
    let is_closed = matches!(status, Status::Active | Status::Updating) && table.key_trouble().is_some();
    TableDescription {
        status: if is_closed { Status::Inaccessible } else { status },
        created: meta.created,
        id: meta.id.clone(),
        schema: meta.schema.clone(),
        indexes: indexes.collect(),
        billing: meta.billing,
        pay_per_request_since: meta.pay_per_request_since,
        throughput_changed: (meta.throughput_raised, meta.throughput_lowered),
        class: meta.class,
        deletion_protection: meta.deletion_protection,
        settings: TableSettings {
            master_key: meta.encryption.active.as_ref().map(|active| active.master.clone()),
            on_demand: meta.on_demand,
            warm: meta.warm,
            point_in_time: meta.point_in_time.map(Into::into),
        },
        items: table.items.len(),
        size_bytes: table.bytes,
        key,
        arn,
    }
}

fn describe_index(index: &Index, status: Status, table_arn: &str) -> IndexDescription {
    let spec = &index.spec;
    IndexDescription {
        name: spec.name.clone(),
        arn: format!("{table_arn}/index/{}", spec.name),
        scope: spec.scope,
        status,
        schema: spec.schema.clone(),
        projection: spec.projection.clone(),
        throughput: spec.throughput,
        items: index.entries.len(),
        size_bytes: index.bytes,
    }
}

/// Time-to-live setting of a table.
pub(crate) fn time_to_live(table: &Table, now: Timestamp) -> TimeToLive {
    match &table.meta.time_to_live {
        None => TimeToLive { attribute: None, changing: false },
        Some(meta) => {
            let changing = now < meta.until;
            let attribute = meta.enabled.then(|| meta.attribute.clone());
            TimeToLive { attribute, changing }
        }
    }
}
