//! The binary against a server of its own, and the parts of it that are pure.

mod commands;
mod crash;
mod kit;
mod lineage;
mod parsing;
mod tailing;
mod text;
mod top;
