//! Regions, and the ARNs and keys that hold them.

use headwater_types::limits::{Limit, LimitPolicy, RegionalPolicy};
use headwater_types::{AccountId, Arn, ConsumerArn, Partition, Realm, Region, Regions, StreamKey};

fn region(name: &str) -> Region {
    Region::new(name).unwrap()
}

fn realm(name: &str) -> Realm {
    Realm { account: AccountId::new("111122223333").unwrap(), region: region(name) }
}

#[test]
fn names_of_regions_are_short_and_plain() {
    for name in ["us-east-1", "local", "1", "a-region-of-24-letters-1"] {
        assert_eq!(region(name).as_str(), name);
        assert_eq!(region(name).to_string(), name);
    }
    for name in ["", "US-EAST-1", "us east", "us_east_1", "us-east-1/", "ü", "a-region-of-25-letters-12", "*"]
    {
        assert_eq!(Region::new(name), None, "{name}");
    }
    assert_eq!(Region::US_EAST_1, region("us-east-1"));
    let mut sorted = ["us-west-2", "eu-west-1", "eu", "us-east-1"].map(region);
    sorted.sort();
    assert_eq!(
        sorted,
        ["eu", "eu-west-1", "us-east-1", "us-west-2"].map(region),
        "in the order of their names"
    );
}

#[test]
fn the_form_of_awss_regions() {
    for name in
        ["us-east-1", "ap-northeast-3", "us-gov-west-1", "cn-north-1", "eusc-de-east-1", "us-isob-east-1"]
    {
        assert!(region(name).has_aws_form(), "{name}");
    }
    for name in
        ["local", "us-1", "us-east", "us-east-", "-east-1", "us--1", "us-east-123", "u-east-1", "us-e4st-1"]
    {
        assert!(!region(name).has_aws_form(), "{name}");
    }
}

#[test]
fn partitions_follow_the_region() {
    for (name, partition) in [
        ("us-east-1", Partition::Aws),
        ("cn-northwest-1", Partition::China),
        ("us-gov-east-1", Partition::UsGov),
        ("local", Partition::Aws),
    ] {
        assert_eq!(region(name).partition(), partition, "{name}");
    }
    let key = StreamKey { realm: realm("cn-north-1"), name: headwater_types::StreamName::new("s").unwrap() };
    assert_eq!(key.arn(), "arn:aws-cn:kinesis:cn-north-1:111122223333:stream/s");
    for (text, is_one) in [
        ("arn:aws-cn:kinesis:cn-north-1:111122223333:stream/s", true),
        ("arn:aws:kinesis:cn-north-1:111122223333:stream/s", false),
        ("arn:aws-cn:kinesis:us-east-1:111122223333:stream/s", false),
        ("arn:aws-cn:iam::111122223333:root", true),
    ] {
        assert_eq!(Arn::parse(text).is_some(), is_one, "{text}");
    }
    assert_eq!(Partition::ALL.map(|partition| partition as usize), [0, 1, 2]);
}

#[test]
fn a_server_serves_one_region_several_or_any() {
    let served = |text: &str| text.parse::<Regions>().unwrap();
    let one = served("eu-west-1");
    assert_eq!((one.first(), one.only()), (region("eu-west-1"), Some(region("eu-west-1"))));
    assert_eq!((one.find("eu-west-1"), one.find("us-east-1")), (Some(region("eu-west-1")), None));
    assert_eq!(served("eu-west-1,eu-west-1"), one, "named twice is once");

    let two = served("us-west-2, eu-west-1");
    assert_eq!((two.first(), two.only()), (region("us-west-2"), None));
    assert!(two.serves(region("eu-west-1")) && !two.serves(region("us-east-1")));

    let any = served("any");
    assert_eq!((any.first(), any.only()), (Region::US_EAST_1, None));
    assert!(any.serves(region("ap-south-2")));
    for name in ["local", "", "us_east_1", "US-EAST-1"] {
        assert_eq!(any.find(name), None, "{name}");
    }
    let mine = served("local,any");
    assert_eq!(mine.first(), region("local"));
    assert!(
        mine.serves(region("local")) && mine.serves(region("us-east-1")) && !mine.serves(region("other"))
    );

    for (text, shown) in [
        ("eu-west-1", "eu-west-1"),
        ("us-west-2,eu-west-1", "us-west-2, eu-west-1"),
        ("any", "any"),
        ("eu-west-1,any", "eu-west-1, any"),
    ] {
        assert_eq!(served(text).to_string(), shown);
    }
    let many = (0..65).map(|i| format!("r-{i}")).collect::<Vec<_>>().join(",");
    for wrong in ["", ",", "us-east-1,", "US-EAST-1", "any,", many.as_str()] {
        assert!(wrong.parse::<Regions>().is_err(), "{wrong}");
    }
}

#[test]
fn stored_keys_of_the_home_region_have_no_region() {
    let home = region("us-west-2");
    for (name, stored) in [("us-west-2", "111122223333"), ("us-east-1", "111122223333@us-east-1")] {
        assert_eq!(realm(name).stored(home), stored);
        assert_eq!(Realm::of_stored(stored, home), Some(realm(name)));
    }
    // One stream has one key.
    assert_eq!(Realm::of_stored("111122223333@us-west-2", home), None);
    for wrong in ["", "1111", "111122223333@", "111122223333@US", "@us-east-1"] {
        assert_eq!(Realm::of_stored(wrong, home), None, "{wrong}");
    }
}

#[test]
fn arns_are_split_once() {
    let text = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders:x/index/by-day";
    let arn = Arn::parse(text).unwrap();
    assert_eq!((arn.partition, arn.service, arn.region), ("aws", "dynamodb", "eu-west-1"));
    assert_eq!(arn.realm(), Some(realm("eu-west-1")));
    assert_eq!(arn.resource_of("table"), Some("orders:x/index/by-day"));
    assert_eq!((arn.resource_of("tab"), arn.resource_of("stream")), (None, None));
    assert_eq!(arn.to_string(), text);
    let root = Arn::parse("arn:aws:iam::111122223333:root").unwrap();
    assert_eq!((root.region, root.resource, root.realm()), ("", "root", None));
    for wrong in
        ["", "arn", "arn:aws:s3:::", "arn:aws:kinesis:us-east-1:1", "urn:aws:a:b:c:d", "arn:x:a:b:c:d"]
    {
        let is_one = Arn::parse(wrong).is_some();
        assert_eq!(is_one, wrong == "arn:aws:s3:::", "{wrong}");
    }
}

#[test]
fn arns_of_streams_and_consumers() {
    let text = "arn:aws:kinesis:eu-west-1:111122223333:stream/orders";
    let key = StreamKey::of_arn(&Arn::parse(text).unwrap()).unwrap();
    assert_eq!((key.realm, key.name.as_str(), key.arn().as_str()), (realm("eu-west-1"), "orders", text));
    let text = "arn:aws:kinesis:eu-west-1:111122223333:stream/orders/consumer/reader:1700000000";
    let consumer = ConsumerArn::parse(text).unwrap();
    assert_eq!((&consumer.stream, consumer.id.name.as_str()), (&key, "reader"));
    assert_eq!(consumer.to_string(), text);
    for wrong in [
        "arn:aws:dynamodb:eu-west-1:111122223333:stream/orders",
        "arn:aws:kinesis::111122223333:stream/orders",
        "arn:aws:kinesis:eu-west-1:1111:stream/orders",
        "arn:aws:kinesis:eu-west-1:111122223333:streams/orders",
        "arn:aws:kinesis:eu-west-1:111122223333:stream/a b",
        "arn:aws:kinesis:eu-west-1:111122223333:stream/orders/consumer/reader:",
        "arn:aws:kinesis:eu-west-1:111122223333:stream/orders/consumer/reader:x",
    ] {
        let arn = Arn::parse(wrong).unwrap();
        assert!(StreamKey::of_arn(&arn).is_none() && ConsumerArn::of_arn(&arn).is_none(), "{wrong}");
    }
}

#[test]
fn limits_follow_the_region() {
    let aws = RegionalPolicy::new(LimitPolicy::aws);
    let shards = |name: &str| aws.of(region(name)).get(Limit::ShardsPerAccount);
    assert_eq!((shards("us-west-2"), shards("eu-central-1")), (Some(20_000), Some(1_000)));
    assert_eq!(RegionalPolicy::from(LimitPolicy::OFF).of(region("local")), &LimitPolicy::OFF);
}
