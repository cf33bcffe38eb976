//! The table, 80 columns wide whatever the figures are.

use super::rates::Row;
use crate::text::ring;

/// The longest name that leaves room for the figures.
const NAME_CHARS_MAX: usize = 16;

/// The title, a heading, a line for each row as far as `lines_max` lines go, and the sum.
pub fn table(title: &str, label: &str, rows: &[Row], lines_max: usize) -> String {
    // A closed shard that nobody reads is of no interest here.
    let shown: Vec<&Row> = rows.iter().filter(|row| row.open > 0 || !row.is_idle()).collect();
    let room = lines_max.saturating_sub(5).max(1);
    let hidden = shown.len().saturating_sub(room);
    let mut text = format!("{}\n\n", title.chars().take(80).collect::<String>());
    let head = ["IN rec/s", "B/s", "OUT rec/s", "B/s", "THR W/s", "R/s", "AGE", "SUBS"];
    text.push_str(&line(label, &head.map(str::to_owned)));
    for row in shown.iter().take(room) {
        text.push_str(&line(ring::short(&row.name), &figures(row)));
    }
    if hidden > 0 {
        text.push_str(&format!("... and {hidden} more that do less\n"));
    }
    text.push_str(&line("total", &figures(&total(rows))));
    text
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

fn line(name: &str, cells: &[String; 8]) -> String {
    let name = if name.chars().count() > NAME_CHARS_MAX {
        format!("{}~", name.chars().take(NAME_CHARS_MAX - 1).collect::<String>())
    } else {
        name.to_owned()
    };
    let [records_in, bytes_in, records_out, bytes_out, writes, reads, age, subscriptions] = cells;
    let text = format!(
        "{name:<16} {records_in:>8} {bytes_in:>7} {records_out:>9} {bytes_out:>7} {writes:>7} {reads:>6} {age:>6} \
         {subscriptions:>5}"
    );
    format!("{}\n", text.trim_end())
}

/// What all of them do together; the age is the worst.
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
