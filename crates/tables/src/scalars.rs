//! Key attributes are scalars: expressions cannot go into them.

use crate::error::Result;
use crate::state::Table;
use crate::write::invalid;

/// Refuses paths into attributes of the table's key, or of the key of one of its indexes.
pub(crate) fn check_scalars(table: &Table, nested: &[&str]) -> Result<()> {
    let refuse = |what: &str, name: &str| {
        Err(invalid(format!(
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: {what}: {name}"
        )))
    };
    let goes_into = |name: &str| nested.contains(&name);
    if let Some(part) = table.meta.schema.attributes().find(|part| goes_into(&part.name)) {
        return refuse("Key", &part.name);
    }
    let mut parts = table.live_indexes().flat_map(|index| index.spec.schema.attributes());
    match parts.find(|part| goes_into(&part.name)) {
        Some(part) => refuse("IndexKey", &part.name),
        None => Ok(()),
    }
}
