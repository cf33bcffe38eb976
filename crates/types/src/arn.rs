//! Amazon Resource Names.

use std::fmt;

use crate::{AccountId, Partition, Realm, Region};

/// The parts of an ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`. A view of a text: no part is checked but the
/// partition, since services differ in which parts they leave empty.
///
/// ```
/// use headwater_types::Arn;
///
/// let arn = Arn::parse("arn:aws:kinesis:us-east-1:111122223333:stream/orders").unwrap();
/// assert_eq!((arn.service, arn.region, arn.resource), ("kinesis", "us-east-1", "stream/orders"));
/// assert_eq!(arn.to_string(), "arn:aws:kinesis:us-east-1:111122223333:stream/orders");
/// assert!(Arn::parse("arn:gcp:kinesis:us-east-1:111122223333:stream/orders").is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`, ...: anything that begins with `aws`.
    pub partition: &'a str,
    /// The service's prefix, such as `kinesis`.
    pub service: &'a str,
    /// The region; empty for services without.
    pub region: &'a str,
    /// The account; empty for resources without.
    pub account: &'a str,
    /// The resource, which may itself hold colons.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits an ARN; `None` for anything else.
    pub fn parse(text: &'a str) -> Option<Self> {
        let [arn, partition, service, region, account, resource] = Self::parts(text)?;
        // The region decides the partition; what is in no region may be in any.
        let fits = Region::new(region).is_none_or(|region| region.partition().as_str() == partition);
        let is_one = arn == "arn" && partition.starts_with("aws") && fits;
        is_one.then_some(Self { partition, service, region, account, resource })
    }

    /// The six parts of a text that may be an ARN, `arn` the first of them; for patterns, which are compared part by part.
    pub fn parts(text: &'a str) -> Option<[&'a str; 6]> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        Some([next()?, next()?, next()?, next()?, next()?, next()?])
    }

    /// The ARN of a resource of a service in a region.
    pub fn of(service: &'a str, realm: &'a Realm, resource: &'a str) -> Self {
        let Realm { account, region } = realm;
        let partition = region.partition().as_str();
        Self { partition, service, region: region.as_str(), account: account.as_str(), resource }
    }

    /// The ARN of something of IAM's, which is in no region.
    pub fn of_iam(partition: Partition, account: &'a AccountId, resource: &'a str) -> Self {
        Self {
            partition: partition.as_str(),
            service: "iam",
            region: "",
            account: account.as_str(),
            resource,
        }
    }

    /// The account, if it is one.
    pub fn account_id(&self) -> Option<AccountId> {
        AccountId::new(self.account)
    }

    /// Account and region, if they are such.
    pub fn realm(&self) -> Option<Realm> {
        Some(Realm { account: self.account_id()?, region: Region::new(self.region)? })
    }

    /// The resource without `kind/` before it, if that is there: `orders` of `stream/orders` for `stream`.
    pub fn resource_of(&self, kind: &str) -> Option<&'a str> {
        self.resource.strip_prefix(kind)?.strip_prefix('/')
    }
}

impl fmt::Display for Arn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}
