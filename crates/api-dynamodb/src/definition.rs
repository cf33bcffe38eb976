//! Definitions of keys and indexes in CreateTable and UpdateTable, and the rules that these have to keep.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use headwater_edge::Nothing;
use headwater_tables::limits::KEY_PARTS_MAX;
use headwater_tables::{
    IndexProjection, IndexScope, IndexSpec, KeyAttribute, KeySchema, KeyType, TableName, Throughput,
};
use headwater_wire::shape::{Bool, List, Long, Text};

use super::echo::{Listed, OrNull};
use super::error::{DynamoDbError, Result};
use super::expressions::check_size;
use super::listed::{Buckets, listed};
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

impl Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySchemaElement(attributeName={}, keyType={})", OrNull(&self.name), OrNull(&self.kind))
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
    pub(super) struct Streamed<'a> {
        enabled: Bool = "StreamEnabled",
        view: Text<'a> = "StreamViewType",
    }
}

pub(super) fn check_stream(checks: &mut Checks, stream: &Option<Streamed<'_>>) {
    if let Some(stream) = stream {
        checks.required("streamSpecification.streamEnabled", &stream.enabled);
        let views = ["NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY"];
        checks.one_of("streamSpecification.streamViewType", &stream.view, &views);
    }
}

/// Refuses a stream of changes, and accepts that there is to be none.
pub(super) fn refuse_stream(stream: &Option<Streamed<'_>>) -> Result<()> {
    match stream {
        Some(Streamed { enabled: Some(Bool(true)), .. }) => {
            Err(DynamoDbError::not_offered("StreamSpecification with StreamEnabled true"))
        }
        Some(Streamed { view: Some(_), .. }) => {
            Err(DynamoDbError::parameter("StreamViewType can only be specified when StreamEnabled is true"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Refuses options that the request has.
pub(super) fn refuse(options: &[(&str, bool)]) -> Result<()> {
    match options.iter().find(|(_, is_there)| *is_there) {
        None => Ok(()),
        Some((option, _)) => Err(DynamoDbError::not_offered(option)),
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

/// Checks the elements of a key, at most `max` of them.
pub(super) fn check_key(checks: &mut Checks, path: &str, key: &Option<List<Element<'_>>>, max: usize) {
    checks.required(path, key);
    let Some(key) = key else { return };
    // Of a key that is too long AWS does not say whose it is.
    let of_size = if key.len() > max { "keySchema" } else { path };
    check_size(checks, of_size, key.len(), 1..=max, &Listed(key));
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

/// Checks an index whose key has at most so many elements.
pub(super) fn check_index(checks: &mut Checks, path: &str, index: &Index<'_>, max: usize) {
    checks.required_text(&format!("{path}.indexName"), &index.name, TABLE_NAME);
    check_key(checks, &format!("{path}.keySchema"), &index.key, max);
    let path_of = |member: &str| format!("{path}.projection{member}");
    checks.required(&path_of(""), &index.projection);
    if let Some(projection) = &index.projection {
        let kinds = ["ALL", "INCLUDE", "KEYS_ONLY"];
        checks.one_of(&path_of(".projectionType"), &projection.kind, &kinds);
        if let Some(non_keys) = &projection.non_keys {
            let path = path_of(".nonKeyAttributes");
            check_size(checks, &path, non_keys.len(), 1..=NON_KEYS_MAX, &Listed(non_keys));
            for (i, name) in non_keys.iter().enumerate() {
                checks.text_value(&format!("{path}.{}.member", i + 1), name, any_text(1..=255));
            }
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
            return Err(DynamoDbError::validation(why));
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
                return Err(DynamoDbError::parameter(format_args!(
                    "Duplicate AttributeName in AttributeDefinitions: {name}"
                )));
            }
            attributes.push(KeyAttribute { name, kind });
        }
        Ok(Self { attributes, used: BTreeSet::new() })
    }

    fn names(&self) -> Vec<&str> {
        self.attributes.iter().map(|attribute| attribute.name.as_str()).collect()
    }

    fn find(&self, name: &str) -> Option<KeyAttribute> {
        self.attributes.iter().find(|attribute| attribute.name == name).cloned()
    }

    /// The key of a table, of a list that was checked.
    pub(super) fn key(&mut self, list: &Option<List<Element<'_>>>) -> Result<KeySchema> {
        let elements = list.as_deref().unwrap_or_default();
        let names = names_of(elements);
        let is_defined = names.iter().all(|name| self.find(name).is_some());
        // AWS says the same of a name that is there twice.
        let is_twice = matches!(names.as_slice(), [one, two] if one == two);
        match names.as_slice() {
            [name] if !is_defined && !self.attributes.is_empty() => {
                return Err(not_defined(&[name], &self.names()));
            }
            _ if !is_defined || is_twice => return Err(without_definition()),
            _ => {}
        }
        check_pair(elements)?;
        self.schema(elements)
    }

    /// The key of an index, of a list that was checked: several attributes are for global ones.
    fn index_key(&mut self, list: &Option<List<Element<'_>>>, scope: IndexScope) -> Result<KeySchema> {
        let elements = list.as_deref().unwrap_or_default();
        let names = names_of(elements);
        if names.iter().any(|name| self.find(name).is_none()) {
            let distinct: BTreeSet<_> = names.iter().collect();
            if self.attributes.len() < distinct.len() {
                return Err(without_definition());
            }
            return Err(not_defined(&names, &self.names()));
        }
        match scope {
            IndexScope::Local => check_pair(elements)?,
            IndexScope::Global => check_composite(elements)?,
        }
        self.schema(elements)
    }

    fn schema(&mut self, elements: &[Element<'_>]) -> Result<KeySchema> {
        let of = |wanted: &str| {
            let elements = elements.iter().filter(|element| element.kind.as_deref() == Some(wanted));
            elements.filter_map(|element| self.find(element.name.as_deref()?)).collect::<Vec<_>>()
        };
        let schema = KeySchema::of_attributes(of("HASH"), of("RANGE"));
        self.used.extend(elements.iter().filter_map(|element| element.name.as_deref().map(str::to_owned)));
        schema.ok_or_else(|| DynamoDbError::validation("Invalid KeySchema: it is empty"))
    }

    /// Refuses definitions that no key uses.
    pub(super) fn all_used(&self, has_indexes: bool) -> Result<()> {
        if self.attributes.iter().all(|attribute| self.used.contains(&attribute.name)) {
            return Ok(());
        }
        if !has_indexes {
            return Err(DynamoDbError::parameter(
                "Number of attributes in KeySchema does not exactly match number of attributes defined in \
                 AttributeDefinitions",
            ));
        }
        let used: Vec<_> = self.used.iter().map(String::as_str).collect();
        Err(DynamoDbError::parameter(format_args!(
            "Some AttributeDefinitions are not used. AttributeDefinitions: [{}], keys used: [{}]",
            listed(&self.names(), Buckets::AsMany),
            listed(&used, Buckets::Default)
        )))
    }

    /// The index that a member which was checked asks for.
    /// The key of a local one is checked against the table's.
    pub(super) fn index(
        &mut self,
        index: &Index<'_>,
        scope: IndexScope,
        check: impl FnOnce(&TableName, &KeySchema) -> Result<()>,
    ) -> Result<IndexSpec> {
        refuse(&[
            ("OnDemandThroughput of an index", bounds(&index.on_demand)),
            ("WarmThroughput of an index", index.warm.is_some()),
        ])?;
        let name = index.name.as_deref().and_then(TableName::new);
        let name = name.ok_or_else(|| DynamoDbError::parameter("IndexName is required"))?;
        let schema = self.index_key(&index.key, scope)?;
        check(&name, &schema)?;
        let projection = projection(index.projection.as_ref())?;
        let throughput = index.throughput.as_ref().map(throughput).transpose()?;
        Ok(IndexSpec { name, scope, schema, projection, throughput })
    }
}

fn names_of<'e>(elements: &'e [Element<'_>]) -> Vec<&'e str> {
    elements.iter().map(|element| element.name.as_deref().unwrap_or_default()).collect()
}

fn without_definition() -> DynamoDbError {
    DynamoDbError::validation("Invalid KeySchema: Some index key attribute have no definition")
}

fn not_defined(keys: &[&str], defined: &[&str]) -> DynamoDbError {
    DynamoDbError::parameter(format_args!(
        "Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], AttributeDefinitions: [{}]",
        listed(keys, Buckets::AsMany),
        listed(defined, Buckets::AsMany)
    ))
}

/// A partition key and perhaps a sort key, in this order.
fn check_pair(elements: &[Element<'_>]) -> Result<()> {
    check_first(elements)?;
    check_same_name(elements)?;
    match elements.get(1).and_then(|element| element.kind.as_deref()) {
        None | Some("RANGE") => Ok(()),
        Some(_) => Err(DynamoDbError::validation(
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
        )),
    }
}

/// The attributes of a partition key, and behind them those of a sort key, each once.
fn check_composite(elements: &[Element<'_>]) -> Result<()> {
    check_first(elements)?;
    let kinds: Vec<_> = elements.iter().map(|element| element.kind.as_deref().unwrap_or_default()).collect();
    if kinds == ["HASH", "RANGE"] {
        check_same_name(elements)?;
    }
    let mut seen = BTreeSet::new();
    if !names_of(elements).into_iter().all(|name| seen.insert(name)) {
        return Err(DynamoDbError::validation(
            "The KeySchema contains multiple key attributes with the same name",
        ));
    }
    if !kinds.is_sorted() {
        return Err(DynamoDbError::parameter(
            "All HASH key attributes must precede RANGE key attributes in the KeySchema",
        ));
    }
    for kind in ["HASH", "RANGE"] {
        if kinds.iter().filter(|is| **is == kind).count() > KEY_PARTS_MAX {
            return Err(DynamoDbError::parameter(format_args!(
                "The KeySchema exceeds the maximum allowed number of {kind} key attributes"
            )));
        }
    }
    Ok(())
}

fn check_first(elements: &[Element<'_>]) -> Result<()> {
    match elements.first().and_then(|element| element.kind.as_deref()) {
        Some("HASH") => Ok(()),
        _ => Err(DynamoDbError::validation(
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        )),
    }
}

fn check_same_name(elements: &[Element<'_>]) -> Result<()> {
    match names_of(elements).as_slice() {
        [one, two] if one == two => Err(DynamoDbError::validation(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        )),
        _ => Ok(()),
    }
}

fn projection(projected: Option<&Projected<'_>>) -> Result<IndexProjection> {
    let kind = projected.and_then(|projected| projected.kind.as_deref());
    let non_keys = projected.and_then(|projected| projected.non_keys.as_ref());
    match (kind, non_keys) {
        (None, _) => Err(DynamoDbError::parameter("Unknown ProjectionType: null")),
        (Some("INCLUDE"), Some(names)) => {
            let included: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
            if included.len() < names.len() {
                return Err(DynamoDbError::parameter("Duplicate attribute in NonKeyAttributes"));
            }
            Ok(IndexProjection::Include(included))
        }
        (Some("INCLUDE"), None) => {
            Err(DynamoDbError::parameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified"))
        }
        (Some(kind), Some(_)) => Err(DynamoDbError::parameter(format_args!(
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
        return Err(DynamoDbError::parameter(format_args!("Duplicate index name: {}", twice.name)));
    }
    let included = |index: &IndexSpec| match &index.projection {
        IndexProjection::Include(names) => names.len(),
        IndexProjection::All | IndexProjection::KeysOnly => 0,
    };
    if indexes.iter().map(included).sum::<usize>() > NON_KEYS_OF_TABLE_MAX {
        return Err(DynamoDbError::parameter(format_args!(
            "Number of NonKeyAttributes of all indexes exceeds the per-table limit of {NON_KEYS_OF_TABLE_MAX}"
        )));
    }
    Ok(())
}
