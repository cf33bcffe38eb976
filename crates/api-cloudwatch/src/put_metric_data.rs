//! PutMetricData.

use std::ops::RangeInclusive;
use std::time::Duration;

use headwater_monitoring::{Datum, Resolution, StatisticSet, Unit};
use headwater_types::{Realm, Timestamp};
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, Double, Int, List, Map, Text, Time};

use crate::CloudWatch;
use crate::error::{CloudWatchError, Result};
use crate::members::{Dimension, metric, name, unit};

headwater_wire::shape! {
    struct Input<'a> {
        namespace: Text<'a> = "Namespace",
        metric_data: List<MetricDatum<'a>> = "MetricData",
        entity_metric_data: List<EntityMetricData<'a>> = "EntityMetricData",
        strict_entity_validation: Bool = "StrictEntityValidation",
    }
}

headwater_wire::shape! {
    /// Metrics and what they belong to in AWS's console, which is not kept.
    struct EntityMetricData<'a> {
        entity: Entity<'a> = "Entity",
        metric_data: List<MetricDatum<'a>> = "MetricData",
    }
}

headwater_wire::shape! {
    struct Entity<'a> {
        key_attributes: Map<'a, Text<'a>> = "KeyAttributes",
        attributes: Map<'a, Text<'a>> = "Attributes",
    }
}

headwater_wire::shape! {
    struct MetricDatum<'a> {
        metric_name: Text<'a> = "MetricName",
        dimensions: List<Dimension<'a>> = "Dimensions",
        timestamp: Time = "Timestamp",
        value: Double = "Value",
        statistic_values: StatisticValues = "StatisticValues",
        values: List<Double> = "Values",
        counts: List<Double> = "Counts",
        unit: Text<'a> = "Unit",
        storage_resolution: Int = "StorageResolution",
    }
}

headwater_wire::shape! {
    struct StatisticValues {
        sample_count: Double = "SampleCount",
        sum: Double = "Sum",
        minimum: Double = "Minimum",
        maximum: Double = "Maximum",
    }
}

/// Metrics in one call (quotas).
const METRICS_MAX: usize = 1000;
/// Values of one metric in one call (API).
const VALUES_MAX: usize = 150;
/// Attributes of an entity that name it, and further ones (model).
const KEY_ATTRIBUTES: RangeInclusive<usize> = 2..=4;
const ATTRIBUTES: RangeInclusive<usize> = 0..=10;
/// Characters of their names and values (model).
const KEY_ATTRIBUTE_CHARS_MAX: usize = 32;
const ATTRIBUTE_CHARS_MAX: usize = 256;
const ATTRIBUTE_VALUE_CHARS_MAX: usize = 2048;
/// Values lie within 2 to the power of 360 on either side of 0 (API).
const VALUE_EXPONENT_MAX: i32 = 360;
/// Furthest that values may lie in the past (API: two weeks).
const PAST: Duration = Duration::from_secs(14 * 24 * 3600);
/// Furthest in the future (API: two hours).
const FUTURE: Duration = Duration::from_secs(2 * 3600);

pub(crate) fn run(service: &CloudWatch, realm: Realm, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let namespace = name("Namespace", &input.namespace)?;
    if namespace.starts_with("AWS/") {
        return Err(CloudWatchError::value("The value AWS/ for parameter Namespace is invalid."));
    }
    if input.metric_data.is_none() && input.entity_metric_data.is_none() {
        return Err(CloudWatchError::missing("MetricData"));
    }
    let direct = input.metric_data.iter().map(|list| ("MetricData".to_owned(), list));
    let of_entities = input.entity_metric_data.iter().flat_map(|entities| entities.iter().enumerate());
    let of_entities = of_entities.filter_map(|(i, entity)| {
        Some((format!("EntityMetricData.member.{}.MetricData", i + 1), entity.metric_data.as_ref()?))
    });
    let lists: Vec<_> = direct.chain(of_entities).collect();
    if lists.iter().map(|(_, list)| list.len()).sum::<usize>() > METRICS_MAX {
        let message = format!("The collection MetricData must not have a size greater than {METRICS_MAX}.");
        return Err(CloudWatchError::value(message));
    }
    if input.strict_entity_validation.is_some_and(|Bool(strict)| strict) {
        for (i, entity) in input.entity_metric_data.iter().flat_map(|entities| entities.iter().enumerate()) {
            check_entity(&format!("EntityMetricData.member.{}.Entity", i + 1), entity.entity.as_ref())?;
        }
    }
    let now = service.monitoring.now();
    let mut data = Vec::new();
    for (path, list) in lists {
        for (i, datum) in list.iter().enumerate() {
            data.push(checked(namespace, &format!("{path}.member.{}", i + 1), datum, now)?);
        }
    }
    // All or nothing.
    service.monitoring.put(realm, data);
    Ok(Vec::new())
}

/// Checks an entity as `StrictEntityValidation` wants it; otherwise one that is wrong costs its metrics nothing.
fn check_entity(path: &str, entity: Option<&Entity<'_>>) -> Result<()> {
    let Some(entity) = entity else { return Ok(()) };
    let keys = (&entity.key_attributes, "KeyAttributes", KEY_ATTRIBUTES, KEY_ATTRIBUTE_CHARS_MAX);
    let others = (&entity.attributes, "Attributes", ATTRIBUTES, ATTRIBUTE_CHARS_MAX);
    for (map, member, sizes, chars_max) in [keys, others] {
        let Map(pairs) = map.as_ref().unwrap_or(const { &Map(Vec::new()) });
        if !sizes.contains(&pairs.len()) {
            return Err(CloudWatchError::value(format!(
                "The collection {path}.{member} must have a size of {} to {}.",
                sizes.start(),
                sizes.end()
            )));
        }
        let fits = |text: &str, max: usize| !text.trim().is_empty() && text.chars().count() <= max;
        let wrong = |(name, value): &&(Text<'_>, Text<'_>)| {
            !fits(name, chars_max) || !fits(value, ATTRIBUTE_VALUE_CHARS_MAX)
        };
        if pairs.iter().any(|pair| wrong(&pair)) {
            return Err(CloudWatchError::value(format!(
                "The parameter {path}.{member} has a name or a value of invalid length."
            )));
        }
    }
    Ok(())
}

fn checked(namespace: &str, path: &str, datum: &MetricDatum<'_>, now: Timestamp) -> Result<Datum> {
    let metric_name = name(&format!("{path}.MetricName"), &datum.metric_name)?;
    let metric = metric(namespace, metric_name, &format!("{path}.Dimensions"), &datum.dimensions)?;
    let at = datum.timestamp.map_or(now, |Time(at)| at);
    if at < now.minus(PAST) || at > now.plus(FUTURE) {
        return Err(CloudWatchError::value(format!(
            "The parameter {path}.Timestamp must specify a time no more than two weeks in the past and no more than two \
             hours in the future."
        )));
    }
    let resolution = match datum.storage_resolution {
        None | Some(Int(60)) => Resolution::Standard,
        Some(Int(1)) => Resolution::High,
        Some(_) => {
            return Err(CloudWatchError::value(format!(
                "The parameter {path}.StorageResolution must be 1 or 60."
            )));
        }
    };
    let unit = unit(&format!("{path}.Unit"), &datum.unit)?.unwrap_or(Unit::None);
    Ok(Datum { metric, unit, at, resolution, values: values(path, datum)? })
}

fn values(path: &str, datum: &MetricDatum<'_>) -> Result<StatisticSet> {
    let values = datum.values.as_ref().filter(|values| !values.is_empty());
    match (datum.value, &datum.statistic_values, values) {
        (Some(value), None, None) => Ok(StatisticSet::of(number(&format!("{path}.Value"), value)?, 1.0)),
        (None, Some(set), None) => statistic_set(path, set),
        (None, None, Some(values)) => counted(path, values, datum.counts.as_deref()),
        (None, None, None) => Err(CloudWatchError::missing(&format!("{path}.Value"))),
        _ => Err(CloudWatchError::combination(format!(
            "The parameters {path}.Value, {path}.Values and {path}.StatisticValues are mutually exclusive."
        ))),
    }
}

fn statistic_set(path: &str, set: &StatisticValues) -> Result<StatisticSet> {
    let member = |name: &str, value: Option<Double>| {
        let path = format!("{path}.StatisticValues.{name}");
        number(&path, value.ok_or_else(|| CloudWatchError::missing(&path))?)
    };
    let set = StatisticSet {
        count: member("SampleCount", set.sample_count)?,
        sum: member("Sum", set.sum)?,
        min: member("Minimum", set.minimum)?,
        max: member("Maximum", set.maximum)?,
    };
    if set.count <= 0.0 {
        let message = format!("The parameter {path}.StatisticValues.SampleCount must be greater than 0.");
        return Err(CloudWatchError::value(message));
    }
    if set.min > set.max {
        return Err(CloudWatchError::combination(format!(
            "The parameter {path}.StatisticValues.Minimum must not be greater than {path}.StatisticValues.Maximum."
        )));
    }
    Ok(set)
}

fn counted(path: &str, values: &[Double], counts: Option<&[Double]>) -> Result<StatisticSet> {
    if values.len() > VALUES_MAX {
        let message = format!("The collection {path}.Values must not have a size greater than {VALUES_MAX}.");
        return Err(CloudWatchError::value(message));
    }
    let counts = counts.filter(|counts| !counts.is_empty());
    if counts.is_some_and(|counts| counts.len() != values.len()) {
        return Err(CloudWatchError::value(format!(
            "The parameters {path}.Values and {path}.Counts must be of one size."
        )));
    }
    let mut all: Option<StatisticSet> = None;
    for (i, &value) in values.iter().enumerate() {
        let value = number(&format!("{path}.Values.member.{}", i + 1), value)?;
        let count = counts.and_then(|counts| counts.get(i).copied()).unwrap_or(Double(1.0));
        let at = format!("{path}.Counts.member.{}", i + 1);
        let count = number(&at, count)?;
        if count <= 0.0 {
            return Err(CloudWatchError::value(format!("The parameter {at} must be greater than 0.")));
        }
        let one = StatisticSet::of(value, count);
        match &mut all {
            Some(all) => all.merge(&one),
            None => all = Some(one),
        }
    }
    all.ok_or_else(|| CloudWatchError::missing(&format!("{path}.Values")))
}

fn number(path: &str, Double(value): Double) -> Result<f64> {
    if value.is_finite() && value.abs() <= 2_f64.powi(VALUE_EXPONENT_MAX) {
        return Ok(value);
    }
    Err(CloudWatchError::value(format!("The value {value} for parameter {path} is invalid.")))
}
