//! `soak`: the crash test for as long as one likes, by the load generator's checker; with `--fan-out` under a thousand
//! subscriptions; with `--mixed` under everything at once, with a look at what the server holds afterwards; with `--fuzz`
//! the fuzz targets instead.

use std::process::Command;

use crate::run::run as step;
use crate::workspace::Workspace;
use crate::{Result, build, fuzz, no_more, take_flag, take_value};

pub(crate) fn run(mut arguments: Vec<String>) -> Result<()> {
    let minutes = take_value(&mut arguments, "--minutes")?;
    if take_flag(&mut arguments, "--fuzz") {
        no_more(&arguments)?;
        let minutes: u32 = minutes.as_deref().unwrap_or("10").parse()?;
        return fuzz::all(&Workspace::load()?, minutes.saturating_mul(60));
    }
    let seed = take_value(&mut arguments, "--seed")?;
    let (fan_out, mixed) = (take_flag(&mut arguments, "--fan-out"), take_flag(&mut arguments, "--mixed"));
    let work = match (fan_out, mixed) {
        (true, true) => return Err("--fan-out and --mixed are two runs".into()),
        (true, false) => "fan-out-soak",
        (false, true) => "mixed-soak",
        (false, false) => "soak",
    };
    no_more(&arguments)?;
    let workspace = Workspace::load()?;
    let server = build::release_server(&workspace)?;
    let mut command = Command::new(build::generator(&workspace)?);
    command.arg(work).arg("--server").arg(server).arg("--work-dir").arg(workspace.scratch("soak")?);
    command.args(["--minutes", minutes.as_deref().unwrap_or("10")]);
    if let Some(seed) = &seed {
        command.args(["--seed", seed]);
    }
    step(&mut command)
}
