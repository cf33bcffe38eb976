//! Documents and their statements.

use std::collections::HashSet;

use super::condition::Condition;
use super::json::Json;
use super::pattern::{ArnPattern, Pattern, Syntax};
use super::principal::Principals;
use super::{PolicyError, Result, refuse, shown};
use crate::decide::Question;

/// The longest document of a caller, in characters, blanks not counted (IAM, managed policies).
const IDENTITY_CHARS_MAX: usize = 6_144;
/// The longest document of a resource, in bytes (Kinesis: 20 KB).
const RESOURCE_BYTES_MAX: usize = 20_480;

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// Any one of a list, or if negated all but those of the list.
#[derive(Debug, Clone, PartialEq)]
struct Listed<T> {
    negated: bool,
    items: Vec<T>,
}

impl<T> Listed<T> {
    fn holds(&self, matches: impl FnMut(&T) -> bool) -> bool {
        self.items.iter().any(matches) != self.negated
    }
}

/// A statement, less whom it is about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    effect: Effect,
    /// In lower case.
    actions: Listed<Pattern>,
    resources: Listed<ArnPattern>,
    conditions: Vec<Condition>,
}

impl Statement {
    pub(crate) fn effect(&self) -> Effect {
        self.effect
    }

    /// False if its resources leave this one out whoever asks.
    fn may_be_about(&self, arn: &str) -> bool {
        self.resources.holds(|pattern| pattern.may_match(arn))
            // What is filled in decides.
            || self.resources.negated && self.resources.items.iter().any(ArnPattern::has_variables)
    }

    /// True if action, resource and conditions are those of the question.
    pub(crate) fn applies(&self, question: &Question<'_>) -> bool {
        let action = question.action.to_ascii_lowercase();
        let facts = &question.facts;
        // "All but ${x}" would allow everything where there is no x.
        let allows = self.effect == Effect::Allow;
        if allows && self.resources.negated && !self.resources.items.iter().all(|item| item.resolves(facts)) {
            return false;
        }
        self.actions.holds(|pattern| pattern.matches(&action, None, false))
            && self.resources.holds(|pattern| pattern.matches(question.resource, facts))
            && self.conditions.iter().all(|condition| condition.holds(facts, allows))
    }
}

/// A document that says what its owner may do.
#[derive(Debug, Clone, PartialEq)]
pub struct IdentityPolicy {
    statements: Vec<Statement>,
}

impl IdentityPolicy {
    /// Reads a document.
    ///
    /// # Errors
    /// It is no JSON, too long, or says something that is not understood: nothing of it is skipped.
    pub fn parse(text: &str) -> std::result::Result<Self, PolicyError> {
        if text.chars().filter(|c| !c.is_whitespace()).count() > IDENTITY_CHARS_MAX {
            return refuse(format!("the policy is longer than {IDENTITY_CHARS_MAX} characters"));
        }
        let statements = parse(text)?.into_iter().map(|(principals, statement)| match principals {
            None => Ok(statement),
            Some(_) => refuse("Principal and NotPrincipal belong into policies of resources"),
        });
        Ok(Self { statements: statements.collect::<Result<_>>()? })
    }

    pub(crate) fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

/// A document that says who may do what with the resource it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourcePolicy {
    statements: Vec<(Principals, Statement)>,
}

impl ResourcePolicy {
    /// Reads a document.
    pub fn parse(text: &str) -> std::result::Result<Self, PolicyError> {
        if text.len() > RESOURCE_BYTES_MAX {
            return refuse(format!("the policy is longer than {RESOURCE_BYTES_MAX} bytes"));
        }
        let statements = parse(text)?.into_iter().map(|(principals, statement)| match principals {
            Some(principals) => Ok((principals, statement)),
            None => refuse("a statement of a resource's policy needs Principal"),
        });
        Ok(Self { statements: statements.collect::<Result<_>>()? })
    }

    /// Refuses a policy with a statement that can never be about this resource, to which it is to belong: it would be
    /// kept and mean nothing.
    pub fn check_resource(&self, arn: &str) -> std::result::Result<(), PolicyError> {
        let foreign = self.statements.iter().position(|(_, statement)| !statement.may_be_about(arn));
        match foreign {
            Some(at) => refuse(format!("statement {} is not about {arn}: give that as its Resource", at + 1)),
            None => Ok(()),
        }
    }

    pub(crate) fn statements(&self) -> &[(Principals, Statement)] {
        &self.statements
    }
}

type Found = (Option<Principals>, Statement);

fn parse(text: &str) -> Result<Vec<Found>> {
    let (mut version, mut statements) = (None, None);
    for (name, value) in Json::parse(text)?.object("a policy")? {
        match name.as_str() {
            "Version" => version = Some(value.text("Version")?),
            "Id" => drop(value.text("Id")?),
            "Statement" => statements = Some(value),
            other => return refuse(format!("{} is no element of a policy", shown(other))),
        }
    }
    let variables = match version.as_deref() {
        Some("2012-10-17") => true,
        None | Some("2008-10-17") => false,
        Some(other) => return refuse(format!("Version {} is not known: give '2012-10-17'", shown(other))),
    };
    let statements = match statements {
        Some(Json::List(statements)) => statements,
        Some(one @ Json::Object(_)) => vec![one],
        Some(_) => return refuse("Statement must be an object or a list of objects"),
        None => return refuse("a policy needs Statement"),
    };
    let mut sids = HashSet::new();
    let each = statements.into_iter().enumerate().map(|(i, value)| {
        statement(value, variables, &mut sids)
            .map_err(|error| PolicyError(format!("statement {}: {error}", i + 1)))
    });
    each.collect()
}

fn statement(value: Json, variables: bool, sids: &mut HashSet<String>) -> Result<Found> {
    let (mut effect, mut actions, mut resources, mut principals) = (None, None, None, None);
    let mut conditions = Vec::new();
    for (name, value) in value.object("a statement")? {
        match name.as_str() {
            "Sid" => {
                let sid = value.text("Sid")?;
                if !sid.is_empty() && !sids.insert(sid.clone()) {
                    return refuse(format!("the Sid {} occurs twice", shown(&sid)));
                }
            }
            "Effect" => {
                effect = Some(match value.text("Effect")?.as_str() {
                    "Allow" => Effect::Allow,
                    "Deny" => Effect::Deny,
                    other => {
                        return refuse(format!("Effect must be 'Allow' or 'Deny', not {}", shown(other)));
                    }
                });
            }
            "Action" | "NotAction" => {
                let items =
                    value.texts(&name, false)?.iter().map(|text| action(text)).collect::<Result<_>>()?;
                once(&mut actions, Listed { negated: name == "NotAction", items }, "Action")?;
            }
            "Resource" | "NotResource" => {
                let parse = |text: &String| ArnPattern::parse(text, variables);
                let items = value.texts(&name, false)?.iter().map(parse).collect::<Result<_>>()?;
                once(&mut resources, Listed { negated: name == "NotResource", items }, "Resource")?;
            }
            "Principal" | "NotPrincipal" => {
                let found = Principals::parse(value, name == "NotPrincipal")?;
                once(&mut principals, (name == "NotPrincipal", found), "Principal")?;
            }
            "Condition" => conditions = Condition::parse_all(value, variables)?,
            other => return refuse(format!("{} is no element of a statement", shown(other))),
        }
    }
    let Some(effect) = effect else { return refuse("a statement needs Effect") };
    let Some(actions) = actions else { return refuse("a statement needs Action or NotAction") };
    let Some(resources) = resources else { return refuse("a statement needs Resource or NotResource") };
    if effect == Effect::Allow && matches!(principals, Some((true, _))) {
        return refuse("NotPrincipal goes with Deny only: with Allow it would admit everybody else");
    }
    let principals = principals.map(|(_, principals)| principals);
    Ok((principals, Statement { effect, actions, resources, conditions }))
}

fn once<T>(place: &mut Option<T>, value: T, name: &str) -> Result<()> {
    if place.replace(value).is_some() {
        return refuse(format!("{name} and Not{name} cannot stand in one statement"));
    }
    Ok(())
}

/// `*`, or a service and the name of an action with wildcards.
fn action(text: &str) -> Result<Pattern> {
    let word = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let fits = text == "*"
        || text.split_once(':').is_some_and(|(service, name)| word(service, "-*?") && word(name, "*?"));
    if !fits {
        return refuse(format!("{} is no action such as 'kinesis:PutRecord' or 'kinesis:*'", shown(text)));
    }
    Ok(Pattern::parse(text, Syntax { wildcards: true, variables: false })?.folded())
}
