//! Members of CreateTable and UpdateTable that clients may leave out: encryption at rest and the bounds of on-demand tables.

use headwater_tables::{Bound, EncryptionChoice, OnDemandChange, TableOptions, Throughput};
use headwater_wire::shape::{Bool, Long, Text};

use super::error::{DynamoDbError, Result};
use crate::checks::Checks;

headwater_wire::shape! {
    pub(super) struct Encrypted<'a> {
        enabled: Bool = "Enabled",
        kind: Text<'a> = "SSEType",
        key: Text<'a> = "KMSMasterKeyId",
    }
}

headwater_wire::shape! {
    pub(super) struct MaxUnits {
        read: Long = "MaxReadRequestUnits",
        write: Long = "MaxWriteRequestUnits",
    }
}

headwater_wire::shape! {
    pub(super) struct Warm {
        read: Long = "ReadUnitsPerSecond",
        write: Long = "WriteUnitsPerSecond",
    }
}

/// Checks what is to be one of a few words.
pub(super) fn check(checks: &mut Checks, encrypted: &Option<Encrypted<'_>>, settings: &Option<Text<'_>>) {
    if let Some(encrypted) = encrypted {
        checks.one_of("sSESpecification.sSEType", &encrypted.kind, &["AES256", "KMS"]);
    }
    let modes = ["ENABLED", "DISABLED", "ENABLED_WITH_OVERRIDES"];
    checks.one_of("globalTableSettingsReplicationMode", settings, &modes);
}

/// True if settings are to be taken over from other regions; `DISABLED` asks for what there is.
pub(super) fn replicates(settings: &Option<Text<'_>>) -> bool {
    settings.as_deref().is_some_and(|mode| mode != "DISABLED")
}

/// True if a bound is asked for: -1 is none.
pub(super) fn bounds(units: &Option<MaxUnits>) -> bool {
    let is_bound =
        |units: &MaxUnits| [units.read, units.write].into_iter().flatten().any(|Long(units)| units != -1);
    units.as_ref().is_some_and(is_bound)
}

/// The options of a request.
pub(super) fn options(
    encrypted: &Option<Encrypted<'_>>,
    on_demand: &Option<MaxUnits>,
    warm: &Option<Warm>,
) -> Result<TableOptions> {
    Ok(TableOptions {
        encryption: encrypted.as_ref().map(encryption).transpose()?,
        on_demand: on_demand.as_ref().map(max_units).transpose()?,
        warm: warm.as_ref().map(warm_units).transpose()?,
    })
}

fn encryption(encrypted: &Encrypted<'_>) -> Result<EncryptionChoice> {
    let key = encrypted.key.as_deref();
    let is_enabled = matches!(encrypted.enabled, Some(Bool(true)));
    match (is_enabled, encrypted.kind.as_deref()) {
        // The only kind there is (API reference, SSESpecification).
        (true, None | Some("KMS")) => Ok(EncryptionChoice::Key(key.map(ToOwned::to_owned))),
        (true, Some(kind)) => Err(DynamoDbError::parameter(format_args!(
            "SSEType {kind} is not supported: the only one is KMS"
        ))),
        (false, Some(_)) => {
            Err(DynamoDbError::parameter("SSEType can only be specified when SSE is enabled"))
        }
        (false, None) if key.is_some() => {
            Err(DynamoDbError::parameter("KMSMasterKeyId can only be specified when SSE is enabled"))
        }
        (false, None) => Ok(EncryptionChoice::Off),
    }
}

fn max_units(units: &MaxUnits) -> Result<OnDemandChange> {
    let of = |value: Option<Long>, name: &str| match value {
        None => Ok(None),
        Some(Long(-1)) => Ok(Some(Bound::Unbounded)),
        Some(Long(units)) => match u64::try_from(units) {
            Ok(units) if units > 0 => Ok(Some(Bound::AtMost(units))),
            Ok(_) | Err(_) => {
                Err(DynamoDbError::parameter(format_args!("{name} must be -1 or greater than 0")))
            }
        },
    };
    if units.read.is_none() && units.write.is_none() {
        return Err(DynamoDbError::parameter(
            "OnDemandThroughput must have MaxReadRequestUnits, MaxWriteRequestUnits or both",
        ));
    }
    Ok(OnDemandChange {
        read: of(units.read, "MaxReadRequestUnits")?,
        write: of(units.write, "MaxWriteRequestUnits")?,
    })
}

fn warm_units(warm: &Warm) -> Result<Throughput> {
    let of = |value: Option<Long>, name: &str| match value.and_then(|Long(units)| u64::try_from(units).ok()) {
        Some(units) if units > 0 => Ok(units),
        Some(_) | None => {
            Err(DynamoDbError::parameter(format_args!("{name} of WarmThroughput must be at least 1")))
        }
    };
    Ok(Throughput {
        read: of(warm.read, "ReadUnitsPerSecond")?,
        write: of(warm.write, "WriteUnitsPerSecond")?,
    })
}

#[cfg(test)]
mod tests {
    use headwater_wire::Codec;

    use super::*;

    fn encryption_of(json: &'static str) -> std::result::Result<EncryptionChoice, String> {
        let read: Encrypted<'_> = Codec::Json10.decode(json.as_bytes()).expect(json);
        encryption(&read).map_err(|refused| String::from_utf8(refused.encode()).expect("text"))
    }

    #[test]
    fn encryption_is_by_a_key_or_not_at_all() {
        let key = |key: &str| EncryptionChoice::Key(Some(key.to_owned()));
        assert_eq!(encryption_of(r#"{"Enabled":true}"#), Ok(EncryptionChoice::Key(None)));
        assert_eq!(encryption_of(r#"{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"k"}"#), Ok(key("k")));
        assert_eq!(encryption_of(r#"{"Enabled":false}"#), Ok(EncryptionChoice::Off));
        assert_eq!(encryption_of("{}"), Ok(EncryptionChoice::Off));
        for wrong in [
            r#"{"Enabled":true,"SSEType":"AES256"}"#,
            r#"{"Enabled":false,"SSEType":"KMS"}"#,
            r#"{"KMSMasterKeyId":"k"}"#,
        ] {
            assert!(encryption_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn minus_one_is_no_bound() {
        let read = |json: &'static str| -> Option<MaxUnits> {
            Some(Codec::Json10.decode(json.as_bytes()).expect(json))
        };
        let max = |json| max_units(&read(json).unwrap_or_default());
        let none = r#"{"MaxReadRequestUnits":-1,"MaxWriteRequestUnits":-1}"#;
        let unbounded = Some(Bound::Unbounded);
        assert_eq!(max(none).ok(), Some(OnDemandChange { read: unbounded, write: unbounded }));
        assert!(!bounds(&read(none)) && !bounds(&None));
        let half = r#"{"MaxWriteRequestUnits":5}"#;
        assert_eq!(max(half).ok(), Some(OnDemandChange { read: None, write: Some(Bound::AtMost(5)) }));
        assert!(bounds(&read(half)));
        assert!(max(r#"{"MaxWriteRequestUnits":0}"#).is_err());
        assert!(max(r#"{"MaxReadRequestUnits":-2}"#).is_err());
        assert!(max("{}").is_err());
    }
}
