//! Starts and memory at rest.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::Servers;
use super::plan::Plan;
use crate::Result;
use crate::figures::{Floor, median};
use crate::startup;

pub(super) fn render(text: &mut String, servers: &Servers, plan: &Plan, work: &Path) -> Result<()> {
    let empty = startup::empty(&servers.ours, work, plan.starts, plan.idle)?;
    let other = startup::empty(&servers.peer, work, plan.starts, plan.idle)?;
    let stored = startup::stored(&servers.ours, work, plan.stored_bytes, plan.starts.min(3), plan.settle)?;
    let ms =
        |times: &[Duration]| median(&times.iter().map(|time| time.as_secs_f64() * 1e3).collect::<Vec<_>>());
    let gigabytes = stored.bytes as f64 / 1e9;
    let (first, crashed) = (ms(&empty.empty), ms(&stored.after_kill));
    let memory = stored.quiet_mib.max(stored.restarted_mib);
    writeln!(text, "| starts and memory | headwater | ferrokinesis | floor |")?;
    writeln!(text, "|---|---|---|---|")?;
    writeln!(
        text,
        "| start to first answer, empty directory | {first:.0} ms | {:.0} ms | {} |",
        ms(&other.empty),
        Floor::Under(50.0).verdict(first, " ms")
    )?;
    writeln!(
        text,
        "| start to first answer, {gigabytes:.1} GB stored, after kill -9 | {crashed:.0} ms | keeps nothing | {} |",
        Floor::Under(3.0).verdict(crashed / 1e3, " s")
    )?;
    writeln!(
        text,
        "| resident memory, idle | {:.1} MiB | {:.1} MiB | {} |",
        empty.idle_mib,
        other.idle_mib,
        Floor::Under(20.0).verdict(empty.idle_mib, " MiB")
    )?;
    writeln!(
        text,
        "| resident memory, {gigabytes:.1} GB stored, quiet: after the load / after a restart \
         | {:.1} / {:.1} MiB | | {} |",
        stored.quiet_mib,
        stored.restarted_mib,
        Floor::Under(150.0).verdict(memory, " MiB")
    )?;
    writeln!(
        text,
        "\nStoring the {gigabytes:.1} GB went at {:.0} MB/s of record data.",
        stored.fill_mb_per_second
    )?;
    Ok(())
}
