//! Words, placeholders, digits and symbols of an expression. Whatever is none of them is a token too, of one character,
//! so that a syntax error can name it.

use winnow::ascii::digit1;
use winnow::combinator::{alt, preceded, repeat};
use winnow::prelude::*;
use winnow::token::{any, one_of, take_while};

/// Kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a function: a letter, then letters, digits and `_`.
    Word,
    /// A word of the grammar.
    Keyword,
    /// `#name`
    Name,
    /// `:value`
    Value,
    Digits,
    Symbol,
    Unknown,
}

/// A token, where it begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) start: usize,
}

impl Token<'_> {
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(super) fn is_symbol(&self, text: &str) -> bool {
        self.kind == Kind::Symbol && self.text == text
    }

    pub(super) fn is_keyword(&self, word: &str) -> bool {
        self.kind == Kind::Keyword && self.text.eq_ignore_ascii_case(word)
    }
}

/// All tokens; `keywords` are those of the grammar, in capitals.
pub(super) fn tokens<'a>(text: &'a str, keywords: &[&str]) -> Vec<Token<'a>> {
    let all: Result<Vec<(Kind, &str)>, winnow::error::EmptyError> =
        repeat(0.., preceded(space, token)).parse_next(&mut &*text);
    let place = |(kind, part): (Kind, &'a str)| {
        let is_keyword = || keywords.iter().any(|word| part.eq_ignore_ascii_case(word));
        let kind = if kind == Kind::Word && is_keyword() { Kind::Keyword } else { kind };
        Token { kind, text: part, start: part.as_ptr().addr() - text.as_ptr().addr() }
    };
    all.unwrap_or_default().into_iter().map(place).collect()
}

type Lexed<T> = Result<T, winnow::error::EmptyError>;

fn space<'a>(input: &mut &'a str) -> Lexed<&'a str> {
    take_while(0.., [' ', '\t', '\r', '\n']).parse_next(input)
}

fn token<'a>(input: &mut &'a str) -> Lexed<(Kind, &'a str)> {
    let part = |byte: char| byte.is_ascii_alphanumeric() || byte == '_';
    let placeholder = |sign: char| (sign, take_while(1.., part)).take();
    alt((
        (one_of(|c: char| c.is_ascii_alphabetic()), take_while(0.., part))
            .take()
            .map(|text| (Kind::Word, text)),
        placeholder('#').map(|text| (Kind::Name, text)),
        placeholder(':').map(|text| (Kind::Value, text)),
        digit1.map(|text| (Kind::Digits, text)),
        alt(("<>", "<=", ">=")).map(|text| (Kind::Symbol, text)),
        one_of(['=', '<', '>', '(', ')', '[', ']', ',', '.', '+', '-'])
            .take()
            .map(|text| (Kind::Symbol, text)),
        any.take().map(|text| (Kind::Unknown, text)),
    ))
    .parse_next(input)
}
