//! Texts with wildcards and variables, and ARNs made of them.

use std::borrow::Cow;

use headwater_types::Arn;

use super::{Result, refuse, shown};
use crate::facts::{Facts, Key};

/// The longest pattern, in characters: what is matched against it is bounded, so the work is.
const CHARS_MAX: usize = 2048;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Char(char),
    /// `?`: any one character.
    One,
    /// `*`: any characters, or none.
    Many,
    /// `${key}` or `${key, 'default'}`.
    Variable(Key, Option<String>),
}

/// Elements that a pattern may hold beside plain characters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Syntax {
    pub(super) wildcards: bool,
    pub(super) variables: bool,
}

/// A text with wildcards and variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

impl Pattern {
    pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Self> {
        if text.chars().count() > CHARS_MAX {
            return refuse(format!("{} is longer than {CHARS_MAX} characters", shown(text)));
        }
        let mut pieces = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if syntax.variables
                && let Some(inner) = rest.strip_prefix("${")
            {
                let Some((name, after)) = inner.split_once('}') else {
                    return refuse(format!("a variable in {} is not closed", shown(text)));
                };
                pieces.push(variable(name, text)?);
                rest = after;
                continue;
            }
            rest = &rest[c.len_utf8()..];
            pieces.push(match c {
                '*' if syntax.wildcards => Piece::Many,
                '?' if syntax.wildcards => Piece::One,
                c => Piece::Char(c),
            });
        }
        Ok(Self(pieces))
    }

    /// The same without regard to case; the text must then be in lower case.
    pub(super) fn folded(mut self) -> Self {
        self.0 = self.0.into_iter().flat_map(fold).collect();
        self
    }

    /// False if it has a variable for which the request has no value.
    pub(super) fn resolves(&self, facts: &Facts<'_>) -> bool {
        filled(&self.0, Some(facts), false).is_some()
    }

    /// False also if it has a variable for which the request has no value. `fold` is for what variables stand for.
    pub(super) fn matches(&self, text: &str, facts: Option<&Facts<'_>>, fold: bool) -> bool {
        filled(&self.0, facts, fold).is_some_and(|pieces| glob(&pieces, text))
    }
}

fn fold(piece: Piece) -> Vec<Piece> {
    match piece {
        Piece::Char(c) => c.to_lowercase().map(Piece::Char).collect(),
        other => vec![other],
    }
}

fn variable(name: &str, whole: &str) -> Result<Piece> {
    // How documents write the three characters that have a meaning.
    if let "*" | "?" | "$" = name {
        return Ok(Piece::Char(name.chars().next().unwrap_or_default()));
    }
    let (name, default) = match name.split_once(',') {
        None => (name, None),
        Some((name, default)) => {
            let default = default.trim();
            let quoted = default.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
            let Some(text) = quoted else {
                return refuse(format!("the default of a variable in {} must stand in quotes", shown(whole)));
            };
            (name, Some(text.to_owned()))
        }
    };
    match Key::parse(name.trim()) {
        Some(key) => Ok(Piece::Variable(key, default)),
        None => refuse(format!("{} is no policy variable", shown(name))),
    }
}

/// The pieces with values in the place of variables; `None` if one has no value.
fn filled<'a>(pieces: &'a [Piece], facts: Option<&Facts<'_>>, fold: bool) -> Option<Cow<'a, [Piece]>> {
    if !pieces.iter().any(|piece| matches!(piece, Piece::Variable(..))) {
        return Some(Cow::Borrowed(pieces));
    }
    let mut all = Vec::with_capacity(pieces.len() + 64);
    for piece in pieces {
        let Piece::Variable(key, default) = piece else {
            all.push(piece.clone());
            continue;
        };
        let values = facts.and_then(|facts| facts.values(key));
        let value = match values.as_deref() {
            Some([value]) => value.as_ref(),
            Some(_) => return None,
            None => default.as_deref()?,
        };
        let value = if fold { Cow::Owned(value.to_lowercase()) } else { Cow::Borrowed(value) };
        // What a request says is never a wildcard.
        all.extend(value.chars().map(Piece::Char));
    }
    Some(Cow::Owned(all))
}

/// At most pieces times characters of work: after a `*` only the last one is ever gone back to.
fn glob(pieces: &[Piece], text: &str) -> bool {
    let (mut at, mut piece) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = text[at..].chars().next() {
        match pieces.get(piece) {
            Some(Piece::Many) => {
                piece += 1;
                star = Some((piece, at));
            }
            Some(Piece::One) => {
                piece += 1;
                at += c.len_utf8();
            }
            Some(Piece::Char(wanted)) if *wanted == c => {
                piece += 1;
                at += c.len_utf8();
            }
            _ => {
                let Some((after, from)) = star else { return false };
                let from =
                    from + text.get(from..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                star = Some((after, from));
                (piece, at) = (after, from);
            }
        }
    }
    pieces.iter().skip(piece).all(|piece| *piece == Piece::Many)
}

/// An ARN with wildcards and variables, compared part by part, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ArnPattern {
    Any,
    Parts(Box<[Vec<Piece>; 6]>),
}

impl ArnPattern {
    pub(super) fn parse(text: &str, variables: bool) -> Result<Self> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let Pattern(pieces) = Pattern::parse(text, Syntax { wildcards: true, variables })?;
        let mut parts = pieces.splitn(6, |piece| *piece == Piece::Char(':'));
        let mut next = || parts.next().map(<[Piece]>::to_vec);
        let parts = (|| Some([next()?, next()?, next()?, next()?, next()?, next()?]))();
        match parts {
            Some(parts) if glob(&parts[0], "arn") && !parts[5].is_empty() => Ok(Self::Parts(Box::new(parts))),
            _ => refuse(format!(
                "{} must be '*' or an ARN, such as arn:aws:kinesis:us-east-1:111122223333:stream/orders",
                shown(text)
            )),
        }
    }

    /// False if it has a variable for which the request has no value.
    pub(super) fn resolves(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Parts(parts) => parts.iter().all(|part| filled(part, Some(facts), false).is_some()),
        }
    }

    pub(super) fn has_variables(&self) -> bool {
        let Self::Parts(parts) = self else { return false };
        parts.iter().flatten().any(|piece| matches!(piece, Piece::Variable(..)))
    }

    /// True if there may be a request for which it matches: variables may stand for anything.
    pub(super) fn may_match(&self, arn: &str) -> bool {
        let Self::Parts(parts) = self else { return true };
        let open = |piece: &Piece| match piece {
            Piece::Variable(..) => Piece::Many,
            other => other.clone(),
        };
        let Some(texts) = Arn::parts(arn) else { return false };
        parts.iter().zip(texts).all(|(part, text)| {
            let part: Vec<Piece> = part.iter().map(open).collect();
            glob(&part, text)
        })
    }

    pub(super) fn matches(&self, arn: &str, facts: &Facts<'_>) -> bool {
        let Self::Parts(parts) = self else { return true };
        let Some(texts) = Arn::parts(arn) else { return false };
        parts
            .iter()
            .zip(texts)
            .all(|(part, text)| filled(part, Some(facts), false).is_some_and(|pieces| glob(&pieces, text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        let cases = [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything/at:all", true),
            ("?", "", false),
            ("?", "ä", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("*b*b*", "abcb", true),
            ("*b*b*", "abc", false),
            ("a?c*", "abcdef", true),
            ("***", "", true),
            ("*ä?", "xxäö", true),
        ];
        for (pattern, text, expected) in cases {
            let pattern = Pattern::parse(pattern, Syntax { wildcards: true, variables: false }).unwrap();
            assert_eq!(pattern.matches(text, None, false), expected, "{pattern:?} {text}");
        }
    }

    /// The shape that makes naive matchers take for ever.
    #[test]
    fn many_stars_are_quick() {
        let pattern =
            Pattern::parse(&"*a".repeat(1000), Syntax { wildcards: true, variables: false }).unwrap();
        assert!(!pattern.matches(&"a".repeat(999), None, false));
        assert!(!pattern.matches(&("a".repeat(1000) + "b"), None, false));
    }
}
