//! `headwater tail`.

pub(crate) mod lineage;
mod reader;
mod render;
pub(crate) mod since;

use std::io::Write;
use std::time::Duration;

use clap::Args;
use headwater_client::{Shard, StartAt};
use lineage::{Lineage, Reading};
use reader::{Event, Reader};
use render::Renderer;
use since::Since;
use tokio::sync::mpsc;

use super::remark;
use crate::connect::{Connect, Output, Session};
use crate::failure::Failure;

/// Show the records of a stream as they arrive, until interrupted.
///
/// On a terminal each record has a heading, and JSON is laid out; into a pipe the data alone is written, a record a
/// line. Shards are followed through splits and merges, children after their parents.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  headwater tail orders\n  headwater tail orders --from 10m\n  \
                        headwater tail orders --from 2026-11-21T08:00:00Z --no-follow\n  \
                        headwater tail orders --from horizon --limit 5 --output json | jq .")]
pub(crate) struct Tail {
    /// The stream
    name: String,

    /// The starting point: latest, horizon, a time (2026-11-21T08:00:00Z) or how long ago (30s, 10m, 2h, 7d)
    #[arg(long, value_name = "WHERE", default_value = "latest", value_parser = Since::parse)]
    from: Since,

    /// Read this shard only
    #[arg(long, value_name = "ID")]
    shard: Option<String>,

    /// End after this many records
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u64>,

    /// End at the newest record instead of waiting for more
    #[arg(long)]
    no_follow: bool,

    /// The output format; json is one object a line
    #[arg(long, value_enum, default_value = "text")]
    output: Output,

    #[command(flatten)]
    pub(crate) connect: Connect,
}

const PAUSE_WITHOUT_SHARDS: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: Tail, session: Session) -> Result<(), Failure> {
    tokio::select! {
        done = follow(&args, &session) => done,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn follow(args: &Tail, session: &Session) -> Result<(), Failure> {
    if args.limit == Some(0) {
        return Ok(());
    }
    let client = &session.client;
    let start = args.from.start(client.clock().now());
    let shards = shards(args, session).await?;
    if let (Some(id), true) = (&args.shard, shards.is_empty()) {
        let name = &args.name;
        return Err(Failure::Failed(format!(
            "{name} has no shard {id}; `headwater describe {name}` lists them"
        )));
    }
    let mut lineage = Lineage::new(&shards, start == StartAt::Latest && args.shard.is_none());
    let mut renderer = Renderer::new(args.output, session.terminal);
    // A few pages: readers wait while the output does.
    let (sender, mut events) = mpsc::channel(4);
    let mut left = args.limit.unwrap_or(u64::MAX);
    loop {
        for (shard_id, reading) in lineage.take_ready() {
            let start = match reading {
                Reading::AsAsked => start.clone(),
                Reading::Whole => StartAt::Horizon,
            };
            let reader = Reader {
                client: client.clone(),
                name: args.name.clone(),
                shard_id,
                start,
                to_tip_only: args.no_follow,
                events: sender.clone(),
            };
            tokio::spawn(reader.run());
        }
        if lineage.is_finished() {
            if args.no_follow || args.shard.is_some() {
                return Ok(());
            }
            // Still CREATING, or children that are not listed yet.
            client.clock().sleep(PAUSE_WITHOUT_SHARDS).await;
            lineage.observe(&client.list_shards(&args.name).await?);
            continue;
        }
        match events.recv().await.expect("the sender is ours too") {
            Event::Page(shard_id, records) => {
                let mut out = std::io::stdout().lock();
                for record in records {
                    out.write_all(&renderer.render(&shard_id, &record))?;
                    left -= 1;
                    if left == 0 {
                        out.flush()?;
                        return Ok(());
                    }
                }
                out.flush()?;
            }
            Event::Tip(shard_id) => lineage.leave(&shard_id),
            Event::End(shard_id) => {
                lineage.finish(&shard_id);
                if args.shard.is_some() {
                    remark(&format!("{shard_id} is closed and ends here"));
                } else {
                    lineage.observe(&client.list_shards(&args.name).await?);
                }
            }
            Event::Failed(failure) => return Err(failure),
        }
    }
}

async fn shards(args: &Tail, session: &Session) -> Result<Vec<Shard>, Failure> {
    let mut shards = session.client.list_shards(&args.name).await?;
    if let Some(wanted) = &args.shard {
        let short = crate::text::ring::short;
        shards.retain(|shard| shard.shard_id == *wanted || short(&shard.shard_id) == short(wanted));
    }
    Ok(shards)
}
