//! The table: names as wide as there is room, then the figures, which take the same room whatever they are.

use super::rates::Row;
use crate::text::ring;

/// Width of the figures in a line.
const FIGURES_CHARS: usize = 64;
const NAME_CHARS_MIN: usize = 16;

/// Size of the table at the most; without an end in a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Lines.
    pub lines: usize,
    /// Characters in a line, 80 at least.
    pub columns: usize,
}

/// The title, a heading, a line for each row as far as there is room, and the sum.
pub fn table(title: &str, label: &str, rows: &[Row], room: Room) -> String {
    // A closed shard that nobody reads is of no interest here.
    let shown: Vec<&Row> = rows.iter().filter(|row| row.open > 0 || !row.is_idle()).collect();
    let lines = room.lines.saturating_sub(5).max(1);
    let hidden = shown.len().saturating_sub(lines);
    let longest = shown.iter().map(|row| ring::short(&row.name).chars().count()).max().unwrap_or(0);
    let width = longest.max(NAME_CHARS_MIN).min(room.columns.max(80) - FIGURES_CHARS);
    let mut text = format!("{title}\n\n");
    let head = ["IN rec/s", "B/s", "OUT rec/s", "B/s", "THR W/s", "R/s", "AGE", "SUBS"];
    text.push_str(&line(label, width, &head.map(str::to_owned)));
    for row in shown.iter().take(lines) {
        text.push_str(&line(ring::short(&row.name), width, &figures(row)));
    }
    if hidden > 0 {
        text.push_str(&format!("... and {hidden} more that do less\n"));
    }
    text.push_str(&line("total", width, &figures(&total(rows))));
    text
}

/// The name with as much of its middle left out as it has to be: names differ at their ends.
pub fn shortened(name: &str, chars_max: usize) -> String {
    let chars: Vec<char> = name.chars().collect();
    if chars.len() <= chars_max {
        return name.to_owned();
    }
    let kept = chars_max.saturating_sub(1);
    let (head, tail) = (kept.div_ceil(2), kept / 2);
    chars[..head].iter().chain(&['~']).chain(&chars[chars.len() - tail..]).collect()
}

fn figures(row: &Row) -> [String; 8] {
    [
        count(row.records_in),
        count(row.bytes_in),
        count(row.records_out),
        count(row.bytes_out),
        count(row.throttled_writes),
        count(row.throttled_reads),
        row.iterator_age_ms.map_or_else(|| "-".to_owned(), age),
        count(row.subscriptions as f64),
    ]
}

fn line(name: &str, width: usize, cells: &[String; 8]) -> String {
    let name = shortened(name, width);
    let [records_in, bytes_in, records_out, bytes_out, writes, reads, age, subscriptions] = cells;
    let text = format!(
        "{name:<width$} {records_in:>8} {bytes_in:>7} {records_out:>9} {bytes_out:>7} {writes:>7} {reads:>6} {age:>6} \
         {subscriptions:>5}"
    );
    format!("{}\n", text.trim_end())
}

/// Sum of all rows; the age is the worst.
fn total(rows: &[Row]) -> Row {
    let sum = |rate: fn(&Row) -> f64| rows.iter().map(rate).sum();
    Row {
        name: String::new(),
        records_in: sum(|row| row.records_in),
        bytes_in: sum(|row| row.bytes_in),
        records_out: sum(|row| row.records_out),
        bytes_out: sum(|row| row.bytes_out),
        throttled_writes: sum(|row| row.throttled_writes),
        throttled_reads: sum(|row| row.throttled_reads),
        iterator_age_ms: rows.iter().filter_map(|row| row.iterator_age_ms).max(),
        subscriptions: rows.iter().map(|row| row.subscriptions).sum(),
        open: rows.iter().map(|row| row.open).sum(),
    }
}

/// Three digits or so and a unit: `0`, `0.5`, `12`, `1.2k`, `345M`. Powers of 1000.
pub fn count(value: f64) -> String {
    const UNITS: [&str; 5] = ["", "k", "M", "G", "T"];
    let (mut value, mut unit) = (value.max(0.0), 0);
    while value >= 999.5 && unit < UNITS.len() - 1 {
        value /= 1000.0;
        unit += 1;
    }
    let fraction = value < 9.95 && (unit > 0 || value.fract() >= 0.05);
    if fraction { format!("{value:.1}{}", UNITS[unit]) } else { format!("{value:.0}{}", UNITS[unit]) }
}

/// Milliseconds as people say them: `0`, `350ms`, `12s`, `5m`, `3h`, `2d`.
pub fn age(ms: u64) -> String {
    match ms {
        0 => "0".to_owned(),
        1..=999 => format!("{ms}ms"),
        1000..=119_999 => format!("{}s", ms / 1000),
        120_000..=7_199_999 => format!("{}m", ms / 60_000),
        7_200_000..=172_799_999 => format!("{}h", ms / 3_600_000),
        // Retention ends at 365 days.
        _ => format!("{}d", (ms / 86_400_000).min(999)),
    }
}
