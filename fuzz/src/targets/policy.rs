//! Policies, of users and of resources: a document that is understood decides the same each time, and a deny beside it
//! or a policy that denies everything wins.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::slice;
use std::sync::Arc;

use headwater_access::{Caller, Denial, Facts, IdentityPolicy, Question, ResourcePolicy, decide};
use headwater_types::{AccountId, Partition, Timestamp};

const STREAM: &str = "arn:aws:kinesis:us-east-1:111122223333:stream/orders";
const DENY: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
const ACTIONS: [&str; 3] = ["kinesis:PutRecord", "kinesis:DescribeStream", "kinesis:PutResourcePolicy"];

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (identity, resource) = (IdentityPolicy::parse(text), ResourcePolicy::parse(text));
    for error in [identity.as_ref().err(), resource.as_ref().err()].into_iter().flatten() {
        assert!(!error.to_string().is_empty());
    }
    if let Ok(identity) = &identity {
        assert_eq!(IdentityPolicy::parse(text).as_ref(), Ok(identity));
        with_identity(identity);
    }
    if let Ok(resource) = &resource {
        for action in ACTIONS {
            let own = ask(&[], action, Some(resource));
            assert_eq!(own, ask(&[], action, Some(resource)));
            let deny = IdentityPolicy::parse(DENY).expect("a policy");
            assert_eq!(ask(&[deny], action, Some(resource)), Err(Denial::IdentityDeny));
        }
    }
}

fn with_identity(policy: &IdentityPolicy) {
    let deny = IdentityPolicy::parse(DENY).expect("a policy");
    for action in ACTIONS {
        let answer = ask(slice::from_ref(policy), action, None);
        assert_eq!(answer, ask(slice::from_ref(policy), action, None));
        assert_eq!(
            answer,
            ask(&[policy.clone(), policy.clone()], action, None),
            "twice the same is the same"
        );
        for both in [[policy.clone(), deny.clone()], [deny.clone(), policy.clone()]] {
            assert_eq!(ask(&both, action, None), Err(Denial::IdentityDeny));
        }
    }
}

fn ask(
    policies: &[IdentityPolicy],
    action: &str,
    resource_policy: Option<&ResourcePolicy>,
) -> Result<(), Denial> {
    let account = AccountId::new("111122223333").expect("an account");
    let policies: Arc<[IdentityPolicy]> = policies.into();
    let caller = Caller::new(Partition::Aws, account, Some("alice".to_owned()), policies);
    let tags = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
    let keys = ["team".to_owned(), "stage".to_owned()];
    let facts = Facts {
        caller: &caller,
        source_ip: Some(IpAddr::from([203, 0, 113, 9])),
        now: Timestamp::from_secs(1_700_000_000),
        secure: true,
        user_agent: Some("Boto3/1.40"),
        region: "us-east-1",
        resource_account: account,
        resource_tags: Some(&tags),
        request_tags: None,
        tag_keys: Some(&keys),
    };
    decide(&Question { action, resource: STREAM, owner: account, facts, resource_policy })
}
