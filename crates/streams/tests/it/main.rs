//! The meaning of streams, over the engine that keeps everything in memory and a clock that tests move.

mod consumers;
mod encryption;
mod fan_out;
mod harness;
mod lifecycle;
mod limits;
mod model;
mod reading;
mod regions;
mod resharding;
mod retention;
mod scaling;
