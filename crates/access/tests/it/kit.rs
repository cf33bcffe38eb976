//! Somebody who asks, and a question.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use headwater_access::{
    Caller, Denial, Facts, IdentityPolicy, PolicyError, Question, ResourcePolicy, decide,
};
use headwater_types::{AccountId, Partition, Timestamp};

pub(crate) const OWN: &str = "111122223333";
pub(crate) const STREAM: &str = "arn:aws:kinesis:us-east-1:111122223333:stream/orders";
pub(crate) const FOREIGN: &str = "arn:aws:kinesis:us-east-1:444455556666:stream/orders";

/// A request; each case changes what it is about.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) user: Option<&'static str>,
    pub(crate) action: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) source_ip: Option<IpAddr>,
    pub(crate) now: Timestamp,
    pub(crate) secure: bool,
    pub(crate) user_agent: Option<&'static str>,
    pub(crate) resource_tags: Option<BTreeMap<String, String>>,
    pub(crate) request_tags: Option<BTreeMap<String, String>>,
    pub(crate) tag_keys: Option<Vec<String>>,
}

pub(crate) fn tags(pairs: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
    Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            user: Some("alice"),
            action: "kinesis:PutRecord",
            resource: STREAM,
            source_ip: Some([203, 0, 113, 9].into()),
            // 2023-11-14T22:13:20Z.
            now: Timestamp::from_secs(1_700_000_000),
            secure: false,
            user_agent: Some("Boto3/1.40"),
            resource_tags: tags(&[("team", "web")]),
            request_tags: None,
            tag_keys: None,
        }
    }
}

impl Ask {
    pub(crate) fn decide(&self, identity: &[&str], resource: Option<&str>) -> Result<(), Denial> {
        self.try_decide(identity, resource).expect("the documents are right")
    }

    pub(crate) fn try_decide(
        &self,
        identity: &[&str],
        resource: Option<&str>,
    ) -> Result<Result<(), Denial>, PolicyError> {
        let policies: Arc<[IdentityPolicy]> =
            identity.iter().map(|text| IdentityPolicy::parse(text)).collect::<Result<_, _>>()?;
        let account = AccountId::new(OWN).unwrap();
        let caller = Caller::new(Partition::Aws, account, self.user.map(str::to_owned), policies);
        let owner = self.resource.split(':').nth(4).and_then(AccountId::new).unwrap_or(account);
        let resource = resource.map(ResourcePolicy::parse).transpose()?;
        let facts = Facts {
            caller: &caller,
            source_ip: self.source_ip,
            now: self.now,
            secure: self.secure,
            user_agent: self.user_agent,
            region: "us-east-1",
            resource_account: owner,
            resource_tags: self.resource_tags.as_ref(),
            request_tags: self.request_tags.as_ref(),
            tag_keys: self.tag_keys.as_deref(),
        };
        let (action, resource_policy) = (self.action, resource.as_ref());
        Ok(decide(&Question { action, resource: self.resource, owner, facts, resource_policy }))
    }
}

/// A document of one statement.
pub(crate) fn statement(body: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{{{body}}}}}"#)
}
