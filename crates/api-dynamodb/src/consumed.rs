//! Consumption of a request, as `ReturnConsumedCapacity` and `ReturnItemCollectionMetrics` ask for it.

use std::collections::BTreeMap;

use headwater_tables::value::Item;
use headwater_tables::{Collection, Consumed, IndexScope};
use headwater_wire::shape::Text;
use serde::Serialize;

use super::shown::ShownItem;
use crate::checks::Checks;

/// Level of detail that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    None,
    Total,
    Indexes,
}

impl Report {
    /// Checks `ReturnConsumedCapacity`.
    pub(super) fn check(checks: &mut Checks, asked: &Option<Text<'_>>) {
        checks.one_of("returnConsumedCapacity", asked, &["INDEXES", "TOTAL", "NONE"]);
    }

    pub(super) fn of(asked: &Option<Text<'_>>) -> Self {
        match asked.as_deref() {
            Some("TOTAL") => Self::Total,
            Some("INDEXES") => Self::Indexes,
            _ => Self::None,
        }
    }
}

/// `ConsumedCapacity` of one table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Capacity<'a> {
    table_name: &'a str,
    capacity_units: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<Units>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    global_secondary_indexes: BTreeMap<&'a str, Units>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    local_secondary_indexes: BTreeMap<&'a str, Units>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Units {
    capacity_units: f64,
}

/// From half units. No request uses so many that a double could not count them.
fn units(halves: u64) -> f64 {
    halves as f64 / 2.0
}

/// `ConsumedCapacity` of a table, if it is asked for; `table` is how the request names it.
pub(super) fn capacity<'a>(report: Report, table: &'a str, consumed: &'a Consumed) -> Option<Capacity<'a>> {
    if report == Report::None {
        return None;
    }
    let of = |wanted: IndexScope| {
        let indexes = consumed.indexes.iter().filter(|(_, scope, _)| *scope == wanted);
        let indexes = indexes.filter(|_| report == Report::Indexes);
        indexes.map(|(name, _, used)| (name.as_str(), Units { capacity_units: units(*used) })).collect()
    };
    Some(Capacity {
        table_name: table,
        capacity_units: units(consumed.total()),
        table: (report == Report::Indexes).then(|| Units { capacity_units: units(consumed.table) }),
        global_secondary_indexes: of(IndexScope::Global),
        local_secondary_indexes: of(IndexScope::Local),
    })
}

/// The same for every table of a batch or a transaction.
pub(super) fn capacities<'a>(
    report: Report,
    used: impl IntoIterator<Item = &'a (String, Consumed)>,
) -> Option<Vec<Capacity<'a>>> {
    let all = used.into_iter().filter_map(|(table, consumed)| capacity(report, table, consumed));
    (report != Report::None).then(|| all.collect())
}

/// Checks `ReturnItemCollectionMetrics`.
pub(super) fn check_metrics(checks: &mut Checks, asked: &Option<Text<'_>>) {
    checks.one_of("returnItemCollectionMetrics", asked, &["SIZE", "NONE"]);
}

/// True if sizes of collections are wanted.
pub(super) fn wants_metrics(asked: &Option<Text<'_>>) -> bool {
    asked.as_deref() == Some("SIZE")
}

/// `ItemCollectionMetrics` of one collection.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metrics<'a> {
    item_collection_key: ShownItem<'a>,
    #[serde(rename = "SizeEstimateRangeGB")]
    size_estimate_range_gb: [f64; 2],
}

impl<'a> Metrics<'a> {
    pub(super) fn of(collection: &'a Collection) -> Self {
        let key: &Item = &collection.key;
        let gb = (collection.size_bytes >> 30) as f64;
        Self { item_collection_key: ShownItem(key), size_estimate_range_gb: [gb, gb + 1.0] }
    }
}

#[cfg(test)]
mod tests {
    use headwater_tables::TableName;
    use headwater_wire::Codec;

    use super::*;

    fn sent(report: Report) -> Option<String> {
        let name = |text: &str| TableName::new(text).expect("a name");
        let indexes = vec![(name("global"), IndexScope::Global, 2), (name("local"), IndexScope::Local, 1)];
        let consumed = Consumed { table: 3, indexes };
        let capacity = capacity(report, "orders", &consumed)?;
        Some(String::from_utf8(Codec::Json10.encode(&capacity)).expect("text"))
    }

    #[test]
    fn as_much_is_said_as_was_asked_for() {
        assert_eq!(sent(Report::None), None);
        assert_eq!(sent(Report::Total).as_deref(), Some(r#"{"TableName":"orders","CapacityUnits":3.0}"#));
        let all = concat!(
            r#"{"TableName":"orders","CapacityUnits":3.0,"Table":{"CapacityUnits":1.5},"#,
            r#""GlobalSecondaryIndexes":{"global":{"CapacityUnits":1.0}},"#,
            r#""LocalSecondaryIndexes":{"local":{"CapacityUnits":0.5}}}"#
        );
        assert_eq!(sent(Report::Indexes).as_deref(), Some(all));
    }

    #[test]
    fn collections_are_sized_in_gigabytes() {
        let sent = |size_bytes| {
            let collection = Collection { key: Item::new(), size_bytes };
            String::from_utf8(Codec::Json10.encode(&Metrics::of(&collection))).expect("text")
        };
        assert_eq!(sent(10), r#"{"ItemCollectionKey":{},"SizeEstimateRangeGB":[0.0,1.0]}"#);
        assert_eq!(sent(3 << 30), r#"{"ItemCollectionKey":{},"SizeEstimateRangeGB":[3.0,4.0]}"#);
    }
}
