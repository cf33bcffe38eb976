//! The grammar: tokens to what is written.
//!
//! No token is read twice: what stands in parentheses is read before it is known whether it is a condition or an operand.
//! Nested parts are read without recursion, so that no depth of parentheses takes stack; what is made is as deep as an
//! expression has operators and functions, which are counted first.

use winnow::combinator::{alt, cut_err, delimited, eof, opt, repeat, separated, terminated};
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

type Input<'t, 'a> = TokenSlice<'t, Token<'a>>;

/// Number of tokens left where the grammar stopped.
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
        let node = node(input)?;
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
    let mut input = TokenSlice::new(&tokens);
    let read = grammar(&mut input).and_then(|read| {
        let end: Parsed<_> = eof.parse_next(&mut input);
        end.map(|_| read)
    });
    let read = read.map_err(|error| {
        let left = error.into_inner().map_or(0, |Stopped(left)| left);
        place.refuse(syntax_error(text, &tokens, tokens.len() - left))
    })?;
    if redundant_parentheses(&tokens) { Err(place.refuse(error::REDUNDANT)) } else { Ok(read) }
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

/// True if a pair has nothing between it and the pair around it: `((a))`. A function's own do not count.
fn redundant_parentheses(tokens: &[Token<'_>]) -> bool {
    let mut open = Vec::new();
    // Where the pair that was closed last opened and closed.
    let mut last = None;
    for (at, token) in tokens.iter().enumerate() {
        if token.is_symbol("(") {
            open.push(at);
        } else if token.is_symbol(")")
            && let Some(opened) = open.pop()
        {
            let before = opened.checked_sub(1).and_then(|before| tokens.get(before));
            let groups = before.is_none_or(|before| before.kind != Kind::Word && !before.is_keyword("IN"));
            if groups && last == Some((opened + 1, at - 1)) {
                return true;
            }
            last = Some((opened, at));
        }
    }
    false
}

/// Operand or condition, in parentheses or alone.
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

/// Part of a condition read so far, in parentheses or of the whole.
#[derive(Default)]
struct Level<'a> {
    /// Before the last OR.
    ors: Vec<Condition<'a>>,
    /// Since then, before the last AND.
    ands: Vec<Condition<'a>>,
    /// Since then, NOTs.
    nots: usize,
}

impl<'a> Level<'a> {
    /// Takes what comes before AND, or before OR or the end.
    fn take(&mut self, node: Node<'a>, input: &Input<'_, 'a>) -> Parsed<()> {
        let condition = node.condition(input)?;
        let nots = std::mem::take(&mut self.nots);
        self.ands.push((0..nots).fold(condition, |condition, _| Condition::Not(Box::new(condition))));
        Ok(())
    }

    fn end_and(&mut self) {
        let mut ands = std::mem::take(&mut self.ands);
        match ands.pop() {
            Some(only) if ands.is_empty() => self.ors.push(only),
            Some(last) => {
                ands.push(last);
                self.ors.push(Condition::And(ands));
            }
            None => {}
        }
    }

    /// All of it with its last part; an operand that stands alone stays one.
    fn end(mut self, node: Node<'a>, input: &Input<'_, 'a>) -> Parsed<Node<'a>> {
        if self.ors.is_empty() && self.ands.is_empty() && self.nots == 0 {
            return Ok(node);
        }
        self.take(node, input)?;
        self.end_and();
        match self.ors.pop() {
            Some(only) if self.ors.is_empty() => Ok(Node::Condition(only)),
            last => {
                self.ors.extend(last);
                Ok(Node::Condition(Condition::Or(self.ors)))
            }
        }
    }
}

/// NOT binds before AND, AND before OR; parentheses before all.
fn node<'a>(input: &mut Input<'_, 'a>) -> Parsed<Node<'a>> {
    let mut levels = Vec::new();
    let mut level = Level::default();
    loop {
        if opt(keyword("NOT")).parse_next(input)?.is_some() {
            level.nots += 1;
            continue;
        }
        if opt(symbol("(")).parse_next(input)?.is_some() {
            levels.push(std::mem::take(&mut level));
            continue;
        }
        let mut node = Node::Operand(operand(input)?);
        loop {
            node = comparison(node, input)?;
            if next_is(input, |token| token.is_keyword("AND")) {
                level.take(node, input)?;
                keyword("AND").parse_next(input)?;
                break;
            }
            if next_is(input, |token| token.is_keyword("OR")) {
                level.take(node, input)?;
                level.end_and();
                keyword("OR").parse_next(input)?;
                break;
            }
            node = level.end(node, input)?;
            match levels.pop() {
                Some(outer) => level = outer,
                None => return Ok(node),
            }
            symbol(")").parse_next(input)?;
        }
    }
}

/// The comparison that an operand begins, if it begins one.
fn comparison<'a>(node: Node<'a>, input: &mut Input<'_, 'a>) -> Parsed<Node<'a>> {
    let left = match node {
        Node::Operand(operand) => operand,
        condition => return Ok(condition),
    };
    if let Some(comparator) = opt(comparator).parse_next(input)? {
        let right = operand(input)?;
        return Ok(Node::Condition(Condition::Compare(comparator, left, right)));
    }
    if opt(keyword("BETWEEN")).parse_next(input)?.is_some() {
        let (lower, _, upper) = (operand, keyword("AND"), operand).parse_next(input)?;
        return Ok(Node::Condition(Condition::Between(left, lower, upper)));
    }
    if opt(keyword("IN")).parse_next(input)?.is_some() {
        let all = delimited(symbol("("), list(operand), symbol(")")).parse_next(input)?;
        return Ok(Node::Condition(Condition::In(left, all)));
    }
    Ok(Node::Operand(left))
}

fn comparator(input: &mut Input<'_, '_>) -> Parsed<Comparator> {
    let of = |token: &Token<'_>| Comparator::ALL.into_iter().find(|one| token.is_symbol(one.symbol()));
    any.verify_map(of).parse_next(input)
}

/// Construct around an operand.
enum Around<'a> {
    Parentheses,
    Call(Call<'a>),
}

fn operand<'a>(input: &mut Input<'_, 'a>) -> Parsed<Operand<'a>> {
    let mut around = Vec::new();
    loop {
        if opt(symbol("(")).parse_next(input)?.is_some() {
            around.push(Around::Parentheses);
            continue;
        }
        if let Some(function) = opt(terminated(kind(Kind::Word), symbol("("))).parse_next(input)? {
            around.push(Around::Call(Call { function, operands: Vec::new() }));
            continue;
        }
        let mut read =
            alt((kind(Kind::Value).map(Operand::Value), path.map(Operand::Path))).parse_next(input)?;
        loop {
            match around.pop() {
                None => return Ok(read),
                Some(Around::Parentheses) => symbol(")").parse_next(input)?,
                Some(Around::Call(mut call)) => {
                    call.operands.push(read);
                    if opt(symbol(",")).parse_next(input)?.is_some() {
                        around.push(Around::Call(call));
                        break;
                    }
                    symbol(")").parse_next(input)?;
                    read = Operand::Call(call);
                }
            }
        }
    }
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

/// One operand, or two with a sign between them, in parentheses or not: `a + b + c` is no sum on AWS either.
fn set_value<'a>(input: &mut Input<'_, 'a>) -> Parsed<SetValue<'a>> {
    let grouped = opt(symbol("(")).parse_next(input)?.is_some();
    let left = operand(input)?;
    let mut sum = opt((sign, cut_err(operand))).parse_next(input)?;
    if grouped {
        symbol(")").parse_next(input)?;
        if sum.is_none() {
            sum = opt((sign, cut_err(operand))).parse_next(input)?;
        }
    }
    Ok(match sum {
        Some((sign, right)) => SetValue::Sum(left, sign, right),
        None => SetValue::Operand(left),
    })
}

fn sign(input: &mut Input<'_, '_>) -> Parsed<Sign> {
    alt((symbol("+").value(Sign::Plus), symbol("-").value(Sign::Minus))).parse_next(input)
}

/// One or more, with commas between them.
fn list<'t, 'a: 't, T>(
    item: impl ModalParser<Input<'t, 'a>, T, Stopped>,
) -> impl ModalParser<Input<'t, 'a>, Vec<T>, Stopped> {
    separated(1.., cut_err(item), symbol(","))
}

fn next_is(input: &Input<'_, '_>, fits: impl Fn(&Token<'_>) -> bool) -> bool {
    input.peek_token().is_some_and(fits)
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
