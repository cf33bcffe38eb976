//! The client against scripted answers, and its configuration against made-up surroundings.

mod calls;
mod config;
mod server;
