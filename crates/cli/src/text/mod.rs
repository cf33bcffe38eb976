//! Text for people: tables, times, shares of the hash ring, JSON.

pub mod json;
pub mod ring;
pub mod table;
pub mod time;

/// Colours of a terminal; none where output is piped or `NO_COLOR` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// True if colours are written.
    pub on: bool,
}

impl Paint {
    /// Headings and what is of less interest.
    pub const DIM: &'static str = "\x1b[2m";
    /// Names and keys.
    pub const CYAN: &'static str = "\x1b[36m";
    /// Strings.
    pub const GREEN: &'static str = "\x1b[32m";
    /// Numbers and words.
    pub const YELLOW: &'static str = "\x1b[33m";

    /// Colours for a terminal, unless the user wants none (no-color.org).
    pub fn new(terminal: bool) -> Self {
        Self { on: terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    /// `text` in `colour`.
    pub fn text(self, colour: &str, text: &str) -> String {
        if self.on { format!("{colour}{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A number of things by their name in the singular: "1 table", "2 tables".
///
/// ```
/// assert_eq!(headwater_cli::text::counted(2, "table"), "2 tables");
/// ```
pub fn counted(count: usize, name: &str) -> String {
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

/// Text that came from elsewhere, safe to show on a terminal: control characters are escaped.
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}
