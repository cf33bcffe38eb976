//! Facts about a request that conditions of policies may ask for: the condition keys.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use headwater_types::{AccountId, Timestamp};
use headwater_wire::date::rfc3339;

use crate::caller::Caller;

/// Longest part of a User-Agent header that is looked at, in bytes.
const USER_AGENT_BYTES_MAX: usize = 1024;

/// Known facts about a request. Unknown ones are absent, which each condition operator has its rule for.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The caller.
    pub caller: &'a Caller,
    /// From which address.
    pub source_ip: Option<IpAddr>,
    /// When.
    pub now: Timestamp,
    /// True if it came through TLS.
    pub secure: bool,
    /// The User-Agent header.
    pub user_agent: Option<&'a str>,
    /// The region asked.
    pub region: &'a str,
    /// The account that owns the resource.
    pub resource_account: AccountId,
    /// The resource's tags.
    pub resource_tags: Option<&'a BTreeMap<String, String>>,
    /// Tags that the request sends.
    pub request_tags: Option<&'a BTreeMap<String, String>>,
    /// Keys of tags that the request sends or removes.
    pub tag_keys: Option<&'a [String]>,
}

/// A condition key. Names are the same in upper and lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    SourceIp,
    CurrentTime,
    EpochTime,
    SecureTransport,
    PrincipalArn,
    PrincipalAccount,
    PrincipalType,
    Username,
    UserAgent,
    RequestedRegion,
    ResourceAccount,
    ResourceTag(String),
    RequestTag(String),
    TagKeys,
    /// Tells whether a service of AWS's own asks, or passes on what somebody asked it. None does.
    OfService,
    /// One that AWS knows and no request here ever has.
    Absent,
}

/// Keys of AWS's that no request here has, without `aws:` and in lower case.
const ABSENT: [&str; 31] = [
    "assumedroot",
    "calledvia",
    "calledviafirst",
    "calledvialast",
    "chatbotsourcearn",
    "ec2instancesourceprivateipv4",
    "ec2instancesourcevpc",
    "federatedprovider",
    "multifactorauthage",
    "multifactorauthpresent",
    "principalorgid",
    "principalorgpaths",
    "principalservicename",
    "principalservicenameslist",
    "referer",
    "resourceorgid",
    "resourceorgpaths",
    "rolesessionname",
    "sourceaccount",
    "sourcearn",
    "sourceidentity",
    "sourceorgid",
    "sourceorgpaths",
    "sourceownedaccount",
    "sourcevpc",
    "sourcevpcarn",
    "sourcevpce",
    "tokenissuetime",
    "userid",
    "vpceaccount",
    "vpcsourceip",
];

impl Key {
    /// The key of this name; `None` if AWS has none such, as far as is known here: a denial that depends on a misspelt key
    /// would never hold.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let (service, rest) = name.split_once(':')?;
        let word =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !word(service) || rest.is_empty() {
            return None;
        }
        if service == "aws" {
            if let Some(tag) = rest.strip_prefix("resourcetag/") {
                return (!tag.is_empty()).then(|| Self::ResourceTag(tag.to_owned()));
            }
            if let Some(tag) = rest.strip_prefix("requesttag/") {
                return (!tag.is_empty()).then(|| Self::RequestTag(tag.to_owned()));
            }
            return Some(match rest {
                "sourceip" => Self::SourceIp,
                "currenttime" => Self::CurrentTime,
                "epochtime" => Self::EpochTime,
                "securetransport" => Self::SecureTransport,
                "principalarn" => Self::PrincipalArn,
                "principalaccount" => Self::PrincipalAccount,
                "principaltype" => Self::PrincipalType,
                "username" => Self::Username,
                "useragent" => Self::UserAgent,
                "requestedregion" => Self::RequestedRegion,
                "resourceaccount" => Self::ResourceAccount,
                "tagkeys" => Self::TagKeys,
                "principalisawsservice" | "viaawsservice" => Self::OfService,
                _ if rest.starts_with("principaltag/") || ABSENT.contains(&rest) => Self::Absent,
                _ => return None,
            });
        }
        // Kinesis and CloudWatch as they are here have none of their own. DynamoDB has some that are not known here: what
        // depends on them is refused, since a condition on all values of a key that is absent would hold.
        (!matches!(service, "kinesis" | "cloudwatch" | "dynamodb")).then_some(Self::Absent)
    }
}

impl Key {
    /// Tells whether the key stands for one tag, of which a resource may have several that differ in case.
    pub(crate) fn is_tag(&self) -> bool {
        matches!(self, Self::ResourceTag(_) | Self::RequestTag(_))
    }
}

impl<'a> Facts<'a> {
    /// The key's values, one for most; `None` where the request has no such key.
    pub(crate) fn values(&self, key: &Key) -> Option<Vec<Cow<'a, str>>> {
        let owned = |text: String| vec![Cow::Owned(text)];
        Some(match key {
            Key::SourceIp => owned(self.source_ip?.to_string()),
            Key::CurrentTime => owned(rfc3339(self.now).to_string()),
            Key::EpochTime => owned(self.now.as_secs().to_string()),
            Key::SecureTransport => vec![Cow::Borrowed(if self.secure { "true" } else { "false" })],
            Key::PrincipalArn => vec![Cow::Borrowed(self.caller.arn())],
            Key::PrincipalAccount => owned(self.caller.account().to_string()),
            Key::PrincipalType => {
                vec![Cow::Borrowed(if self.caller.user().is_some() { "User" } else { "Account" })]
            }
            Key::Username => vec![Cow::Borrowed(self.caller.user()?)],
            Key::UserAgent => {
                let text = self.user_agent?;
                vec![Cow::Borrowed(&text[..text.floor_char_boundary(USER_AGENT_BYTES_MAX)])]
            }
            Key::RequestedRegion => vec![Cow::Borrowed(self.region)],
            Key::ResourceAccount => owned(self.resource_account.to_string()),
            Key::ResourceTag(name) => tagged(self.resource_tags?, name)?,
            Key::RequestTag(name) => tagged(self.request_tags?, name)?,
            Key::TagKeys => self.tag_keys?.iter().map(|key| Cow::Borrowed(key.as_str())).collect(),
            Key::OfService => vec![Cow::Borrowed("false")],
            Key::Absent => return None,
        })
    }
}

/// The values of every tag of this name: tags are told apart by case, condition keys are not.
fn tagged<'a>(tags: &'a BTreeMap<String, String>, wanted: &str) -> Option<Vec<Cow<'a, str>>> {
    let found = tags.iter().filter(|(key, _)| key.to_lowercase() == wanted);
    let values: Vec<_> = found.map(|(_, value)| Cow::Borrowed(value.as_str())).collect();
    (!values.is_empty()).then_some(values)
}
