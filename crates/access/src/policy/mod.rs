//! Policy documents: AWS's JSON language, read into what can be evaluated without another error.

mod condition;
mod document;
mod json;
mod pattern;
mod principal;

pub(crate) use document::Effect;
pub use document::{IdentityPolicy, ResourcePolicy};
pub(crate) use principal::Grip;

/// Why a document is refused: one line that names the place and the cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(pub(crate) String);

/// A result of reading documents.
pub(crate) type Result<T> = std::result::Result<T, PolicyError>;

pub(crate) fn refuse<T>(text: impl Into<String>) -> Result<T> {
    Err(PolicyError(text.into()))
}

/// A word from a document, cut to what can be shown.
pub(crate) fn shown(text: &str) -> String {
    let cut = &text[..text.floor_char_boundary(100)];
    format!("'{}'", cut.escape_debug())
}
