//! The grammar: tokens to what is written.
//!
//! Recursive descent over tokens. No token is read twice: what stands in parentheses is read before it is known whether
//! it is a condition or an operand, and whoever needs one of them says so (`condition`, `operand`).
//!
//! Bounds come before it: an expression has 4 KiB at most and 300 operators and functions, and parentheses within
//! parentheses to a depth that only redundant ones can exceed. So recursion has a bound that 2 MiB of stack suffice for.

use winnow::combinator::{alt, cut_err, eof, opt, repeat, separated};
use winnow::error::{ErrMode, ParserError};
use winnow::prelude::*;
use winnow::stream::{Stream, TokenSlice};
use winnow::token::any;

use super::ast::{Action, Call, Comparator, Condition, Operand, Path, Section, SetValue, Sign, Step, Update};
use super::error::{self, ExpressionError, Place};
use super::lexer::{Kind, Token, tokens};

/// "Expression parameters" in the developer guide's quotas.
const EXPRESSION_BYTES: usize = 4096;
/// The same.
const OPERATORS: usize = 300;
/// Parentheses that are not redundant have an operator each, or are a function's or a list's.
const DEPTH: usize = OPERATORS + 4;

type Input<'t, 'a> = TokenSlice<'t, Token<'a>>;

/// How many tokens were left where the grammar stopped.
#[derive(Debug)]
struct Stopped(usize);

impl<'t, 'a> ParserError<Input<'t, 'a>> for Stopped {
    type Inner = Self;

    fn from_input(input: &Input<'t, 'a>) -> Self {
        Self(input.eof_offset())
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

type Parsed<T> = Result<T, ErrMode<Stopped>>;

/// Reads a condition.
pub(super) fn condition(place: Place, text: &str) -> Result<Condition<'_>, ExpressionError> {
    let keywords = ["AND", "OR", "NOT", "BETWEEN", "IN"];
    let is_operator = |token: &Token<'_>| {
        Comparator::ALL.iter().any(|comparator| token.is_symbol(comparator.symbol()))
            || token.kind == Kind::Keyword
    };
    read(place, text, &keywords, is_operator, |input| {
        let node = or(input)?;
        node.condition(input)
    })
}

/// Reads an update.
pub(super) fn update(text: &str) -> Result<Update<'_>, ExpressionError> {
    let keywords = Section::ALL.map(Section::keyword);
    let is_operator = |token: &Token<'_>| token.is_symbol("+") || token.is_symbol("-");
    read(Place::Update, text, &keywords, is_operator, |input| repeat(1.., section).parse_next(input))
}

/// Reads the paths of a projection.
pub(super) fn projection(text: &str) -> Result<Vec<Path<'_>>, ExpressionError> {
    read(Place::Projection, text, &[], |_| false, |input| list(path).parse_next(input))
}

fn read<'a, T>(
    place: Place,
    text: &'a str,
    keywords: &[&str],
    is_operator: impl Fn(&Token<'a>) -> bool,
    mut grammar: impl for<'t> FnMut(&mut Input<'t, 'a>) -> Parsed<T>,
) -> Result<T, ExpressionError> {
    if text.len() > EXPRESSION_BYTES {
        return Err(place.refuse(error::expression_size(text.len())));
    }
    let tokens = tokens(text, keywords);
    if tokens.is_empty() {
        return Err(place.refuse(error::EMPTY));
    }
    let operators = operators(&tokens, is_operator);
    if operators > OPERATORS {
        return Err(place.refuse(error::too_many_operators(operators)));
    }
    let parentheses = Parentheses::of(&tokens);
    if parentheses.depth > DEPTH {
        return Err(place.refuse(error::REDUNDANT));
    }
    let mut input = TokenSlice::new(&tokens);
    let read = grammar(&mut input).and_then(|read| {
        let end: Parsed<_> = eof.parse_next(&mut input);
        end.map(|_| read)
    });
    let read = read.map_err(|error| {
        let left = error.into_inner().map_or(0, |Stopped(left)| left);
        place.refuse(syntax_error(text, &tokens, tokens.len() - left))
    })?;
    if parentheses.redundant { Err(place.refuse(error::REDUNDANT)) } else { Ok(read) }
}

/// The token where the grammar stopped, with the one before it and the one after it.
fn syntax_error(text: &str, tokens: &[Token<'_>], at: usize) -> String {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let here = tokens.get(at);
    let first = before.or(here).map_or(0, |token| token.start);
    let last = tokens.get(at + 1).or(here).or(before).map_or(0, Token::end);
    error::syntax(here.map_or("<EOF>", |token| token.text), text.get(first..last).unwrap_or_default())
}

/// Operators and functions. A BETWEEN and its AND are one.
fn operators<'a>(tokens: &[Token<'a>], is_operator: impl Fn(&Token<'a>) -> bool) -> usize {
    let calls = tokens.windows(2).filter(|pair| pair[0].kind == Kind::Word && pair[1].is_symbol("(")).count();
    let betweens = tokens.iter().filter(|token| token.is_keyword("BETWEEN")).count();
    (tokens.iter().filter(|token| is_operator(token)).count() + calls).saturating_sub(betweens)
}

struct Parentheses {
    depth: usize,
    /// True if a pair has nothing between it and the pair around it: `((a))`. A function's own do not count.
    redundant: bool,
}

impl Parentheses {
    fn of(tokens: &[Token<'_>]) -> Self {
        let mut found = Self { depth: 0, redundant: false };
        let mut open = Vec::new();
        // Where the pair that was closed last opened and closed.
        let mut closed = None;
        for (at, token) in tokens.iter().enumerate() {
            if token.is_symbol("(") {
                open.push(at);
                found.depth = found.depth.max(open.len());
            } else if token.is_symbol(")") {
                let Some(opened) = open.pop() else { continue };
                let groups = opened == 0 || {
                    let before = &tokens[opened - 1];
                    before.kind != Kind::Word && !before.is_keyword("IN")
                };
                found.redundant |= groups && closed == Some((opened + 1, at - 1));
                closed = Some((opened, at));
            }
        }
        found
    }
}

/// What stands in parentheses, or alone.
enum Node<'a> {
    Operand(Operand<'a>),
    Condition(Condition<'a>),
}

impl<'a> Node<'a> {
    /// As a condition, which of operands only a function is; `input` is behind it.
    fn condition(self, input: &Input<'_, 'a>) -> Parsed<Condition<'a>> {
        match self {
            Self::Condition(condition) => Ok(condition),
            Self::Operand(Operand::Call(call)) => Ok(Condition::Call(call)),
            Self::Operand(_) => Err(stop(input)),
        }
    }
}

fn stop(input: &Input<'_, '_>) -> ErrMode<Stopped> {
    ErrMode::Cut(Stopped::from_input(input))
}

fn or<'a>(input: &mut Input<'_, 'a>) -> Parsed<Node<'a>> {
    joined(input, "OR", |input| joined(input, "AND", not, Condition::And), Condition::Or)
}

/// Conditions with a keyword between them; without one, whatever the part is.
fn joined<'t, 'a>(
    input: &mut Input<'t, 'a>,
    word: &'static str,
    part: fn(&mut Input<'t, 'a>) -> Parsed<Node<'a>>,
    join: fn(Vec<Condition<'a>>) -> Condition<'a>,
) -> Parsed<Node<'a>> {
    let first = part(input)?;
    if !next_is(input, |token| token.is_keyword(word)) {
        return Ok(first);
    }
    let mut conditions = vec![first.condition(input)?];
    while opt(keyword(word)).parse_next(input)?.is_some() {
        let next = part(input)?;
        conditions.push(next.condition(input)?);
    }
    Ok(Node::Condition(join(conditions)))
}

fn not<'a>(input: &mut Input<'_, 'a>) -> Parsed<Node<'a>> {
    if opt(keyword("NOT")).parse_next(input)?.is_none() {
        return comparison(input);
    }
    let negated = not(input)?;
    Ok(Node::Condition(Condition::Not(Box::new(negated.condition(input)?))))
}

fn comparison<'a>(input: &mut Input<'_, 'a>) -> Parsed<Node<'a>> {
    let left = match group(input)? {
        Node::Operand(operand) => operand,
        condition => return Ok(condition),
    };
    if let Some(comparator) = opt(comparator).parse_next(input)? {
        let right = operand(input)?;
        return Ok(Node::Condition(Condition::Compare(comparator, left, right)));
    }
    if opt(keyword("BETWEEN")).parse_next(input)?.is_some() {
        let lower = operand(input)?;
        keyword("AND").parse_next(input)?;
        let upper = operand(input)?;
        return Ok(Node::Condition(Condition::Between(left, lower, upper)));
    }
    if opt(keyword("IN")).parse_next(input)?.is_some() {
        symbol("(").parse_next(input)?;
        let all = list(operand).parse_next(input)?;
        symbol(")").parse_next(input)?;
        return Ok(Node::Condition(Condition::In(left, all)));
    }
    Ok(Node::Operand(left))
}

fn group<'a>(input: &mut Input<'_, 'a>) -> Parsed<Node<'a>> {
    if opt(symbol("(")).parse_next(input)?.is_none() {
        return bare_operand(input).map(Node::Operand);
    }
    let node = or(input)?;
    symbol(")").parse_next(input)?;
    Ok(node)
}

fn comparator(input: &mut Input<'_, '_>) -> Parsed<Comparator> {
    let of = |token: &Token<'_>| Comparator::ALL.into_iter().find(|one| token.is_symbol(one.symbol()));
    any.verify_map(of).parse_next(input)
}

fn operand<'a>(input: &mut Input<'_, 'a>) -> Parsed<Operand<'a>> {
    if opt(symbol("(")).parse_next(input)?.is_none() {
        return bare_operand(input);
    }
    let inner = operand(input)?;
    symbol(")").parse_next(input)?;
    Ok(inner)
}

fn bare_operand<'a>(input: &mut Input<'_, 'a>) -> Parsed<Operand<'a>> {
    if let Some(value) = opt(kind(Kind::Value)).parse_next(input)? {
        return Ok(Operand::Value(value));
    }
    let start = input.checkpoint();
    if let Some(function) = opt(kind(Kind::Word)).parse_next(input)? {
        if opt(symbol("(")).parse_next(input)?.is_some() {
            let operands = list(operand).parse_next(input)?;
            symbol(")").parse_next(input)?;
            return Ok(Operand::Call(Call { function, operands }));
        }
        input.reset(&start);
    }
    path(input).map(Operand::Path)
}

fn path<'a>(input: &mut Input<'_, 'a>) -> Parsed<Path<'a>> {
    let mut steps = vec![name(input)?];
    loop {
        if opt(symbol(".")).parse_next(input)?.is_some() {
            steps.push(cut_err(name).parse_next(input)?);
        } else if opt(symbol("[")).parse_next(input)?.is_some() {
            steps.push(cut_err(kind(Kind::Digits)).map(Step::Index).parse_next(input)?);
            symbol("]").parse_next(input)?;
        } else {
            return Ok(steps);
        }
    }
}

fn name<'a>(input: &mut Input<'_, 'a>) -> Parsed<Step<'a>> {
    alt((kind(Kind::Word).map(Step::Name), kind(Kind::Name).map(Step::Placeholder))).parse_next(input)
}

fn section<'a>(input: &mut Input<'_, 'a>) -> Parsed<(Section, Vec<Action<'a>>)> {
    let of = |token: &Token<'_>| Section::ALL.into_iter().find(|section| token.is_keyword(section.keyword()));
    let section = any.verify_map(of).parse_next(input)?;
    let actions = match section {
        Section::Set => list(set).parse_next(input),
        Section::Remove => list(path.map(Action::Remove)).parse_next(input),
        Section::Add => {
            list((path, kind(Kind::Value)).map(|(path, value)| Action::Add(path, value))).parse_next(input)
        }
        Section::Delete => {
            list((path, kind(Kind::Value)).map(|(path, value)| Action::Delete(path, value))).parse_next(input)
        }
    }?;
    Ok((section, actions))
}

fn set<'a>(input: &mut Input<'_, 'a>) -> Parsed<Action<'a>> {
    let path = path(input)?;
    symbol("=").parse_next(input)?;
    Ok(Action::Set(path, set_value(input)?))
}

/// One operand, or two with a sign between them: `a + b + c` is no sum on AWS either.
fn set_value<'a>(input: &mut Input<'_, 'a>) -> Parsed<SetValue<'a>> {
    let left = if opt(symbol("(")).parse_next(input)?.is_some() {
        let inner = set_value(input)?;
        symbol(")").parse_next(input)?;
        match inner {
            SetValue::Operand(operand) => operand,
            sum => return Ok(sum),
        }
    } else {
        bare_operand(input)?
    };
    let plus = symbol("+").map(|_| Sign::Plus);
    let minus = symbol("-").map(|_| Sign::Minus);
    match opt(alt((plus, minus))).parse_next(input)? {
        Some(sign) => Ok(SetValue::Sum(left, sign, operand(input)?)),
        None => Ok(SetValue::Operand(left)),
    }
}

/// One or more, with commas between them.
fn list<'t, 'a: 't, T>(
    item: impl ModalParser<Input<'t, 'a>, T, Stopped>,
) -> impl ModalParser<Input<'t, 'a>, Vec<T>, Stopped> {
    separated(1.., cut_err(item), symbol(","))
}

fn next_is(input: &Input<'_, '_>, fits: impl Fn(&Token<'_>) -> bool) -> bool {
    input.peek_token().is_some_and(|token| fits(token))
}

fn kind<'t, 'a: 't>(kind: Kind) -> impl ModalParser<Input<'t, 'a>, &'a str, Stopped> {
    any.verify_map(move |token: &Token<'a>| (token.kind == kind).then_some(token.text))
}

fn symbol<'t, 'a: 't>(text: &'static str) -> impl ModalParser<Input<'t, 'a>, (), Stopped> {
    any.verify(move |token: &&Token<'a>| token.is_symbol(text)).void()
}

fn keyword<'t, 'a: 't>(word: &'static str) -> impl ModalParser<Input<'t, 'a>, (), Stopped> {
    any.verify(move |token: &&Token<'a>| token.is_keyword(word)).void()
}
