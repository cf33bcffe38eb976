//! Decisions, case by case.

use headwater_access::Denial;
use headwater_types::Timestamp;

use crate::kit::{Ask, FOREIGN, STREAM, statement, tags};

const ALLOW: &str = r#""Effect":"Allow","Action":"kinesis:*","Resource":"*""#;

fn allows(ask: &Ask, body: &str) -> bool {
    ask.decide(&[&statement(body)], None).is_ok()
}

/// Action and resource elements.
#[test]
fn actions_and_resources() {
    let cases = [
        (r#""Action":"kinesis:PutRecord","Resource":"*""#, true),
        (r#""Action":"KINESIS:putrecord","Resource":"*""#, true),
        (r#""Action":"kinesis:Put*","Resource":"*""#, true),
        (r#""Action":"kinesis:PutRecor?","Resource":"*""#, true),
        (r#""Action":"kinesis:PutRecord?","Resource":"*""#, false),
        (r#""Action":"kinesis:Get*","Resource":"*""#, false),
        (r#""Action":["kinesis:Get*","kinesis:PutRecord"],"Resource":"*""#, true),
        (r#""Action":"*","Resource":"*""#, true),
        (r#""Action":"s3:*","Resource":"*""#, false),
        (r#""NotAction":"kinesis:Delete*","Resource":"*""#, true),
        (r#""NotAction":"kinesis:Put*","Resource":"*""#, false),
        (r#""NotAction":["kinesis:Get*","kinesis:PutRecord"],"Resource":"*""#, false),
        (r#""Action":"*","Resource":"arn:aws:kinesis:us-east-1:111122223333:stream/orders""#, true),
        (r#""Action":"*","Resource":"arn:aws:kinesis:us-east-1:111122223333:stream/Orders""#, false),
        (r#""Action":"*","Resource":"arn:aws:kinesis:us-east-1:111122223333:stream/ord*""#, true),
        (r#""Action":"*","Resource":"arn:aws:kinesis:*:*:stream/order?""#, true),
        (r#""Action":"*","Resource":"arn:*:kinesis:*:111122223333:*""#, true),
        (r#""Action":"*","Resource":"arn:aws:kinesis:eu-*:*:stream/*""#, false),
        (r#""Action":"*","Resource":"arn:aws:kinesis:us-east-1:444455556666:stream/orders""#, false),
        (r#""Action":"*","Resource":"arn:aws:s3:::orders""#, false),
        (r#""Action":"*","Resource":["arn:aws:s3:::orders","arn:aws:kinesis:*:*:stream/orders"]"#, true),
        (r#""Action":"*","NotResource":"arn:aws:kinesis:*:*:stream/secret*""#, true),
        (r#""Action":"*","NotResource":"arn:aws:kinesis:*:*:stream/ord*""#, false),
        // A wildcard stays in its part of the ARN.
        (r#""Action":"*","Resource":"arn:aws:kinesis:us-*:stream/orders:x""#, false),
        (r#""Action":"*","Resource":"arn:aws:kinesis:*:stream/orders:*""#, false),
    ];
    for (body, expected) in cases {
        assert_eq!(allows(&Ask::default(), &format!(r#""Effect":"Allow",{body}"#)), expected, "{body}");
    }
}

/// Requests about no resource match only statements about all, as AWS has it.
#[test]
fn the_resource_of_lists() {
    let ask = Ask { action: "kinesis:ListStreams", resource: "*", ..Ask::default() };
    assert!(allows(&ask, ALLOW));
    let one = r#""Effect":"Allow","Action":"*","Resource":"arn:aws:kinesis:*:*:stream/*""#;
    assert!(!allows(&ask, one));
}

#[test]
fn consumers() {
    let arn = "arn:aws:kinesis:us-east-1:111122223333:stream/orders/consumer/app:1700000000";
    let ask = Ask { action: "kinesis:SubscribeToShard", resource: arn, ..Ask::default() };
    let cases = [
        ("arn:aws:kinesis:us-east-1:111122223333:stream/orders/consumer/app:1700000000", true),
        ("arn:aws:kinesis:us-east-1:111122223333:stream/orders/consumer/*", true),
        ("arn:aws:kinesis:us-east-1:111122223333:stream/orders/consumer/app:*", true),
        ("arn:aws:kinesis:us-east-1:111122223333:stream/orders/*", true),
        ("arn:aws:kinesis:us-east-1:111122223333:stream/orders", false),
        ("arn:aws:kinesis:us-east-1:111122223333:stream/orders/consumer/app:1700000001", false),
        ("arn:aws:kinesis:us-east-1:111122223333:stream/orders/consumer/other:*", false),
    ];
    for (resource, expected) in cases {
        let body = format!(r#""Effect":"Allow","Action":"kinesis:SubscribeToShard","Resource":"{resource}""#);
        assert_eq!(allows(&ask, &body), expected, "{resource}");
    }
}

/// Conditions that are about `Ask::default()`.
#[test]
fn conditions() {
    let cases = [
        (r#""StringEquals":{"aws:username":"alice"}"#, true),
        (r#""StringEquals":{"AWS:UserName":"alice"}"#, true),
        (r#""StringEquals":{"aws:username":"Alice"}"#, false),
        (r#""StringEquals":{"aws:username":["bob","alice"]}"#, true),
        (r#""StringEquals":{"aws:username":"ali*"}"#, false),
        (r#""StringNotEquals":{"aws:username":"bob"}"#, true),
        (r#""StringNotEquals":{"aws:username":["bob","alice"]}"#, false),
        (r#""StringEqualsIgnoreCase":{"aws:username":"ALICE"}"#, true),
        (r#""StringNotEqualsIgnoreCase":{"aws:username":"ALICE"}"#, false),
        (r#""StringLike":{"aws:username":"a*e"}"#, true),
        (r#""StringLike":{"aws:username":"A*e"}"#, false),
        (r#""StringLike":{"aws:UserAgent":"Boto3/*"}"#, true),
        (r#""StringNotLike":{"aws:username":"a*"}"#, false),
        (r#""StringLike":{"aws:username":["x*","al?ce"]}"#, true),
        (r#""StringEquals":{"aws:RequestedRegion":"us-east-1"}"#, true),
        (r#""StringEquals":{"aws:PrincipalAccount":"111122223333"}"#, true),
        (r#""StringEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}"#, true),
        (r#""StringEquals":{"aws:PrincipalType":"User"}"#, true),
        (r#""ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/alice"}"#, true),
        (r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/a*"}"#, true),
        (r#""ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/*"}"#, false),
        (r#""ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/bob"}"#, true),
        (r#""IpAddress":{"aws:SourceIp":"203.0.113.0/24"}"#, true),
        (r#""Bool":{"aws:PrincipalIsAWSService":"false"}"#, true),
        (r#""Bool":{"aws:ViaAWSService":"true"}"#, false),
        (r#""StringEquals":{"aws:PrincipalOrgID":"o-1"}"#, false),
        (r#""IpAddress":{"aws:SourceIp":["10.0.0.0/8","203.0.113.9"]}"#, true),
        (r#""IpAddress":{"aws:SourceIp":"10.0.0.0/8"}"#, false),
        (r#""NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}"#, true),
        (r#""NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","203.0.113.0/24"]}"#, false),
        (r#""Bool":{"aws:SecureTransport":"true"}"#, false),
        (r#""Bool":{"aws:SecureTransport":false}"#, true),
        (r#""DateGreaterThan":{"aws:CurrentTime":"2023-11-14T22:13:19Z"}"#, true),
        (r#""DateLessThan":{"aws:CurrentTime":"2023-11-14T22:13:20Z"}"#, false),
        (r#""DateLessThanEquals":{"aws:CurrentTime":"2023-11-14T22:13:20Z"}"#, true),
        (r#""DateGreaterThanEquals":{"aws:CurrentTime":"2023-11-14T23:13:20+01:00"}"#, true),
        (r#""DateEquals":{"aws:CurrentTime":"2023-11-14T22:13:20Z"}"#, true),
        (r#""DateNotEquals":{"aws:CurrentTime":"2023-11-14T22:13:20Z"}"#, false),
        (r#""DateLessThan":{"aws:EpochTime":"1700000001"}"#, true),
        (r#""NumericEquals":{"aws:EpochTime":1700000000}"#, true),
        (r#""NumericNotEquals":{"aws:EpochTime":"1700000000"}"#, false),
        (r#""NumericLessThan":{"aws:EpochTime":"1700000000"}"#, false),
        (r#""NumericLessThanEquals":{"aws:EpochTime":"1.7e9"}"#, true),
        (r#""NumericGreaterThan":{"aws:EpochTime":"1699999999.5"}"#, true),
        (r#""NumericGreaterThanEquals":{"aws:EpochTime":"1700000001"}"#, false),
        (r#""NumericEquals":{"aws:username":"1"}"#, false),
        (r#""StringEquals":{"aws:ResourceTag/team":"web"}"#, true),
        (r#""StringEquals":{"aws:ResourceTag/TEAM":"web"}"#, true),
        (r#""StringEquals":{"aws:ResourceTag/team":"data"}"#, false),
        (r#""StringEquals":{"aws:ResourceTag/owner":"web"}"#, false),
        // Keys that are not there.
        (r#""StringNotEquals":{"aws:ResourceTag/owner":"web"}"#, true),
        (r#""StringEqualsIfExists":{"aws:ResourceTag/owner":"web"}"#, true),
        (r#""StringEqualsIfExists":{"aws:ResourceTag/team":"data"}"#, false),
        (r#""NotIpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"}"#, true),
        (r#""Bool":{"aws:MultiFactorAuthPresent":"true"}"#, false),
        (r#""BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}"#, true),
        (r#""Null":{"aws:ResourceTag/owner":"true"}"#, true),
        (r#""Null":{"aws:ResourceTag/owner":"false"}"#, false),
        (r#""Null":{"aws:ResourceTag/team":false}"#, true),
        (r#""Null":{"aws:TagKeys":"true"}"#, true),
        (r#""ForAllValues:StringEquals":{"aws:TagKeys":"team"}"#, true),
        (r#""ForAnyValue:StringEquals":{"aws:TagKeys":"team"}"#, false),
        (r#""ForAnyValue:StringNotEquals":{"aws:TagKeys":"team"}"#, false),
        // Several keys and operators must all hold.
        (r#""StringEquals":{"aws:username":"alice","aws:RequestedRegion":"us-east-1"}"#, true),
        (r#""StringEquals":{"aws:username":"alice","aws:RequestedRegion":"eu-west-1"}"#, false),
        (r#""StringEquals":{"aws:username":"alice"},"Bool":{"aws:SecureTransport":"true"}"#, false),
        (r#""BinaryEquals":{"aws:username":"YWxpY2U="}"#, false),
    ];
    for (condition, expected) in cases {
        let body = format!(r#"{ALLOW},"Condition":{{{condition}}}"#);
        assert_eq!(allows(&Ask::default(), &body), expected, "{condition}");
    }
}

#[test]
fn tags_of_the_request() {
    let ask = Ask {
        action: "kinesis:AddTagsToStream",
        request_tags: tags(&[("team", "web"), ("stage", "test")]),
        tag_keys: Some(vec!["stage".into(), "team".into()]),
        ..Ask::default()
    };
    let cases = [
        (r#""StringEquals":{"aws:RequestTag/stage":"test"}"#, true),
        (r#""StringEquals":{"aws:RequestTag/stage":"prod"}"#, false),
        (r#""ForAllValues:StringEquals":{"aws:TagKeys":["team","stage","cost"]}"#, true),
        (r#""ForAllValues:StringEquals":{"aws:TagKeys":["team"]}"#, false),
        (r#""ForAnyValue:StringEquals":{"aws:TagKeys":["team"]}"#, true),
        (r#""ForAnyValue:StringLike":{"aws:TagKeys":["x*"]}"#, false),
        (r#""ForAllValues:StringNotEquals":{"aws:TagKeys":["secret"]}"#, true),
        (r#""ForAllValues:StringNotEquals":{"aws:TagKeys":["team"]}"#, false),
        (r#""ForAnyValue:StringNotEquals":{"aws:TagKeys":["team"]}"#, true),
        (r#""StringEquals":{"aws:RequestTag/team":"${aws:ResourceTag/team}"}"#, true),
    ];
    for (condition, expected) in cases {
        let body = format!(r#"{ALLOW},"Condition":{{{condition}}}"#);
        assert_eq!(allows(&ask, &body), expected, "{condition}");
    }
}

/// Tags that differ in case are one condition key: of several values the one that allows less decides.
#[test]
fn a_tag_in_another_case_opens_nothing() {
    let ask = |pairs: &[(&str, &str)]| Ask { resource_tags: tags(pairs), ..Ask::default() };
    let condition = |effect: &str, test: &str| {
        format!(r#""Effect":"{effect}","Action":"*","Resource":"*","Condition":{{{test}}}"#)
    };
    let (test, not_prod) = (
        r#""StringEquals":{"aws:ResourceTag/env":"test"}"#,
        r#""StringNotEquals":{"aws:ResourceTag/env":"prod"}"#,
    );
    let (prod, any_prod) = (
        r#""StringEquals":{"aws:ResourceTag/env":"prod"}"#,
        r#""ForAllValues:StringEquals":{"aws:ResourceTag/env":"prod"}"#,
    );
    for pairs in [[("Env", "prod"), ("env", "test")], [("ENV", "test"), ("env", "prod")]] {
        let ask = ask(&pairs);
        for allowed in [test, not_prod, prod] {
            assert!(!allows(&ask, &condition("Allow", allowed)), "{pairs:?} {allowed}");
        }
        for denied in [prod, any_prod, test, not_prod] {
            let policies = [statement(ALLOW), statement(&condition("Deny", denied))];
            let policies: Vec<&str> = policies.iter().map(String::as_str).collect();
            assert_eq!(ask.decide(&policies, None), Err(Denial::IdentityDeny), "{pairs:?} {denied}");
        }
        // A variable without one value has none.
        let variable = r#""StringEquals":{"aws:RequestedRegion":"${aws:ResourceTag/env}"}"#;
        assert!(!allows(&ask, &condition("Allow", variable)));
    }
    assert!(allows(&ask(&[("Env", "test"), ("env", "test")]), &condition("Allow", test)));
}

/// A refusal of another account's resource does not depend on the resource.
#[test]
fn refusals_across_accounts_tell_nothing_of_the_resource() {
    let by_tag = statement(
        r#""Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"web"}}"#,
    );
    let allow = statement(ALLOW);
    let denies = statement(&format!(
        r#""Principal":{{"AWS":"111122223333"}},"Effect":"Deny","Action":"kinesis:*","Resource":"{FOREIGN}""#
    ));
    for identity in [vec![], vec![allow.as_str()], vec![allow.as_str(), by_tag.as_str()]] {
        let absent = Ask { resource: FOREIGN, resource_tags: None, ..Ask::default() };
        let told = absent.decide(&identity, None);
        assert!(told.is_err());
        for policy in [None, Some(denies.as_str())] {
            let there = Ask { resource: FOREIGN, ..Ask::default() };
            assert_eq!(there.decide(&identity, policy), told, "{identity:?} {policy:?}");
        }
    }
}

#[test]
fn variables() {
    let own = |name| Ask { resource: name, ..Ask::default() };
    let alice = own("arn:aws:kinesis:us-east-1:111122223333:stream/alice-orders");
    let resource = |text: &str| format!(r#""Effect":"Allow","Action":"*","Resource":"{text}""#);
    let by_name = resource("arn:aws:kinesis:*:*:stream/${aws:username}-*");
    assert!(allows(&alice, &by_name));
    assert!(!allows(&Ask { user: Some("bob"), ..alice.clone() }, &by_name));
    // The older language has no variables: the text means itself.
    let old = format!(r#"{{"Version":"2008-10-17","Statement":{{{by_name}}}}}"#);
    assert!(alice.decide(&[&old], None).is_err());
    let literal = own("arn:aws:kinesis:us-east-1:111122223333:stream/a*c");
    assert!(allows(&literal, &resource("arn:aws:kinesis:*:*:stream/a${*}c")));
    assert!(!allows(
        &own("arn:aws:kinesis:us-east-1:111122223333:stream/abc"),
        &resource("arn:aws:kinesis:*:*:stream/a${*}c")
    ));
    let with_default = resource("arn:aws:kinesis:*:*:stream/${aws:ResourceTag/owner, 'alice'}-orders");
    assert!(allows(&alice, &with_default));
    // Without a value nothing matches, and "all but that" does not become everything.
    for text in [
        resource("arn:aws:kinesis:*:*:stream/${aws:ResourceTag/owner}*"),
        r#""Effect":"Allow","Action":"*","NotResource":"arn:aws:kinesis:*:*:stream/${aws:ResourceTag/owner}""#.into(),
        format!(r#"{ALLOW},"Condition":{{"StringNotEquals":{{"aws:username":"${{aws:ResourceTag/owner}}"}}}}"#),
    ] {
        assert!(!allows(&alice, &text), "{text}");
    }
    // What a request says is never a wildcard.
    let wild = Ask { user_agent: Some("*"), ..Ask::default() };
    let body = format!(r#"{ALLOW},"Condition":{{"StringLike":{{"aws:username":"${{aws:UserAgent}}"}}}}"#);
    assert!(!allows(&wild, &body));
    let folded = format!(
        r#"{ALLOW},"Condition":{{"StringEqualsIgnoreCase":{{"aws:username":"${{aws:ResourceTag/team}}"}}}}"#
    );
    let same = Ask { resource_tags: tags(&[("team", "ALICE")]), ..Ask::default() };
    assert!(allows(&same, &folded));
}

const YES: Result<(), Denial> = Ok(());

/// A caller's policies, a resource's policy, and what comes of both in one account.
#[test]
fn one_account() {
    let none = None;
    let allow = Some(r#""Effect":"Allow","Action":"kinesis:*","Resource":"*""#);
    let deny = Some(r#""Effect":"Deny","Action":"kinesis:PutRecord","Resource":"*""#);
    let user = r#""Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"}"#;
    let bob = r#""Principal":{"AWS":"arn:aws:iam::111122223333:user/bob"}"#;
    let account = r#""Principal":{"AWS":"111122223333"}"#;
    let root = r#""Principal":{"AWS":"arn:aws:iam::111122223333:root"}"#;
    let anyone = r#""Principal":"*""#;
    let anyone_aws = r#""Principal":{"AWS":["444455556666","*"]}"#;
    let service = r#""Principal":{"Service":"lambda.amazonaws.com"}"#;
    let not_bob = r#""NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/bob"}"#;
    let not_alice = r#""NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/alice"}"#;
    let cases = [
        (none, None, Err(Denial::NoIdentityAllow)),
        (allow, None, YES),
        (deny, None, Err(Denial::IdentityDeny)),
        // Either policy is enough in one account.
        (none, Some((user, allow)), YES),
        (none, Some((anyone, allow)), YES),
        (none, Some((anyone_aws, allow)), YES),
        (none, Some((bob, allow)), Err(Denial::NoIdentityAllow)),
        (none, Some((service, allow)), Err(Denial::NoIdentityAllow)),
        // To name the account leaves it to the account's policies.
        (none, Some((account, allow)), Err(Denial::NoIdentityAllow)),
        (none, Some((root, allow)), Err(Denial::NoIdentityAllow)),
        (allow, Some((root, allow)), YES),
        // A denial wins from both sides.
        (allow, Some((user, deny)), Err(Denial::ResourceDeny)),
        (allow, Some((root, deny)), Err(Denial::ResourceDeny)),
        (allow, Some((anyone, deny)), Err(Denial::ResourceDeny)),
        (allow, Some((bob, deny)), YES),
        (deny, Some((user, allow)), Err(Denial::IdentityDeny)),
        (allow, Some((not_bob, deny)), Err(Denial::ResourceDeny)),
        (allow, Some((not_alice, deny)), YES),
    ];
    for (identity, resource, expected) in cases {
        let identity: Vec<String> = identity.into_iter().map(statement).collect();
        let identity: Vec<&str> = identity.iter().map(String::as_str).collect();
        let resource = resource.map(|(who, body)| statement(&format!("{who},{}", body.unwrap())));
        let found = Ask::default().decide(&identity, resource.as_deref());
        assert_eq!(found, expected, "{identity:?} {resource:?}");
    }
}

/// A caller's policies, the resource's, and what comes of both.
type Case<'a> = (&'a [&'a str], Option<String>, Result<(), Denial>);

/// Across accounts both sides must allow.
#[test]
fn two_accounts() {
    let ask = Ask { resource: FOREIGN, ..Ask::default() };
    let allow = statement(ALLOW);
    let named = |who: &str, effect: &str| {
        statement(&format!(
            r#""Principal":{who},"Effect":"{effect}","Action":"kinesis:*","Resource":"{FOREIGN}""#
        ))
    };
    let user = r#"{"AWS":"arn:aws:iam::111122223333:user/alice"}"#;
    let account = r#"{"AWS":"111122223333"}"#;
    let cases: [Case<'_>; 9] = [
        (&[], None, Err(Denial::NoIdentityAllow)),
        (&[&allow], None, Err(Denial::NoResourceAllow)),
        (&[], Some(named(user, "Allow")), Err(Denial::NoIdentityAllow)),
        (&[&allow], Some(named(user, "Allow")), YES),
        (&[&allow], Some(named(account, "Allow")), YES),
        (&[&allow], Some(named(r#""*""#, "Allow")), YES),
        (&[&allow], Some(named(r#"{"AWS":"444455556666"}"#, "Allow")), Err(Denial::NoResourceAllow)),
        (
            &[&allow],
            Some(named(r#"{"AWS":"arn:aws:iam::111122223333:role/alice"}"#, "Allow")),
            Err(Denial::NoResourceAllow),
        ),
        // That it has such a policy is not told to another account.
        (&[&allow], Some(named(account, "Deny")), Err(Denial::NoResourceAllow)),
    ];
    for (identity, resource, expected) in cases {
        assert_eq!(ask.decide(identity, resource.as_deref()), expected, "{resource:?}");
    }
    // The account itself needs the other's word as well.
    let root = Ask { user: None, ..ask.clone() };
    assert_eq!(root.decide(&[], None), Err(Denial::NoResourceAllow));
    assert_eq!(root.decide(&[], Some(&named(account, "Allow"))), YES);
    // Policies of resources are their owner's business, whoever they name.
    for action in ["kinesis:PutResourcePolicy", "kinesis:GetResourcePolicy", "kinesis:DeleteResourcePolicy"] {
        let found = Ask { action, ..ask.clone() }.decide(&[&allow], Some(&named(user, "Allow")));
        assert_eq!(found, Err(Denial::NoResourceAllow));
    }
}

#[test]
fn the_account_itself() {
    let root = Ask { user: None, ..Ask::default() };
    assert_eq!(root.decide(&[], None), YES);
    let deny = statement(r#""Principal":"*","Effect":"Deny","Action":"kinesis:Put*","Resource":"*""#);
    assert_eq!(root.decide(&[], Some(&deny)), Err(Denial::ResourceDeny));
    // A policy that denies everything can still be taken away by the account itself, and by nobody else.
    let everything = statement(r#""Principal":"*","Effect":"Deny","Action":"*","Resource":"*""#);
    let delete = Ask { action: "kinesis:DeleteResourcePolicy", ..root };
    assert_eq!(delete.decide(&[], Some(&everything)), YES);
    let alice = Ask { user: Some("alice"), ..delete.clone() };
    assert_eq!(alice.decide(&[&statement(ALLOW)], Some(&everything)), Err(Denial::ResourceDeny));
    assert!(Ask { resource: FOREIGN, ..delete }.decide(&[], Some(&everything)).is_err());
}

#[test]
fn a_denial_beats_every_permission() {
    let allow = statement(ALLOW);
    let after_hours = statement(
        r#""Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2023-11-15T00:00:00Z"}}"#,
    );
    let ask = Ask::default();
    assert_eq!(ask.decide(&[&allow, &after_hours], None), YES);
    let later = Ask { now: Timestamp::from_secs(1_700_010_000), ..ask };
    for order in [[allow.as_str(), &after_hours], [&after_hours, &allow]] {
        assert_eq!(later.decide(&order, None), Err(Denial::IdentityDeny));
    }
    let one = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{{ALLOW}}},{{"Effect":"Deny","Action":"kinesis:*","Resource":"{STREAM}"}}]}}"#
    );
    assert_eq!(Ask::default().decide(&[&one], None), Err(Denial::IdentityDeny));
}

#[test]
fn the_texts_of_aws() {
    let action = "kinesis:PutRecord";
    assert_eq!(
        Denial::NoIdentityAllow.text(action),
        "because no identity-based policy allows the kinesis:PutRecord action"
    );
    assert_eq!(
        Denial::NoResourceAllow.text(action),
        "because no resource-based policy allows the kinesis:PutRecord action"
    );
    assert_eq!(Denial::IdentityDeny.text(action), "with an explicit deny in an identity-based policy");
    assert_eq!(Denial::ResourceDeny.text(action), "with an explicit deny in a resource-based policy");
}
