//! `headwater create`.

use clap::Args;
use headwater_client::CreateStream;

use super::remark;
use crate::connect::{Connect, Session};
use crate::failure::Failure;

/// Create a stream and wait until it can be used.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  headwater create orders --shards 4 --retention-hours 168\n  \
                        headwater create clicks --on-demand --tag team=web")]
pub(crate) struct Create {
    /// The stream's name: letters, digits, _ . and -
    name: String,

    /// The number of shards it begins with
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(i32).range(1..))]
    shards: i32,

    /// Let the server decide how many shards there are
    #[arg(long, conflicts_with = "shards")]
    on_demand: bool,

    /// The retention of records, 24 to 8760 hours
    #[arg(long, value_name = "HOURS", conflicts_with = "no_wait",
          value_parser = clap::value_parser!(i32).range(24..=8760))]
    retention_hours: Option<i32>,

    /// The largest record, 1024 to 10240 KiB
    #[arg(long, value_name = "KIB", value_parser = clap::value_parser!(i32).range(1024..=10240))]
    max_record_kib: Option<i32>,

    /// A tag, as key=value; may be given more than once
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,

    /// Return at once, while the stream is still CREATING
    #[arg(long)]
    no_wait: bool,

    #[command(flatten)]
    pub(crate) connect: Connect,
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write a tag as key=value".to_owned()),
    }
}

pub(crate) async fn run(args: Create, session: Session) -> Result<(), Failure> {
    let stream = CreateStream {
        name: &args.name,
        shards: (!args.on_demand).then_some(args.shards),
        max_record_kib: args.max_record_kib,
        tags: args.tags,
    };
    session.client.create_stream(&stream).await?;
    if args.no_wait {
        remark(&format!("{} is being created", args.name));
        return Ok(());
    }
    session.until_active(&args.name).await?;
    if let Some(hours) = args.retention_hours {
        session.client.increase_retention(&args.name, hours).await?;
        session.until_active(&args.name).await?;
    }
    remark(&format!("{} is ready", args.name));
    Ok(())
}
