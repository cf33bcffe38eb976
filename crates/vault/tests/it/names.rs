use headwater_types::Region;
use headwater_vault::{Alias, KeyId, KeyRef, Secret};

const GUID: &str = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed";

#[test]
fn keys_are_named_as_in_aws() {
    let id = Some(KeyRef::Id(KeyId::parse(GUID).unwrap()));
    let alias = |text| Some(KeyRef::Alias(Alias::parse(text).unwrap()));
    for (text, expected) in [
        (GUID.to_owned(), id.clone()),
        (format!("arn:aws:kms:us-east-1:123456789012:key/{GUID}"), id),
        ("alias/aws/kinesis".into(), alias("alias/aws/kinesis")),
        ("arn:aws:kms:us-east-1:123456789012:alias/My_key-2".into(), alias("alias/My_key-2")),
        (format!("arn:aws:kms:eu-west-1:123456789012:key/{GUID}"), None),
        (format!("arn:aws:kms:us-east-1:12345678901:key/{GUID}"), None),
        (format!("arn:aws:kinesis:us-east-1:123456789012:key/{GUID}"), None),
        (format!("arn:aws:kms:us-east-1:123456789012:{GUID}"), None),
        (format!("key/{GUID}"), None),
        (GUID.to_uppercase(), None),
        ("alias/".into(), None),
        ("alias/a b".into(), None),
        ("aws/kinesis".into(), None),
        ("".into(), None),
        ("arn:".into(), None),
    ] {
        assert_eq!(KeyRef::parse(&text, Region::US_EAST_1), expected, "{text}");
    }
}

#[test]
fn an_id_belongs_to_its_secret_and_stays() {
    let id = |byte| KeyId::of_secret(&Secret::from_bytes(&[byte; 32]).unwrap());
    assert_eq!(id(1).as_str(), "85be5417-87b2-84da-99f4-61e386faca0c");
    assert_ne!(id(1), id(2));
    assert_eq!(KeyId::parse(id(1).as_str()), Some(id(1)));
}

#[test]
fn a_secret_is_not_shown() {
    let secret = Secret::from_bytes(b"0123456789abcdef0123456789abcdef").unwrap();
    assert_eq!(format!("{secret:?}"), "Secret");
    assert_eq!(Secret::from_base64(&format!(" {}\n", *secret.to_base64())), Some(secret));
    for wrong in ["", "AAAA", "not base64", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYw"] {
        assert_eq!(Secret::from_base64(wrong), None, "{wrong}");
    }
}
