//! Processor time and resident memory of a process, as the kernel reports them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Result;

/// The unit of the times in /proc/PID/stat on every Linux we know (USER_HZ).
const TICKS_PER_SECOND: u64 = 100;

/// Processor time spent up to one moment.
pub(crate) struct Busy {
    at: Instant,
    own: Duration,
    server: Option<Duration>,
    machine: Duration,
}

/// Processors kept busy between two moments.
pub(crate) struct Shares {
    /// By this process.
    pub(crate) own: f64,
    /// By the server, where its process is known.
    pub(crate) server: Option<f64>,
    /// By everything else on the machine: what spoils a measurement.
    pub(crate) others: f64,
}

impl Busy {
    pub(crate) fn now(server: Option<u32>) -> Result<Self> {
        Ok(Busy {
            at: Instant::now(),
            own: cpu_time(std::process::id())?,
            server: server.map(cpu_time).transpose()?,
            machine: machine_busy_time()?,
        })
    }

    pub(crate) fn until(&self, later: &Busy) -> Shares {
        let elapsed = later.at.duration_since(self.at).as_secs_f64();
        let share = |from: Duration, to: Duration| to.saturating_sub(from).as_secs_f64() / elapsed;
        let own = share(self.own, later.own);
        let server = self.server.zip(later.server).map(|(from, to)| share(from, to));
        let others = share(self.machine, later.machine) - own - server.unwrap_or(0.0);
        Shares { own, server, others: others.max(0.0) }
    }
}

/// User and system time of the process so far, children left out.
fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the command in parentheses and may hold anything.
    let after = stat.rsplit_once(')').ok_or("unreadable /proc/PID/stat")?.1;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Time that all processors together have spent on anything but waiting since the machine started.
fn machine_busy_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let all = stat.lines().next().ok_or("unreadable /proc/stat")?;
    let mut ticks = all.split_whitespace().skip(1).map(str::parse::<u64>);
    let mut next = || ticks.next().ok_or("unreadable /proc/stat");
    // user, nice, system, idle, iowait, irq, softirq
    let (user, nice, system) = (next()??, next()??, next()??);
    let (_idle, _iowait) = (next()??, next()??);
    let (irq, softirq) = (next()??, next()??);
    Ok(Duration::from_millis((user + nice + system + irq + softirq) * 1000 / TICKS_PER_SECOND))
}

/// Files, sockets and the like that are open.
pub(crate) fn open_files(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Bytes that the files in a directory take on the disk, those of its directories too.
pub(crate) fn disk_bytes(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // What is gone meanwhile takes nothing.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { disk_bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}

/// Resident memory.
pub(crate) fn resident_mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line =
        status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS: the process has ended")?;
    let kib: f64 = line.split_whitespace().nth(1).ok_or("unreadable VmRSS")?.parse()?;
    Ok(kib / 1024.0)
}
