//! A terminal that is drawn anew again and again, and left as it was found.

use std::io::{self, Write};

use console::Term;

use super::view::Room;

pub(super) struct Screen {
    term: Term,
}

impl Screen {
    /// Takes the terminal's other page, so that what was on it comes back at the end.
    pub(super) fn open() -> io::Result<Self> {
        let mut term = Term::stdout();
        term.write_all(b"\x1b[?1049h")?;
        term.hide_cursor()?;
        Ok(Self { term })
    }

    /// Room there is now.
    pub(super) fn room(&self) -> Room {
        let (lines, columns) = self.term.size();
        Room { lines: lines.into(), columns: columns.into() }
    }

    /// Replaces what is shown.
    pub(super) fn show(&mut self, text: &str) -> io::Result<()> {
        let Room { lines, columns } = self.room();
        let mut page = String::from("\x1b[H");
        for line in text.lines().take(lines.max(1)) {
            page.push_str(console::truncate_str(line, columns, "").as_ref());
            page.push_str("\x1b[K\r\n");
        }
        page.truncate(page.len() - 2);
        page.push_str("\x1b[J");
        self.term.write_all(page.as_bytes())?;
        self.term.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = self.term.show_cursor();
        let _ = self.term.write_all(b"\x1b[?1049l");
        let _ = self.term.flush();
    }
}
