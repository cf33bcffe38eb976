//! The decision: explicit deny, allow, default deny.

use headwater_types::AccountId;

use crate::facts::Facts;
use crate::policy::{Effect, Grip, ResourcePolicy};

/// Question to be decided.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// `kinesis:PutRecord`.
    pub action: &'a str,
    /// An ARN, or `*` for what is about no single resource.
    pub resource: &'a str,
    /// Account that owns the resource.
    pub owner: AccountId,
    /// Caller and circumstances of the request.
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

/// A verdict of policies: explicit deny, allow, or nothing said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Deny,
    Allow,
    Nothing,
}

/// The verdict of the caller's own policies.
fn of_identity(question: &Question<'_>) -> Verdict {
    let caller = question.facts.caller;
    let mut verdict = if caller.user().is_none() { Verdict::Allow } else { Verdict::Nothing };
    for statement in caller.policies().iter().flat_map(|policy| policy.statements()) {
        if statement.applies(question) {
            match statement.effect() {
                Effect::Deny => return Verdict::Deny,
                Effect::Allow => verdict = Verdict::Allow,
            }
        }
    }
    verdict
}

/// The hold that the resource's policy gives the caller on it; `None` where it denies.
fn of_resource(question: &Question<'_>) -> Option<Grip> {
    let mut allows = Grip::None;
    for (principals, statement) in question.resource_policy.iter().flat_map(|policy| policy.statements()) {
        let grip = principals.grip(question.facts.caller);
        if grip == Grip::None || !statement.applies(question) {
            continue;
        }
        match statement.effect() {
            Effect::Deny => return None,
            Effect::Allow => allows = allows.max(grip),
        }
    }
    Some(allows)
}

/// Decides whether an action is allowed. A refusal of what another account has not opened to the caller is the same
/// whether it exists or not, whatever its tags and its policy say.
///
/// # Errors
/// Why it is not.
pub fn decide(question: &Question<'_>) -> Result<(), Denial> {
    let caller = question.facts.caller;
    if question.owner != caller.account() {
        let opened = of_resource(question).is_some_and(|grip| grip != Grip::None);
        if opened && !is_the_owner_s(question.action) {
            return match of_identity(question) {
                Verdict::Allow => Ok(()),
                Verdict::Deny => Err(Denial::IdentityDeny),
                Verdict::Nothing => Err(Denial::NoIdentityAllow),
            };
        }
        let facts = Facts { resource_tags: None, ..question.facts };
        return Err(match of_identity(&Question { facts, ..*question }) {
            Verdict::Allow => Denial::NoResourceAllow,
            Verdict::Deny => Denial::IdentityDeny,
            Verdict::Nothing => Denial::NoIdentityAllow,
        });
    }
    let identity = of_identity(question);
    if identity == Verdict::Deny {
        return Err(Denial::IdentityDeny);
    }
    // Nobody can lock an account out of its own resource for ever.
    if caller.user().is_none() && is_the_owner_s(question.action) {
        return Ok(());
    }
    match (identity, of_resource(question)) {
        (Verdict::Allow, Some(_)) => Ok(()),
        (Verdict::Allow, None) => Err(Denial::ResourceDeny),
        // To name the account only leaves it to the account's own policies.
        (_, Some(Grip::Direct)) => Ok(()),
        // Who may not have it is not told that its policy names them.
        (_, _) => Err(Denial::NoIdentityAllow),
    }
}
