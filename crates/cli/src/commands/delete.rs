//! `headwater delete`.

use std::io::{self, IsTerminal, Write};

use clap::Args;

use super::remark;
use crate::connect::{Connect, Session};
use crate::failure::Failure;

/// Delete a stream and every record in it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  headwater delete orders\n  headwater delete orders --yes --wait")]
pub(crate) struct Delete {
    /// The stream
    name: String,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,

    /// Wait until the stream is gone and its name is free
    #[arg(long)]
    wait: bool,

    /// Delete it even if consumers are registered
    #[arg(long)]
    with_consumers: bool,

    #[command(flatten)]
    pub(crate) connect: Connect,
}

pub(crate) async fn run(args: Delete, session: Session) -> Result<(), Failure> {
    if !args.yes {
        ask(&args.name, &session.client.config().endpoint)?;
    }
    session.client.delete_stream(&args.name, args.with_consumers).await?;
    if args.wait {
        session.until_gone(&args.name).await?;
        remark(&format!("{} is gone", args.name));
    } else {
        remark(&format!("{} is being deleted", args.name));
    }
    Ok(())
}

fn ask(name: &str, endpoint: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("nobody is there to confirm that {name} shall go; give --yes")));
    }
    let _ = write!(io::stderr(), "Delete stream {name} at {endpoint} with every record in it? [y/N] ");
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::Failed(format!("cannot read the answer: {error}")))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Failed(format!("{name} was left as it is"))),
    }
}
