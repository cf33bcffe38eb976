//! The whole server in this process: what a client sees, on a clock that tests move and on disks that fail.

mod access;
mod arriving;
mod damage;
mod disk_faults;
mod encryption;
mod fairness;
mod harness;
mod http;
mod lifecycle;
mod limits;
mod memory;
mod monitoring;
mod regions;
mod retention;
mod settings;
mod starting;
mod stopping;
mod subscribing;
mod tables;
mod throttling;
mod tokens;
mod unread;
