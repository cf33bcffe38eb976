//! `headwater streams`.

use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use headwater_client::StreamDescription;
use serde_json::json;

use super::{mode_for_people, print, print_json};
use crate::connect::{Connect, Output, Session};
use crate::failure::Failure;
use crate::text::table::table;
use crate::text::time;

/// List the streams, with what matters about each.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  headwater streams\n  headwater streams --output json | jq '.[].name'")]
pub(crate) struct Streams {
    /// The output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// Streams asked about at a time; AWS allows 20 such calls a second.
const AT_ONCE: usize = 8;

pub(crate) async fn run(args: Streams, session: Session) -> Result<(), Failure> {
    let (session, client) = (&session, &session.client);
    let listed = client.list_streams().await?;
    let described: Vec<StreamDescription> = stream::iter(listed)
        .map(|stream| async move {
            let describe = async || client.describe_stream_summary(&stream.stream_name).await;
            match session.patiently(describe).await {
                // Deleted since the list was made.
                Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
                other => other.map(Some),
            }
        })
        .buffered(AT_ONCE)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await?;
    match args.output {
        Output::Json => print_json(&described.iter().map(as_json).collect::<Vec<_>>()),
        Output::Text if described.is_empty() => {
            super::remark(&format!(
                "no streams at {}; `headwater create NAME` makes one",
                client.config().endpoint
            ));
            Ok(())
        }
        Output::Text => {
            let rows: Vec<_> = described.iter().map(row).collect();
            print(&table(["NAME", "STATUS", "MODE", "SHARDS", "RETENTION", "CREATED (UTC)"], &[3, 4], &rows))
        }
    }
}

fn row(stream: &StreamDescription) -> [String; 6] {
    [
        stream.stream_name.clone(),
        stream.stream_status.clone(),
        mode_for_people(&stream.stream_mode_details),
        stream.open_shard_count.to_string(),
        format!("{} h", stream.retention_period_hours),
        stream.created().map(time::seconds).unwrap_or_default(),
    ]
}

pub(super) fn as_json(stream: &StreamDescription) -> serde_json::Value {
    json!({
        "name": stream.stream_name,
        "arn": stream.stream_arn,
        "status": stream.stream_status,
        "mode": stream.stream_mode_details.stream_mode,
        "open_shards": stream.open_shard_count,
        "retention_hours": stream.retention_period_hours,
        "created": stream.created().map(|time| time.as_millis() as f64 / 1000.0),
    })
}
