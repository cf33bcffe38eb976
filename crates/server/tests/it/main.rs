//! The whole server in this process: what a client sees, on a clock that tests move and on disks that fail.

mod damage;
mod disk_faults;
mod harness;
mod http;
mod lifecycle;
mod limits;
mod memory;
mod monitoring;
mod retention;
mod settings;
mod starting;
mod stopping;
mod throttling;
mod tokens;
