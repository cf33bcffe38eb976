//! How CreateTable and UpdateTable define keys and indexes, and the rules that these have to keep.

use std::collections::BTreeSet;

use headwater_tables::{
    IndexProjection, IndexScope, IndexSpec, KeyAttribute, KeySchema, KeyType, TableName, Throughput,
};
use headwater_wire::shape::{Bool, List, Long, Text};

use super::error::{Refused, Result};
use super::options::{MaxUnits, bounds};
use crate::checks::{Checks, TABLE_NAME, any_text};

/// Capacity units that can be asked for.
const UNITS_MAX: i64 = 1_000_000_000_000;
/// Attributes of an index beside keys (model), and of all indexes of a table together (quotas).
const NON_KEYS_MAX: usize = 20;
const NON_KEYS_OF_TABLE_MAX: usize = 100;

headwater_wire::shape! {
    pub(super) struct Definition<'a> {
        name: Text<'a> = "AttributeName",
        kind: Text<'a> = "AttributeType",
    }
}

headwater_wire::shape! {
    pub(super) struct Element<'a> {
        name: Text<'a> = "AttributeName",
        kind: Text<'a> = "KeyType",
    }
}

headwater_wire::shape! {
    pub(super) struct Units {
        read: Long = "ReadCapacityUnits",
        write: Long = "WriteCapacityUnits",
    }
}

headwater_wire::shape! {
    pub(super) struct Projected<'a> {
        kind: Text<'a> = "ProjectionType",
        non_keys: List<Text<'a>> = "NonKeyAttributes",
    }
}

headwater_wire::shape! {
    pub(super) struct Index<'a> {
        name: Text<'a> = "IndexName",
        key: List<Element<'a>> = "KeySchema",
        projection: Projected<'a> = "Projection",
        throughput: Units = "ProvisionedThroughput",
        on_demand: MaxUnits = "OnDemandThroughput",
        warm: Nothing = "WarmThroughput",
    }
}

headwater_wire::shape! {
    pub(super) struct Nothing {}
}

headwater_wire::shape! {
    pub(super) struct Streamed {
        enabled: Bool = "StreamEnabled",
    }
}

/// Refuses a stream of changes, and accepts that there is to be none.
pub(super) fn refuse_stream(stream: &Option<Streamed>) -> Result<()> {
    match stream {
        Some(Streamed { enabled: Some(Bool(true)) }) => {
            Err(Refused::not_offered("StreamSpecification with StreamEnabled true"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Refuses options that the request has.
pub(super) fn refuse(options: &[(&str, bool)]) -> Result<()> {
    match options.iter().find(|(_, is_there)| *is_there) {
        None => Ok(()),
        Some((option, _)) => Err(Refused::not_offered(option)),
    }
}

pub(super) fn check_definitions(checks: &mut Checks, definitions: &Option<List<Definition<'_>>>) {
    for (i, definition) in definitions.iter().flat_map(|list| list.iter()).enumerate() {
        let path = |member: &str| format!("attributeDefinitions.{}.member.{member}", i + 1);
        checks.required_text(&path("attributeName"), &definition.name, any_text(1..=255));
        checks.required(&path("attributeType"), &definition.kind);
        checks.one_of(&path("attributeType"), &definition.kind, &["B", "N", "S"]);
    }
}

pub(super) fn check_key(checks: &mut Checks, path: &str, key: &Option<List<Element<'_>>>) {
    checks.required(path, key);
    let Some(key) = key else { return };
    checks.size(path, key.len(), 1..=2);
    for (i, element) in key.iter().enumerate() {
        let path = |member: &str| format!("{path}.{}.member.{member}", i + 1);
        checks.required_text(&path("attributeName"), &element.name, any_text(1..=255));
        checks.required(&path("keyType"), &element.kind);
        checks.one_of(&path("keyType"), &element.kind, &["HASH", "RANGE"]);
    }
}

pub(super) fn check_units(checks: &mut Checks, path: &str, units: &Option<Units>) {
    let Some(units) = units else { return };
    for (member, value) in [("writeCapacityUnits", units.write), ("readCapacityUnits", units.read)] {
        let path = format!("{path}.{member}");
        checks.required(&path, &value);
        if let Some(Long(number)) = value.filter(|Long(number)| *number < 1) {
            checks.fail(Some(&number), &path, &"Member must have value greater than or equal to 1");
        }
    }
}

pub(super) fn check_index(checks: &mut Checks, path: &str, index: &Index<'_>) {
    checks.required_text(&format!("{path}.indexName"), &index.name, TABLE_NAME);
    check_key(checks, &format!("{path}.keySchema"), &index.key);
    let path_of = |member: &str| format!("{path}.projection{member}");
    checks.required(&path_of(""), &index.projection);
    if let Some(projection) = &index.projection {
        let kinds = ["ALL", "INCLUDE", "KEYS_ONLY"];
        checks.one_of(&path_of(".projectionType"), &projection.kind, &kinds);
        if let Some(non_keys) = &projection.non_keys {
            checks.size(&path_of(".nonKeyAttributes"), non_keys.len(), 1..=NON_KEYS_MAX);
        }
    }
    check_units(checks, &format!("{path}.provisionedThroughput"), &index.throughput);
}

/// Throughput that was checked.
pub(super) fn throughput(units: &Units) -> Result<Throughput> {
    let of = |value: Option<Long>, name: &str| {
        let number = value.map_or(0, |Long(number)| number);
        if number > UNITS_MAX {
            let why = format!("Given value {number} for {name} is out of bounds");
            return Err(Refused::validation(why));
        }
        Ok(u64::try_from(number).unwrap_or(0))
    };
    Ok(Throughput {
        read: of(units.read, "ReadCapacityUnits")?,
        write: of(units.write, "WriteCapacityUnits")?,
    })
}

/// The attributes that a request defines, and which of them were used in keys.
#[derive(Debug)]
pub(super) struct Definitions {
    attributes: Vec<KeyAttribute>,
    used: BTreeSet<String>,
}

impl Definitions {
    /// Of a list that was checked.
    pub(super) fn of(list: &Option<List<Definition<'_>>>) -> Result<Self> {
        let mut attributes: Vec<KeyAttribute> = Vec::new();
        for definition in list.iter().flat_map(|list| list.iter()) {
            let name = definition.name.as_deref().unwrap_or_default().to_owned();
            let kind = match definition.kind.as_deref() {
                Some("N") => KeyType::N,
                Some("B") => KeyType::B,
                _ => KeyType::S,
            };
            if attributes.iter().any(|known| known.name == name) {
                return Err(Refused::parameter(format_args!(
                    "Duplicate AttributeName in AttributeDefinitions: {name}"
                )));
            }
            attributes.push(KeyAttribute { name, kind });
        }
        Ok(Self { attributes, used: BTreeSet::new() })
    }

    /// Adds attributes that the table's keys have already.
    pub(super) fn know(&mut self, key: &KeySchema) {
        for attribute in key.attributes() {
            if !self.attributes.iter().any(|known| known.name == attribute.name) {
                self.attributes.push(attribute.clone());
            }
            self.used.insert(attribute.name.clone());
        }
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
        names.join(", ")
    }

    /// The key that a list which was checked makes of them.
    pub(super) fn key(&mut self, list: &Option<List<Element<'_>>>) -> Result<KeySchema> {
        let elements: &[Element<'_>] = list.as_deref().unwrap_or_default();
        let names: Vec<&str> =
            elements.iter().map(|element| element.name.as_deref().unwrap_or_default()).collect();
        let find = |name: &str| self.attributes.iter().find(|attribute| attribute.name == name).cloned();
        let Some(attributes) = names.iter().map(|name| find(name)).collect::<Option<Vec<_>>>() else {
            return Err(Refused::parameter(format_args!(
                "Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], AttributeDefinitions: \
                 [{}]",
                names.join(", "),
                self.names()
            )));
        };
        if names.len() > 1 && names[0] == names[1] {
            return Err(Refused::validation(
                "Both the Hash Key and the Range Key element in the KeySchema have the same name",
            ));
        }
        for (element, (kind, place)) in elements.iter().zip([("HASH", "first"), ("RANGE", "second")]) {
            if element.kind.as_deref() != Some(kind) {
                return Err(Refused::validation(format!(
                    "Invalid KeySchema: The {place} KeySchemaElement is not a {kind} key type"
                )));
            }
        }
        self.used.extend(names.iter().map(|name| (*name).to_owned()));
        let mut attributes = attributes.into_iter();
        let hash = attributes.next().ok_or_else(|| Refused::validation("Invalid KeySchema: it is empty"))?;
        Ok(KeySchema { hash, range: attributes.next() })
    }

    /// Refuses definitions that no key uses.
    pub(super) fn all_used(&self, has_indexes: bool) -> Result<()> {
        if self.attributes.iter().all(|attribute| self.used.contains(&attribute.name)) {
            return Ok(());
        }
        if !has_indexes {
            return Err(Refused::parameter(
                "Number of attributes in KeySchema does not exactly match number of attributes defined in \
                 AttributeDefinitions",
            ));
        }
        let used: Vec<_> = self.used.iter().map(String::as_str).collect();
        Err(Refused::parameter(format_args!(
            "Some AttributeDefinitions are not used. AttributeDefinitions: [{}], keys used: [{}]",
            self.names(),
            used.join(", ")
        )))
    }

    /// The index that a member which was checked asks for.
    pub(super) fn index(&mut self, index: &Index<'_>, scope: IndexScope) -> Result<IndexSpec> {
        refuse(&[
            ("OnDemandThroughput of an index", bounds(&index.on_demand)),
            ("WarmThroughput of an index", index.warm.is_some()),
        ])?;
        let name = index.name.as_deref().and_then(TableName::new);
        let name = name.ok_or_else(|| Refused::parameter("IndexName is required"))?;
        let schema = self.key(&index.key)?;
        let projection = projection(index.projection.as_ref())?;
        let throughput = index.throughput.as_ref().map(throughput).transpose()?;
        Ok(IndexSpec { name, scope, schema, projection, throughput })
    }
}

fn projection(projected: Option<&Projected<'_>>) -> Result<IndexProjection> {
    let kind = projected.and_then(|projected| projected.kind.as_deref());
    let non_keys = projected.and_then(|projected| projected.non_keys.as_ref());
    match (kind, non_keys) {
        (None, _) => Err(Refused::parameter("Unknown ProjectionType: null")),
        (Some("INCLUDE"), Some(names)) => {
            let included: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
            if included.len() < names.len() {
                return Err(Refused::parameter("Duplicate attribute in NonKeyAttributes"));
            }
            Ok(IndexProjection::Include(included))
        }
        (Some("INCLUDE"), None) => {
            Err(Refused::parameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified"))
        }
        (Some(kind), Some(_)) => Err(Refused::parameter(format_args!(
            "ProjectionType is {kind}, but NonKeyAttributes is specified"
        ))),
        (Some("KEYS_ONLY"), None) => Ok(IndexProjection::KeysOnly),
        (Some(_), None) => Ok(IndexProjection::All),
    }
}

/// Refuses indexes of the same name, and more included attributes than a table may have.
pub(super) fn check_together(indexes: &[IndexSpec]) -> Result<()> {
    let mut names = BTreeSet::new();
    if let Some(twice) = indexes.iter().find(|index| !names.insert(&index.name)) {
        return Err(Refused::parameter(format_args!("Duplicate index name: {}", twice.name)));
    }
    let included = |index: &IndexSpec| match &index.projection {
        IndexProjection::Include(names) => names.len(),
        IndexProjection::All | IndexProjection::KeysOnly => 0,
    };
    if indexes.iter().map(included).sum::<usize>() > NON_KEYS_OF_TABLE_MAX {
        return Err(Refused::parameter(format_args!(
            "Number of NonKeyAttributes of all indexes exceeds the per-table limit of {NON_KEYS_OF_TABLE_MAX}"
        )));
    }
    Ok(())
}
