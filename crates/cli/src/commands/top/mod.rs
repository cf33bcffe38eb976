//! `headwater top`.

mod screen;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use headwater_client::Error;
use headwater_types::{StreamName, Timestamp};
use screen::Screen;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use self::rates::{Row, rates};
use self::sample::{Counters, parse};
use self::view::Room;
use super::{print, print_json};
use crate::connect::{Connect, Output, Session};
use crate::failure::Failure;
use crate::text::time;

pub mod rates;
pub mod sample;
pub mod view;

/// Watch what goes in and out: of every stream, or of every shard of one stream.
///
/// On a terminal it is a live view until ctrl-C; into a pipe it prints one table, or as many as --count says. First
/// comes where requests are refused (THR), then where readers are more than 10 s behind, then the busiest.
/// AGE is how far the slowest reader is behind the newest record, SUBS the open subscriptions of enhanced fan-out.
/// The figures are those of Headwater's /metrics, so other servers cannot be watched.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  headwater top\n  headwater top orders\n  headwater top orders --interval 10\n  \
                        headwater top orders --count 5 --output json | jq ."
)]
pub(crate) struct Top {
    /// The stream whose shards are shown; all streams without it
    stream: Option<String>,

    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,

    /// End after so many tables [default: 1 into a pipe, no end on a terminal]
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// The output format; json is one object a table
    #[arg(long, value_enum, default_value = "text")]
    output: Output,

    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// A pipe takes whatever it is given.
const PIPE: Room = Room { lines: usize::MAX, columns: usize::MAX };

/// The counters of one moment.
struct Look {
    at: Timestamp,
    elapsed: Duration,
    counters: BTreeMap<String, Counters>,
}

pub(crate) async fn run(args: Top, session: Session) -> Result<(), Failure> {
    if let Some(name) = args.stream.as_deref().filter(|name| StreamName::new(name).is_none()) {
        let name = name.escape_debug();
        return Err(Failure::Failed(format!("{name} is no name that a stream can have")));
    }
    // The terminal is given back whichever way it ends.
    let (mut terminated, mut hung_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    tokio::select! {
        done = watch(&args, &session) => done,
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = terminated.recv() => Ok(()),
        _ = hung_up.recv() => Ok(()),
    }
}

async fn watch(args: &Top, session: &Session) -> Result<(), Failure> {
    let live = session.terminal && args.output == Output::Text;
    let count = args.count.or((!live).then_some(1));
    let interval = Duration::from_secs(args.interval);
    let clock = session.client.clock();
    let mut screen = if live { Some(Screen::open()?) } else { None };
    if let Some(screen) = &mut screen {
        screen.show("Measuring ... (ctrl-C ends)\n")?;
    }
    let mut before: Option<Look> = None;
    let mut shown = 0;
    while count.is_none_or(|count| shown < count) {
        let now = match look(args, session).await {
            Ok(now) => now,
            // Whoever watches a screen wants to see it come back; a script wants to know.
            Err(Failure::Call(error)) if error.is_transient() && screen.is_some() => {
                if let Some(screen) = &mut screen {
                    let endpoint = &session.client.config().endpoint;
                    screen.show(&format!("{endpoint} does not answer. Trying again. (ctrl-C ends)\n"))?;
                }
                clock.sleep(interval).await;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        if let Some(before) = &before {
            let rows = rates(&before.counters, &now.counters, now.elapsed.saturating_sub(before.elapsed));
            match &mut screen {
                Some(screen) => {
                    let room = screen.room();
                    let title = title(args, &now, room.columns, ", ctrl-C ends");
                    screen.show(&view::table(&title, &label(args), &rows, room))?;
                }
                None if args.output == Output::Json => print_json(&as_json(args, &now, &rows))?,
                None => {
                    let title = title(args, &now, PIPE.columns, "");
                    print(&view::table(&title, &label(args), &rows, PIPE))?;
                }
            }
            shown += 1;
        }
        before = Some(now);
        if count.is_none_or(|count| shown < count) {
            clock.sleep(interval).await;
        }
    }
    Ok(())
}

async fn look(args: &Top, session: &Session) -> Result<Look, Failure> {
    let client = &session.client;
    let (page, prefix, key) = match &args.stream {
        Some(stream) => (format!("/metrics/shards?stream={stream}"), "headwater_shard_", "shard"),
        None => ("/metrics".to_owned(), "headwater_", "stream"),
    };
    let text = match client.get_page(&page).await {
        Ok(text) if text.contains("headwater_") || args.stream.is_some() => text,
        Err(Error::NotKinesis { status: 404, .. }) if args.stream.is_some() => {
            // Says in the service's own words what is wrong with the name.
            let name = args.stream.as_deref().unwrap_or_default();
            client.describe_stream_summary(name).await?;
            return Err(unwatchable(&client.config().endpoint));
        }
        Ok(_) | Err(Error::NotKinesis { status: ..500, .. }) => {
            return Err(unwatchable(&client.config().endpoint));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Look {
        at: client.clock().now(),
        elapsed: client.clock().elapsed(),
        counters: parse(&text, prefix, key),
    })
}

fn unwatchable(endpoint: &str) -> Failure {
    Failure::Failed(format!("{endpoint} has no metrics of Headwater's, so `headwater top` cannot watch it"))
}

fn label(args: &Top) -> String {
    if args.stream.is_some() { "SHARD".to_owned() } else { "STREAM".to_owned() }
}

/// One line; a long name gives way to what is said of it.
fn title(args: &Top, look: &Look, columns: usize, hint: &str) -> String {
    let open: u64 = look.counters.values().map(|counters| counters.open).sum();
    let subscriptions: u64 = look.counters.values().map(|counters| counters.subscriptions).sum();
    let what = match &args.stream {
        Some(stream) => stream.clone(),
        None if look.counters.len() == 1 => "1 stream".to_owned(),
        None => format!("{} streams", look.counters.len()),
    };
    let (at, interval) = (time::seconds(look.at), args.interval);
    let facts =
        format!(": {open} open shards, {subscriptions} subscriptions    {at} UTC, every {interval} s{hint}");
    let name_chars = columns.saturating_sub(facts.chars().count()).max(8);
    format!("{}{facts}", view::shortened(&what, name_chars))
}

fn as_json(args: &Top, look: &Look, rows: &[Row]) -> serde_json::Value {
    let key = label(args).to_ascii_lowercase();
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                key.as_str(): row.name,
                "records_in_per_s": row.records_in,
                "bytes_in_per_s": row.bytes_in,
                "records_out_per_s": row.records_out,
                "bytes_out_per_s": row.bytes_out,
                "throttled_writes_per_s": row.throttled_writes,
                "throttled_reads_per_s": row.throttled_reads,
                "iterator_age_ms": row.iterator_age_ms,
                "subscriptions": row.subscriptions,
                "open_shards": row.open,
            })
        })
        .collect();
    json!({ "time": look.at.as_millis() as f64 / 1000.0, "interval_s": args.interval, "rows": rows })
}
