//! `headwater top`.

mod screen;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use headwater_client::Error;
use headwater_types::Timestamp;
use screen::Screen;
use serde_json::json;

use self::rates::{Row, rates};
use self::sample::{Counters, parse};
use super::{print, print_json};
use crate::connect::{Connect, Output, Session};
use crate::failure::Failure;
use crate::text::time;

pub mod rates;
pub mod sample;
pub mod view;

/// Watch what goes in and out: of every stream, or of every shard of one stream.
///
/// On a terminal it is a live view, the busiest first; into a pipe it prints one table, or as many as --count says.
/// AGE is how far the newest read was behind the newest record, SUBS the open subscriptions of enhanced fan-out.
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

    /// How it is printed; json is one object a table
    #[arg(long, value_enum, default_value = "text")]
    output: Output,

    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// The counters of one moment.
struct Look {
    at: Timestamp,
    elapsed: Duration,
    counters: BTreeMap<String, Counters>,
}

pub(crate) async fn run(args: Top, session: Session) -> Result<(), Failure> {
    tokio::select! {
        done = watch(&args, &session) => done,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn watch(args: &Top, session: &Session) -> Result<(), Failure> {
    let live = session.terminal && args.output == Output::Text;
    let count = args.count.or((!live).then_some(1));
    let interval = Duration::from_secs(args.interval);
    let clock = session.client.clock();
    let mut before = look(args, session).await?;
    let mut screen = if live { Some(Screen::open()?) } else { None };
    let mut shown = 0;
    while count.is_none_or(|count| shown < count) {
        if let (Some(screen), 0) = (&mut screen, shown) {
            screen.show("Measuring ...\n")?;
        }
        clock.sleep(interval).await;
        let now = match look(args, session).await {
            Ok(now) => now,
            // Whoever watches wants to see it come back.
            Err(Failure::Call(error)) if error.is_transient() => match &mut screen {
                Some(screen) => {
                    let endpoint = &session.client.config().endpoint;
                    screen.show(&format!("{endpoint} does not answer. Trying again.\n"))?;
                    continue;
                }
                None => return Err(error.into()),
            },
            Err(failure) => return Err(failure),
        };
        let rows = rates(&before.counters, &now.counters, now.elapsed.saturating_sub(before.elapsed));
        match &mut screen {
            Some(screen) => {
                screen.show(&view::table(&title(args, &now), &label(args), &rows, screen.rows()))?
            }
            None if args.output == Output::Json => print_json(&as_json(args, &now, &rows))?,
            None => print(&view::table(&title(args, &now), &label(args), &rows, usize::MAX))?,
        }
        before = now;
        shown += 1;
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

fn title(args: &Top, look: &Look) -> String {
    let open: u64 = look.counters.values().map(|counters| counters.open).sum();
    let subscriptions: u64 = look.counters.values().map(|counters| counters.subscriptions).sum();
    let what = match &args.stream {
        Some(stream) => stream.clone(),
        None if look.counters.len() == 1 => "1 stream".to_owned(),
        None => format!("{} streams", look.counters.len()),
    };
    let at = time::seconds(look.at);
    format!(
        "{what}: {open} open shards, {subscriptions} subscriptions    {at} UTC, every {} s",
        args.interval
    )
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
