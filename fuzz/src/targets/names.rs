//! Names as requests hold them: ARNs, sequence numbers, hash keys, keys, limits. What is understood is written so that
//! it is understood the same.

use headwater_types::limits::{LimitChange, LimitPolicy};
use headwater_types::{
    AnySequenceNumber, Arn, ConsumerArn, HashKey, Realm, Region, Regions, ShardId, StreamKey, StreamName,
};
use headwater_vault::{Alias, KeyId, KeyRef};
use headwater_wire::Codec;
use headwater_wire::date::{
    amz_date, parse_amz_date, parse_duration, parse_http_date, parse_iso8601, rfc3339,
};

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(arn) = Arn::parse(text) {
        assert_eq!(arn.to_string(), text);
        if let Some(key) = StreamKey::of_arn(&arn) {
            let again = key.arn();
            assert_eq!(Arn::parse(&again).and_then(|arn| StreamKey::of_arn(&arn)), Some(key));
        }
    }
    if let Ok(regions) = text.parse::<Regions>() {
        assert_eq!(regions.to_string().parse(), Ok(regions));
    }
    if let Some(realm) = Realm::of_stored(text, Region::US_EAST_1) {
        assert_eq!(realm.stored(Region::US_EAST_1), text);
    }
    if let Some(arn) = ConsumerArn::parse(text) {
        assert_eq!(ConsumerArn::parse(&arn.to_string()), Some(arn));
    }
    if let Some(name) = StreamName::new(text) {
        assert_eq!(name.as_str(), text);
    }
    if let Some(key) = HashKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    if let Some(id) = ShardId::parse(text) {
        assert_eq!(ShardId::parse(&id.to_string()), Some(id));
    }
    if let Ok(AnySequenceNumber::Current(number)) = text.parse() {
        match number.to_string().parse() {
            Ok(AnySequenceNumber::Current(again)) => assert_eq!(again, number),
            other => panic!("{number} is read as {other:?}"),
        }
    }
    keys(text);
    if let Ok(change) = text.parse::<LimitChange>() {
        let aws = LimitPolicy::aws(Region::US_EAST_1);
        let once = LimitChange::apply_all(std::slice::from_ref(&change), aws, Region::US_EAST_1);
        let twice = LimitChange::apply_all(&[change, change], aws, Region::US_EAST_1);
        assert!(once == twice);
    }
    if let Some(codec) = Codec::from_content_type(text) {
        assert_eq!(Codec::from_content_type(codec.content_type()), Some(codec));
    }
    if let Some(time) = parse_http_date(text) {
        assert_eq!(parse_amz_date(&amz_date(time)), Some(time));
    }
    if let Some(time) = parse_iso8601(text) {
        assert_eq!(parse_iso8601(&rfc3339(time).to_string()), Some(time));
    }
    let _ = parse_duration(text);
}

fn keys(text: &str) {
    match KeyRef::parse(text, Region::US_EAST_1) {
        Some(KeyRef::Id(id)) => {
            assert!(KeyId::parse(id.as_str()) == Some(id.clone()) && text.ends_with(id.as_str()))
        }
        Some(KeyRef::Alias(alias)) => {
            assert!(Alias::parse(alias.as_str()) == Some(alias.clone()) && text.ends_with(alias.as_str()));
        }
        None => {}
    }
}
