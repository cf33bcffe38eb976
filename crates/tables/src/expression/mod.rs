//! Expressions, and what came before them: conditions, updates, projections and conditions on keys.
//!
//! An expression has 4 KiB at most. Its tokens (`lexer`) are read by a grammar (`grammar`) into what is written (`ast`);
//! then placeholders are looked up and everything is checked that needs no item (`resolve`, `condition`, `update`,
//! `projection`, `key_condition`); the result is applied to items (`test`, `apply`) and cannot be wrong but by what an
//! item has. Older parameters make the same results (`legacy`). Texts of errors are made in one place (`error`).

mod apply;
mod ast;
mod condition;
mod error;
mod grammar;
mod key_condition;
mod legacy;
mod lexer;
mod path;
mod placeholders;
mod projection;
mod reserved;
mod resolve;
mod test;
mod update;

pub use condition::{Condition, ConditionPlace};
pub use error::ExpressionError;
pub use key_condition::{KeyComparisons, KeyCondition, KeyExpression, SortCondition};
pub use legacy::{AttributeUpdate, Comparison, Joined, Operator, UpdateAction};
pub use placeholders::Placeholders;
pub use projection::Projection;
pub use update::Update;

use path::Path;

/// The names at the top of paths, each once, in the order in which they come.
fn names<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    paths.into_iter().map(|path| path.top.as_str()).filter(|name| seen.insert(*name)).collect()
}

/// The same of those paths that go into an attribute.
fn nested_names<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<&'a str> {
    names(paths.into_iter().filter(|path| !path.steps.is_empty()))
}
