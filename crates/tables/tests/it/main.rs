//! Tables, over the engine that keeps everything in memory, over the real one, and a clock that tests move.

mod harness;
mod service_control;
mod service_durable;
mod service_pages;
mod service_writes;
