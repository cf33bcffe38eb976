//! Whom a statement of a resource's policy is about.

use headwater_types::{AccountId, Arn};

use super::json::Json;
use super::{Result, refuse, shown};
use crate::caller::Caller;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    /// `*`.
    Anyone,
    /// `111122223333` or `arn:aws:iam::111122223333:root`.
    Account(AccountId),
    /// The ARN of a user.
    User(String),
    /// A role, a service, a federated identity: nobody who comes here.
    Nobody,
}

/// Certainty with which a statement means the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grip {
    /// Not at all.
    None,
    /// By the account, which leaves it to the account's own policies.
    Account,
    /// By name, or as one of all.
    Direct,
}

/// `Principal` or `NotPrincipal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principals {
    negated: bool,
    names: Vec<Name>,
}

impl Principals {
    pub(super) fn parse(value: Json, negated: bool) -> Result<Self> {
        let element = if negated { "NotPrincipal" } else { "Principal" };
        let names = match value {
            Json::Text(text) if text == "*" => vec![Name::Anyone],
            Json::Object(members) if !members.is_empty() => {
                let mut names = Vec::new();
                for (kind, value) in members {
                    let texts = value.texts(element, false)?;
                    match kind.as_str() {
                        "AWS" => {
                            for text in texts {
                                names.push(name(&text)?);
                            }
                        }
                        "Service" | "Federated" | "CanonicalUser" => names.push(Name::Nobody),
                        other => return refuse(format!("{} is no kind of {element}", shown(other))),
                    }
                }
                names
            }
            _ => {
                return refuse(format!(
                    "{element} must be \"*\" or an object such as {{\"AWS\": \"111122223333\"}}"
                ));
            }
        };
        if negated && names.contains(&Name::Anyone) {
            return refuse("NotPrincipal must not be \"*\"");
        }
        Ok(Self { negated, names })
    }

    pub(crate) fn grip(&self, caller: &Caller) -> Grip {
        let one = |name: &Name| match name {
            Name::Anyone => Grip::Direct,
            Name::Account(account) if *account == caller.account() => {
                // The account itself is named by it; its users are only meant.
                if caller.user().is_none() { Grip::Direct } else { Grip::Account }
            }
            Name::User(arn) if arn == caller.arn() => Grip::Direct,
            Name::Account(_) | Name::User(_) | Name::Nobody => Grip::None,
        };
        let named = self.names.iter().map(one).max().unwrap_or(Grip::None);
        match (self.negated, named) {
            (false, grip) => grip,
            (true, Grip::None) => Grip::Direct,
            (true, Grip::Account | Grip::Direct) => Grip::None,
        }
    }
}

fn name(text: &str) -> Result<Name> {
    if text == "*" {
        return Ok(Name::Anyone);
    }
    if let Some(account) = AccountId::new(text) {
        return Ok(Name::Account(account));
    }
    let wrong = || {
        refuse(format!(
            "{} is no principal: give '*', an account of 12 digits, or an ARN such as \
             arn:aws:iam::111122223333:user/alice, without wildcards",
            shown(text)
        ))
    };
    let Some(arn) = Arn::parse(text).filter(|arn| arn.region.is_empty()) else { return wrong() };
    let Some(account) = arn.account_id().filter(|_| !text.contains(['*', '?'])) else { return wrong() };
    match (arn.service, arn.resource.split_once('/')) {
        ("iam", None) if arn.resource == "root" => Ok(Name::Account(account)),
        ("iam", Some(("user", name))) if !name.is_empty() => Ok(Name::User(text.to_owned())),
        ("iam", Some(("role", name))) | ("sts", Some(("assumed-role" | "federated-user", name)))
            if !name.is_empty() =>
        {
            Ok(Name::Nobody)
        }
        _ => wrong(),
    }
}
