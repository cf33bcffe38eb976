//! The decision: explicit deny, allow, default deny.

use headwater_types::AccountId;

use crate::facts::Facts;
use crate::policy::{Effect, Grip, ResourcePolicy};

/// What is to be decided.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// `kinesis:PutRecord`.
    pub action: &'a str,
    /// An ARN, or `*` for what is about no single resource.
    pub resource: &'a str,
    /// Whose resource it is.
    pub owner: AccountId,
    /// Who asks, and how.
    pub facts: Facts<'a>,
    /// The policy of the resource.
    pub resource_policy: Option<&'a ResourcePolicy>,
}

/// Why not. The texts are AWS's, as they follow `is not authorized to perform: ACTION on resource: ARN `.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// A policy of the caller says no.
    IdentityDeny,
    /// The policy of the resource says no.
    ResourceDeny,
    /// No policy of the caller says yes.
    NoIdentityAllow,
    /// The policy of another account's resource does not say yes.
    NoResourceAllow,
}

impl Denial {
    /// The end of AWS's message.
    pub fn text(self, action: &str) -> String {
        match self {
            Self::IdentityDeny => "with an explicit deny in an identity-based policy".to_owned(),
            Self::ResourceDeny => "with an explicit deny in a resource-based policy".to_owned(),
            Self::NoIdentityAllow => format!("because no identity-based policy allows the {action} action"),
            Self::NoResourceAllow => format!("because no resource-based policy allows the {action} action"),
        }
    }

    /// For records of it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::IdentityDeny => "explicit deny in an identity-based policy",
            Self::ResourceDeny => "explicit deny in a resource-based policy",
            Self::NoIdentityAllow => "no identity-based policy allows it",
            Self::NoResourceAllow => "no resource-based policy allows it",
        }
    }
}

/// Actions on policies of resources: only for the account that owns the resource (model).
fn is_the_owner_s(action: &str) -> bool {
    matches!(
        action,
        "kinesis:PutResourcePolicy" | "kinesis:GetResourcePolicy" | "kinesis:DeleteResourcePolicy"
    )
}

/// Whether it may be done.
pub fn decide(question: &Question<'_>) -> Result<(), Denial> {
    let caller = question.facts.caller;
    let mut identity_allows = caller.user().is_none();
    for policy in caller.policies() {
        for statement in policy.statements() {
            if !statement.applies(question) {
                continue;
            }
            match statement.effect() {
                Effect::Deny => return Err(Denial::IdentityDeny),
                Effect::Allow => identity_allows = true,
            }
        }
    }
    // Nobody can lock an account out of its own resource for ever.
    let keeps_its_own = caller.user().is_none() && question.owner == caller.account();
    if keeps_its_own && is_the_owner_s(question.action) {
        return Ok(());
    }
    let mut resource_allows = Grip::None;
    for (principals, statement) in question.resource_policy.iter().flat_map(|policy| policy.statements()) {
        let grip = principals.grip(caller);
        if grip == Grip::None || !statement.applies(question) {
            continue;
        }
        match statement.effect() {
            Effect::Deny => return Err(Denial::ResourceDeny),
            Effect::Allow => resource_allows = resource_allows.max(grip),
        }
    }
    if question.owner == caller.account() {
        // To name the account only leaves it to the account's own policies.
        return if identity_allows || resource_allows == Grip::Direct {
            Ok(())
        } else {
            Err(Denial::NoIdentityAllow)
        };
    }
    if !identity_allows {
        return Err(Denial::NoIdentityAllow);
    }
    if resource_allows == Grip::None || is_the_owner_s(question.action) {
        return Err(Denial::NoResourceAllow);
    }
    Ok(())
}
